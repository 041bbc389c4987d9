CREATE INDEX `session_events_at_ms` ON `session_events` (`at_ms`);
