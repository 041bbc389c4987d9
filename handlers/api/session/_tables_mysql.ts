import { bigint, char, int, mysqlEnum, mysqlTable, varchar } from "drizzle-orm/mysql-core";

/** Who may have sessions. A user who is not in it may, unless `session_users strict;` says otherwise. */
export const users = mysqlTable("users", {
  userId: varchar("user_id", { length: 255 }).primaryKey(),
  status: mysqlEnum("status", ["active", "blocked"]).notNull().default("active"),
});

/** What happened to sessions. */
export const sessionEvents = mysqlTable("session_events", {
  id: bigint("id", { mode: "number", unsigned: true }).autoincrement().primaryKey(),
  atMs: bigint("at_ms", { mode: "number", unsigned: true }).notNull(),
  event: varchar("event", { length: 16 }).notNull(),
  /** SHA-256 of the id, in hex: who reads the log cannot use the sessions in it. */
  session: char("session", { length: 64 }).notNull(),
  userId: varchar("user_id", { length: 255 }).notNull(),
  /** Unix seconds, of a session that was made and ends at a time that is known. */
  expiresAt: int("expires_at", { unsigned: true }),
  /** Unique: for what may be written again, or found out by several at once. */
  onlyOne: varchar("only_one", { length: 80 }),
});
