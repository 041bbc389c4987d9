import { integer, sqliteTable, text } from "drizzle-orm/sqlite-core";

// The tables of _tables_mysql.ts, which says what they are for, in SQLite's types.

export const users = sqliteTable("users", {
  userId: text("user_id").primaryKey(),
  status: text("status", { enum: ["active", "blocked"] })
    .notNull()
    .default("active"),
});

export const sessionEvents = sqliteTable("session_events", {
  id: integer("id").primaryKey({ autoIncrement: true }),
  atMs: integer("at_ms").notNull(),
  event: text("event").notNull(),
  session: text("session").notNull(),
  userId: text("user_id").notNull(),
  expiresAt: integer("expires_at"),
  onlyOne: text("only_one"),
});
