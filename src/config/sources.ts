import { readFileSync } from "node:fs";
import { glob, globAmong } from "../std/glob.ts";

/**
 * The exact text, a byte string, of every file that a configuration was read from, by absolute path in the order of
 * reading, and that of `-g` by its name in messages. A worker that reads from these compiles what the master validated,
 * whatever happened to the files since.
 */
export type Sources = Map<string, string>;

/** Where configuration files come from. Paths are absolute. */
export interface Reader {
  /**
   * @returns The file's bytes as a byte string.
   * @throws an error with the `code` of the system call that failed.
   */
  read(path: string): string;
  /** @returns The paths that match, sorted; none is no error. */
  glob(mask: string): string[];
}

export const readFromDisk: Reader = {
  read: (path) => readFileSync(path, "latin1"),
  glob,
};

/**
 * Reads from `sources` again what another process read. What that one could not read is missing here too.
 * Of a mask, only files that were read can match.
 */
export function readFromSources(sources: ReadonlyMap<string, string>): Reader {
  return {
    read(path) {
      const bytes = sources.get(path);
      if (bytes === undefined) throw Object.assign(new Error(`no such file: ${path}`), { code: "ENOENT" });
      return bytes;
    },
    glob: (mask) => globAmong(mask, sources.keys()),
  };
}
