import { fstatSync, type Stats, statSync } from "node:fs";
import { fsName } from "../../std/bytestring.ts";
import {
  DiskFile,
  directory,
  failure,
  missing,
  ofStats,
  type Opened,
  openFile,
  readFully,
  type Tested,
} from "./disk_file.ts";

/** A file up to this size is kept whole in memory: 1 MB leaves in 122 µs from there, in 231 when read (Bun 1.4.5). */
const keptBytesMax = 1024 * 1024;
/** What one cache of one worker keeps in memory altogether; more files are kept as descriptors only. */
const keptBytesTotal = 16 * 1024 * 1024;

interface Entry {
  readonly path: string;
  found: Opened | Tested;
  /** To tell whether the file is still the one that was opened. */
  identity: string;
  uses: number;
  checkedMs: number;
  usedMs: number;
}

/** Open files, what was found out about others, and, if asked, that there are none. One worker's, for one directive. */
export class FileCache {
  /** In order of last use: a used entry moves to the end, the first one is evicted. */
  readonly #entries = new Map<string, Entry>();
  #keptBytes = 0;

  constructor(
    readonly max: number,
    readonly inactiveMs: number,
  ) {}

  get size(): number {
    return this.#entries.size;
  }

  open(path: string, validMs: number, minUses: number, errors: boolean, nowMs = Date.now()): Opened {
    const entry = this.#fresh(path, validMs, errors, nowMs);
    if (entry) {
      const { found } = entry;
      if (found instanceof DiskFile) {
        found.retain();
        return found;
      }
      if (found.kind !== "file") return found;
    }
    const opened = openFile(path);
    if (opened.kind === "failure" && !errors) {
      if (entry) this.#drop(entry);
      return opened;
    }
    const kept = entry ?? this.#add(path, nowMs);
    if (!(opened instanceof DiskFile)) {
      this.#replace(kept, opened, "", nowMs);
      return opened;
    }
    const identity = identityOf(fstatSync(opened.fd));
    if (kept.uses < minUses) {
      const { sizeBytes, mtimeSeconds } = opened;
      this.#replace(kept, { kind: "file", sizeBytes, mtimeSeconds }, identity, nowMs);
      return opened;
    }
    opened.retain();
    this.#replace(kept, opened, identity, nowMs);
    this.#load(opened);
    return opened;
  }

  test(path: string, validMs: number, errors: boolean, nowMs = Date.now()): Tested {
    const entry = this.#fresh(path, validMs, errors, nowMs);
    if (entry) return entry.found;
    const stats = statsOf(path);
    const tested = stats instanceof Error ? failure("stat()", stats) : stats ? ofStats(stats) : missing;
    if (tested.kind === "failure" && !errors) return tested;
    const identity = stats && !(stats instanceof Error) ? identityOf(stats) : "";
    this.#replace(this.#add(path, nowMs), tested, identity, nowMs);
    return tested;
  }

  /** Closes what it holds. */
  clear(): void {
    for (const entry of [...this.#entries.values()]) this.#drop(entry);
  }

  /** The entry for `path`, if what it says still holds; checked again when it is older than `validMs`. */
  #fresh(path: string, validMs: number, errors: boolean, nowMs: number): Entry | undefined {
    const entry = this.#entries.get(path);
    if (!entry) return undefined;
    if (nowMs - entry.usedMs >= 1000 || this.#entries.size >= this.max) {
      // Moving an entry costs more than using it: once a second is order enough, unless something must leave soon.
      this.#entries.delete(path);
      this.#entries.set(path, entry);
    }
    entry.usedMs = nowMs;
    entry.uses++;
    if (nowMs - entry.checkedMs <= validMs) return entry.found.kind === "failure" && !errors ? undefined : entry;
    if (entry.found.kind !== "file" || entry.identity !== identityNow(path)) {
      this.#drop(entry);
      return undefined;
    }
    entry.checkedMs = nowMs;
    return entry;
  }

  #add(path: string, nowMs: number): Entry {
    this.#evict(nowMs);
    const entry: Entry = { path, found: directory, identity: "", uses: 1, checkedMs: nowMs, usedMs: nowMs };
    this.#entries.set(path, entry);
    return entry;
  }

  /** Makes room for one more, and lets go of what nobody asked for lately. */
  #evict(nowMs: number): void {
    for (const entry of this.#entries.values()) {
      const inactive = nowMs - entry.usedMs > this.inactiveMs;
      if (!inactive && this.#entries.size < this.max) return;
      this.#drop(entry);
    }
  }

  #replace(entry: Entry, found: Opened | Tested, identity: string, nowMs: number): void {
    this.#let(entry.found);
    entry.found = found;
    entry.identity = identity;
    entry.checkedMs = nowMs;
  }

  #drop(entry: Entry): void {
    if (this.#entries.get(entry.path) === entry) this.#entries.delete(entry.path);
    this.#let(entry.found);
    entry.found = directory;
  }

  #let(found: Opened | Tested): void {
    if (!(found instanceof DiskFile)) return;
    if (found.bytes) this.#keptBytes -= found.bytes.length;
    found.release();
  }

  #load(file: DiskFile): void {
    const { sizeBytes } = file;
    if (sizeBytes === 0 || sizeBytes > keptBytesMax || this.#keptBytes + sizeBytes > keptBytesTotal) return;
    const bytes = Buffer.allocUnsafeSlow(sizeBytes);
    if (readFully(file.fd, bytes, sizeBytes, 0) < sizeBytes) return;
    file.bytes = bytes;
    this.#keptBytes += sizeBytes;
  }
}

/** Changes whenever the name leads to another file or the file was written to. */
function identityOf({ dev, ino, size, mtimeMs, ctimeMs }: Stats): string {
  return `${dev} ${ino} ${size} ${mtimeMs} ${ctimeMs}`;
}

function identityNow(path: string): string {
  const stats = statsOf(path);
  return stats && !(stats instanceof Error) ? identityOf(stats) : "";
}

function statsOf(path: string): Stats | Error | undefined {
  try {
    return statSync(fsName(path), { throwIfNoEntry: false });
  } catch (error) {
    return error as Error;
  }
}
