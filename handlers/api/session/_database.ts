import { ngx } from "resty";

export type UserStatus = "active" | "blocked" | "unknown";

/** A row of the event log. */
export interface EventRow {
  readonly atMs: number;
  readonly event: "create" | "update" | "delete";
  readonly session: string;
  readonly userId: string;
  readonly expiresAt: number | null;
  /** Different from that of all others: who does not know whether a row was written may write it again. */
  readonly onlyOne: string;
}

/** Users and the event log, in MySQL or SQLite. @throws StoreUnavailable, StoreRefused, from all of it */
export interface SessionDatabase {
  statusOf(userId: string): Promise<UserStatus>;
  addEvents(rows: readonly EventRow[]): Promise<void>;
  /** Adds an event for each session whose end, known since it was made, was before `now`, Unix seconds. */
  addExpired(now: number): Promise<void>;
  /**
   * Adds an event for each of these sessions that has none of its end yet.
   * @param sessions As in the log: SHA-256 of the ids.
   */
  addEnded(sessions: readonly string[], atMs: number): Promise<void>;
  /** Deletes some of the oldest events, those before `beforeMs`. @returns whether there may be more of them */
  prune(beforeMs: number): Promise<boolean>;
}

async function open(): Promise<SessionDatabase | undefined> {
  const database = ngx.db("main");
  if (!database) return undefined;
  // Only the library of the one that is used is loaded.
  if (database.kind === "mysql") return new (await import("./_database_mysql.ts")).MysqlSessions(database);
  return new (await import("./_database_sqlite.ts")).SqliteSessions(database);
}

/** Undefined where the configuration has none: then all users are unknown, and nothing is noted. */
export const database = await open();
