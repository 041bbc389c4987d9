import type { Storage } from "./storage.ts";
import { nodeFsPromises } from "../../std/builtins.ts";

interface Entry {
  readonly path: string;
  readonly bytes: number;
  readonly usedMs: number;
}

/** A file that was being written so long ago belongs to a worker that is no more. */
const abandonedMs = 3_600_000;
const lookMs = 1000;
/** How often all files are looked at, at most and at least. */
const scanMsMin = 1000;
const scanMsMax = 60_000;

/**
 * Removes what was not used for `inactive` and, when there is too much, what was used longest ago. Of all workers the
 * one that holds a lease in the zone does it; when it dies, another one takes the lease up.
 */
export class CacheManager {
  #timer: Timer | undefined;
  #nextScanMs = 0;
  #scanning = false;
  readonly #self = `${process.pid}`;

  constructor(private readonly storage: Storage) {}

  start(): void {
    this.#timer = setInterval(() => void this.#look(), lookMs).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    const { options, dict, addedBytes } = this.storage;
    if (this.#scanning || !dict || !this.#leads()) return;
    const isFull = Number.isFinite(options.maxBytes) && addedBytes > options.maxBytes;
    if (Date.now() < this.#nextScanMs && !isFull) return;
    this.#scanning = true;
    try {
      await this.scan(Date.now());
    } finally {
      this.#scanning = false;
      this.#nextScanMs = Date.now() + Math.min(scanMsMax, Math.max(scanMsMin, options.inactiveMs / 4));
    }
  }

  #leads(): boolean {
    const dict = this.storage.dict!;
    const leaseSeconds = (lookMs / 1000) * 5;
    if (dict.add("manager", this.#self, leaseSeconds) !== "exists") return true;
    if (dict.get("manager") !== this.#self) return false;
    dict.set("manager", this.#self, leaseSeconds);
    return true;
  }

  /** One round over all files. */
  async scan(nowMs: number): Promise<void> {
    const { options, dict } = this.storage;
    const kept: Entry[] = [];
    let bytes = 0;
    for (const entry of await entriesOf(options.folder)) {
      const isTemporary = entry.path.endsWith(".tmp");
      if (nowMs - entry.usedMs > (isTemporary ? abandonedMs : options.inactiveMs)) await remove(entry.path);
      else if (!isTemporary) {
        kept.push(entry);
        bytes += entry.bytes;
      }
    }
    let excess = Math.max(bytes - options.maxBytes, await this.#missingBytes());
    if (excess > 0) {
      kept.sort((a, b) => a.usedMs - b.usedMs);
      for (const entry of kept) {
        if (excess <= 0) break;
        await remove(entry.path);
        excess -= entry.bytes;
        bytes -= entry.bytes;
      }
    }
    dict?.set("bytes", bytes);
  }

  /** How much less than `min_free` the file system has. */
  async #missingBytes(): Promise<number> {
    const { folder, minFreeBytes } = this.storage.options;
    if (minFreeBytes === 0) return 0;
    const { bavail, bsize } = await nodeFsPromises().statfs(folder);
    return minFreeBytes - bavail * bsize;
  }
}

async function entriesOf(folder: string): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (const found of await nodeFsPromises()
    .readdir(folder, { withFileTypes: true })
    .catch(() => [])) {
    const path = `${folder}/${found.name}`;
    if (found.isDirectory()) entries.push(...(await entriesOf(path)));
    else if (/^[0-9a-f]{32}(?:\..*\.tmp)?$/.test(found.name)) {
      const stats = await nodeFsPromises()
        .stat(path)
        .catch(() => undefined);
      if (stats) entries.push({ path, bytes: stats.size, usedMs: Math.max(stats.atimeMs, stats.mtimeMs) });
    }
  }
  return entries;
}

async function remove(path: string): Promise<void> {
  await nodeFsPromises()
    .unlink(path)
    .catch(() => undefined); // another worker may have replaced or removed it
}
