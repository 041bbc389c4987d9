/** Levels of the error log, most urgent first, as `error_log` names them. */
export const logLevels = ["stderr", "emerg", "alert", "crit", "error", "warn", "notice", "info", "debug"] as const;
export type LogLevel = (typeof logLevels)[number];

/** Where messages of one configuration level go. `context` ends the line (`, client: …, server: …`). */
export interface Logger {
  /** Is a message of this level written at all? Ask before building a costly one. */
  enabled(level: LogLevel): boolean;
  log(level: LogLevel, message: string): void;
}
