CREATE TABLE `users` (
	`user_id` text PRIMARY KEY NOT NULL,
	`status` text DEFAULT 'active' NOT NULL CHECK (`status` IN ('active', 'blocked')),
	`created_at` integer DEFAULT (unixepoch()) NOT NULL
);
--> statement-breakpoint
CREATE TABLE `session_events` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`at_ms` integer NOT NULL,
	`event` text NOT NULL,
	`session` text NOT NULL,
	`user_id` text NOT NULL,
	`expires_at` integer,
	`only_one` text
);
--> statement-breakpoint
CREATE UNIQUE INDEX `session_events_only_one` ON `session_events` (`only_one`);
--> statement-breakpoint
CREATE INDEX `session_events_session` ON `session_events` (`session`,`event`);
--> statement-breakpoint
CREATE INDEX `session_events_expires_at` ON `session_events` (`expires_at`);
