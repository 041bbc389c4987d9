CREATE TABLE `users` (
	`user_id` varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
	`status` enum('active','blocked') NOT NULL DEFAULT 'active',
	`created_at` int unsigned NOT NULL DEFAULT (unix_timestamp()),
	CONSTRAINT `users_user_id` PRIMARY KEY(`user_id`)
);
--> statement-breakpoint
CREATE TABLE `session_events` (
	`id` bigint unsigned AUTO_INCREMENT NOT NULL,
	`at_ms` bigint unsigned NOT NULL,
	`event` varchar(16) NOT NULL,
	`session` char(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	`user_id` varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
	`expires_at` int unsigned,
	`only_one` varchar(80) CHARACTER SET ascii COLLATE ascii_bin,
	CONSTRAINT `session_events_id` PRIMARY KEY(`id`),
	CONSTRAINT `session_events_only_one` UNIQUE(`only_one`)
);
--> statement-breakpoint
CREATE INDEX `session_events_session` ON `session_events` (`session`,`event`);
--> statement-breakpoint
CREATE INDEX `session_events_expires_at` ON `session_events` (`expires_at`);
