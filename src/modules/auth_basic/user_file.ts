import { readFileSync, statSync } from "node:fs";
import { fsPath } from "../../std/bytestring.ts";

interface Loaded {
  /** Tells one state of the file from another. */
  readonly stamp: string;
  readonly entries: ReadonlyMap<string, string>;
}

const loaded = new Map<string, Loaded>();
/** A name with variables can have many files. */
const loadedMax = 100;

/**
 * What the htpasswd file at `path` holds for each user, read again when it has changed.
 * @throws the file system's error when it is not there or cannot be read
 */
export function usersOf(path: string): ReadonlyMap<string, string> {
  const file = fsPath(path);
  const { mtimeMs, ctimeMs, size, ino } = statSync(file);
  const stamp = `${ino} ${size} ${mtimeMs} ${ctimeMs}`;
  const known = loaded.get(path);
  if (known?.stamp === stamp) return known.entries;
  const entries = parseUsers(readFileSync(file, "latin1"));
  if (!known && loaded.size >= loadedMax) loaded.delete(loaded.keys().next().value!);
  loaded.set(path, { stamp, entries });
  return entries;
}

/** `user:password[:comment]` lines, of which the first of a user counts. */
export function parseUsers(text: string): Map<string, string> {
  const entries = new Map<string, string>();
  for (const line of text.split("\n")) {
    const colon = line.indexOf(":");
    if (colon < 0 || line.startsWith("#")) continue;
    const user = line.slice(0, colon);
    if (!entries.has(user)) entries.set(user, /^[^:\r]*/.exec(line.slice(colon + 1))![0]);
  }
  return entries;
}
