import { Database } from "bun:sqlite";
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import type { BunSQLiteDatabase } from "drizzle-orm/bun-sqlite";
import { type Migration, type MigrationReport, migrationsTable, pendingAfter, readMigrations } from "./migrations.ts";

/** `sqlite NAME …` of the configuration. */
export interface SqliteOptions {
  readonly name: string;
  /** Absolute; ":memory:" is one of each worker's own. */
  readonly file: string;
  /** A folder of drizzle-kit, whose migrations are applied when the file is opened. */
  readonly migrations: string | undefined;
}

/** How long a statement waits for another process that writes; the whole worker waits with it. */
const busyTimeoutMs = 250;
/** How long the other workers wait for the one that applies migrations. */
const migratingMs = 30_000;

/** A SQLite file through drizzle-orm: the database that needs no server. */
export class Sqlite {
  readonly kind = "sqlite";
  #file: Database | undefined;
  #drizzle: BunSQLiteDatabase | undefined;

  constructor(readonly options: SqliteOptions) {}

  get name(): string {
    return this.options.name;
  }

  /** Opens or makes the file, and brings it up to date. @throws Error */
  async open(): Promise<MigrationReport> {
    const { drizzle } = await import("drizzle-orm/bun-sqlite");
    const { file } = this.options;
    if (file !== ":memory:") mkdirSync(dirname(file), { recursive: true });
    this.#file = new Database(file, { create: true, strict: true });
    // A worker that starts beside this one may be making the file; on a slow disk that takes its time.
    this.#file.run(`PRAGMA busy_timeout = ${migratingMs}`);
    // Readers do not wait for who writes; the last second may be lost when the machine fails, not when a process does.
    this.#file.run("PRAGMA journal_mode = WAL");
    this.#file.run("PRAGMA synchronous = NORMAL");
    this.#file.run("PRAGMA foreign_keys = ON");
    this.#drizzle = drizzle(this.#file);
    const report = await this.migrate();
    this.#file.run(`PRAGMA busy_timeout = ${busyTimeoutMs}`);
    return report;
  }

  /** @throws Error when it is not open */
  get drizzle(): BunSQLiteDatabase {
    if (!this.#drizzle) throw new Error(`sqlite "${this.name}" is not open`);
    return this.#drizzle;
  }

  /** Applies what is missing; of processes that try at once, one does it and the others find it done. */
  async migrate(): Promise<MigrationReport> {
    const { migrations: folder, file } = this.options;
    if (folder === undefined) return { applied: [], known: 0 };
    const migrations = readMigrations(folder);
    if (this.#pending(migrations).length === 0) return { applied: [], known: migrations.length };
    using lock = new Database(file === ":memory:" ? file : `${file}-migrating`, { create: true });
    lock.run(`PRAGMA busy_timeout = ${migratingMs}`);
    lock.run("BEGIN EXCLUSIVE");
    const applied = this.#pending(migrations);
    const { drizzle } = this;
    // As drizzle's own `migrate` does, of migrations that have been read already.
    (drizzle as unknown as Migrating).dialect.migrate(migrations, (drizzle as unknown as Migrating).session, {
      migrationsTable,
    });
    lock.run("COMMIT");
    return { applied, known: migrations.length };
  }

  #pending(migrations: readonly Migration[]): string[] {
    const made = this.#file!.query("SELECT 1 FROM sqlite_master WHERE name = ?").get(migrationsTable);
    const last = made ? this.#file!.query(`SELECT max(created_at) AS at FROM ${migrationsTable}`).get() : null;
    return pendingAfter(migrations, (last as { at: number | null } | null)?.at ?? 0);
  }

  close(): void {
    this.#file?.close();
    this.#file = undefined;
    this.#drizzle = undefined;
  }
}

interface Migrating {
  readonly dialect: { migrate(migrations: unknown, session: unknown, config: object): void };
  readonly session: unknown;
}
