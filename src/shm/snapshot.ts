import { deserialize, serialize } from "bun:jsc";
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import type { SharedDict } from "./dict.ts";
import { type Item, itemsOf, storeItems } from "./items.ts";

const MAGIC = "resty snapshot 1\n";
const ITEMS_PER_CHUNK = 1000;

/**
 * Writes all live keys of a dictionary to a file: to another first, which takes its place when it is complete and on
 * disk. Each key is as it was at one moment during the call; writers are held up for one key at a time.
 * @returns How many keys it has.
 * @throws Error of the file system; the file is then as it was.
 */
export function saveSnapshot(dict: SharedDict, path: string): number {
  const temporary = `${path}.${process.pid}.new`;
  const fd = openSync(temporary, "w", 0o600);
  let checksum = 0;
  let count = 0;
  const write = (bytes: Uint8Array) => {
    checksum = Bun.hash.crc32(bytes, checksum);
    for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done);
  };
  try {
    write(Buffer.from(MAGIC));
    let chunk: Item[] = [];
    const flush = () => {
      const bytes = serialize(chunk, { binaryType: "nodebuffer" });
      write(word(bytes.length));
      write(bytes);
      count += chunk.length;
      chunk = [];
    };
    for (const item of itemsOf(dict)) if (chunk.push(item) === ITEMS_PER_CHUNK) flush();
    if (chunk.length > 0) flush();
    write(word(0));
    write(word(checksum));
    fsyncSync(fd);
    renameSync(temporary, path);
    syncFolder(dirname(path));
    return count;
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
}

function word(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

function syncFolder(path: string): void {
  if (process.platform === "win32") return; // it has no such thing
  const fd = openSync(path, "r");
  fsyncSync(fd);
  closeSync(fd);
}

/**
 * Stores what a snapshot has, but for what has expired since. Nothing is stored unless the whole file is right.
 * @returns How many keys, or why none.
 */
export function restoreSnapshot(dict: SharedDict, path: string): number | "missing" | "damaged" | "of another version" {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch {
    return "missing";
  }
  if (!bytes.subarray(0, MAGIC.length).equals(Buffer.from(MAGIC)))
    return bytes.subarray(0, 14).equals(Buffer.from(MAGIC.slice(0, 14))) ? "of another version" : "damaged";
  const end = bytes.length - 4;
  if (end < MAGIC.length + 4 || Bun.hash.crc32(bytes.subarray(0, end)) !== bytes.readUInt32LE(end)) return "damaged";
  const chunks: Item[][] = [];
  try {
    for (let at = MAGIC.length; ;) {
      const length = bytes.readUInt32LE(at);
      if (length === 0) break;
      chunks.push(deserialize(new Uint8Array(bytes.subarray(at + 4, at + 4 + length)).buffer) as Item[]);
      at += 4 + length;
    }
  } catch {
    return "of another version"; // written by a runtime whose format this one does not read
  }
  return storeItems(dict, chunks.flat());
}

export interface Persistence {
  /** Saves for the last time and stops. */
  stop(): void;
}

/**
 * Saves a dictionary every so often. One process does it for a zone, the master.
 * @param failed Gets what went wrong with one save; the next is tried all the same.
 */
export function persist(
  dict: SharedDict,
  path: string,
  everySeconds: number,
  failed: (error: unknown) => void,
): Persistence {
  const save = () => {
    try {
      saveSnapshot(dict, path);
    } catch (error) {
      failed(error);
    }
  };
  const timer = setInterval(save, everySeconds * 1000).unref();
  return {
    stop() {
      clearInterval(timer);
      save();
    },
  };
}
