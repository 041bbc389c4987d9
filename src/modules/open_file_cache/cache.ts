import { fstatSync, type Stats } from "node:fs";
import { DiskFile, directory, isSameFile, type Opened, openFile, statsOf, type Tested, tested } from "./disk_file.ts";

/** A file up to this size is kept whole in memory: 1 MB leaves in 122 µs from there, in 231 when read (Bun 1.4.5). */
const keptBytesMax = 1024 * 1024;
/** What one cache of one worker keeps in memory altogether; more files are kept as descriptors only. */
const keptBytesTotal = 16 * 1024 * 1024;

interface Entry {
  readonly path: string;
  found: Opened | Tested;
  /** To tell whether the file is still the one that was opened. */
  stats: Stats | undefined;
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
      this.#replace(kept, opened, undefined, nowMs);
      return opened;
    }
    const stats = fstatSync(opened.fd);
    if (kept.uses < minUses) {
      const { sizeBytes, mtimeSeconds } = opened;
      this.#replace(kept, { kind: "file", sizeBytes, mtimeSeconds }, stats, nowMs);
      return opened;
    }
    opened.retain();
    this.#replace(kept, opened, stats, nowMs);
    this.#load(opened);
    return opened;
  }

  test(path: string, validMs: number, errors: boolean, nowMs = Date.now()): Tested {
    const entry = this.#fresh(path, validMs, errors, nowMs);
    if (entry) return entry.found;
    const stats = statsOf(path);
    const found = tested(stats);
    if (found.kind === "failure" && !errors) return found;
    this.#replace(this.#add(path, nowMs), found, stats instanceof Error ? undefined : stats, nowMs);
    return found;
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
    if (entry.found.kind !== "file" || !isSameFile(entry.stats, statsOf(path))) {
      this.#drop(entry);
      return undefined;
    }
    entry.checkedMs = nowMs;
    return entry;
  }

  #add(path: string, nowMs: number): Entry {
    this.#evict(nowMs);
    const entry: Entry = { path, found: directory, stats: undefined, uses: 1, checkedMs: nowMs, usedMs: nowMs };
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

  #replace(entry: Entry, found: Opened | Tested, stats: Stats | undefined, nowMs: number): void {
    this.#let(entry.found);
    entry.found = found;
    entry.stats = stats;
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
    if (file.load()) this.#keptBytes += sizeBytes;
  }
}
