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

interface Journal {
  readonly entries: readonly { readonly tag: string }[];
}

/** Reads a folder that drizzle-kit made. @throws Error that says what is missing in it */
export async function readMigrations(folder: string): Promise<Migration[]> {
  const { readMigrationFiles } = await import("drizzle-orm/migrator");
  const read = readMigrationFiles({ migrationsFolder: folder });
  const journal = (await Bun.file(`${folder}/meta/_journal.json`).json()) as Journal;
  return read.map((migration, i) => ({ ...migration, tag: journal.entries[i]!.tag }));
}

/** Where drizzle notes what was applied. */
export const migrationsTable = "__drizzle_migrations";

export function pendingAfter(migrations: readonly Migration[], lastMillis: number): string[] {
  return migrations.filter(({ folderMillis }) => folderMillis > lastMillis).map(({ tag }) => tag);
}
