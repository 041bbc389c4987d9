import { readFileSync } from "node:fs";
import type { MigrationMeta } from "drizzle-orm/migrator";

/** What `migrate` found to do, and did. */
export interface MigrationReport {
  /** Names of the migrations that the database did not have yet. */
  readonly applied: readonly string[];
  readonly known: number;
}

/** A migration as drizzle-kit writes it, with the name of its file. */
export interface Migration extends MigrationMeta {
  readonly tag: string;
}

/** As much of drizzle-kit's list of migrations as is used. */
interface Journal {
  readonly entries: readonly { readonly tag: string; readonly when: number; readonly breakpoints: boolean }[];
}

/** What drizzle-kit puts between two statements. */
const statementBreak = "--> statement-breakpoint";

/**
 * Reads a folder that drizzle-kit made. drizzle's own reader would load node:crypto, 5 ms of each worker's start.
 * @throws Error that says what is missing in it
 */
export function readMigrations(folder: string): Migration[] {
  const { entries } = JSON.parse(textOf(`${folder}/meta/_journal.json`, folder)) as Journal;
  return entries.map(({ tag, when, breakpoints }) => {
    const text = textOf(`${folder}/${tag}.sql`, folder);
    const hash = new Bun.CryptoHasher("sha256").update(text).digest("hex");
    return { tag, sql: text.split(statementBreak), bps: breakpoints, folderMillis: when, hash };
  });
}

function textOf(file: string, folder: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new Error(`no file ${file} in the folder of migrations ${folder}`, { cause });
  }
}

/** Where drizzle notes what was applied. */
export const migrationsTable = "__drizzle_migrations";

export function pendingAfter(migrations: readonly Migration[], lastMillis: number): string[] {
  return migrations.filter(({ folderMillis }) => folderMillis > lastMillis).map(({ tag }) => tag);
}
