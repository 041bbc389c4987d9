import { lstatSync, readdirSync, type Stats, statSync } from "node:fs";
import type { Request } from "../../core/request.ts";
import { fsName } from "../../std/bytestring.ts";
import { describeErrno } from "../../std/errno.ts";

/** One line of a listing. Names are byte strings. */
export interface Entry {
  readonly name: string;
  readonly kind: "directory" | "file" | "other";
  readonly sizeBytes: number;
  readonly mtimeSeconds: number;
}

/**
 * What is in a directory but for names that begin with a dot: directories first, then by the bytes of the names.
 * @throws NodeJS.ErrnoException when the directory cannot be read
 */
export function entriesOf(request: Request, directory: string): Entry[] {
  const entries: Entry[] = [];
  for (const bytes of readdirSync(fsName(directory), { encoding: "buffer" })) {
    const name = bytes.toString("latin1");
    if (name.startsWith(".")) continue;
    const stats = statsOf(request, `${directory}/${name}`);
    if (!stats) continue;
    const kind = stats.isDirectory() ? "directory" : stats.isFile() ? "file" : "other";
    entries.push({ name, kind, sizeBytes: stats.size, mtimeSeconds: Math.floor(stats.mtimeMs / 1000) });
  }
  return entries.sort(compare);
}

/** Of what a link leads to, or of the link itself where that is nowhere. */
function statsOf(request: Request, path: string): Stats | undefined {
  try {
    return statSync(fsName(path));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EACCES") {
      request.log("crit", `stat() "${path}" failed (${describeErrno(error)})`);
      return undefined;
    }
    if (code !== "ENOENT" && code !== "ELOOP") throw error;
    return lstatSync(fsName(path), { throwIfNoEntry: false });
  }
}

function compare(a: Entry, b: Entry): number {
  const first = a.kind === "directory";
  if (first !== (b.kind === "directory")) return first ? -1 : 1;
  return a.name < b.name ? -1 : 1;
}
