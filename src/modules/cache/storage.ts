import { mkdirSync } from "node:fs";
import { SharedDict } from "../../shm/dict.ts";

export interface StorageOptions {
  readonly name: string;
  /** Absolute, without a slash at the end. */
  readonly folder: string;
  /** How many characters of the hash name the folders of each level, innermost last. */
  readonly levels: readonly number[];
  readonly inactiveMs: number;
  /** Bytes; Infinity is without limit. */
  readonly maxBytes: number;
  /** Bytes that are to stay free on the file system. */
  readonly minFreeBytes: number;
  readonly useTempPath: boolean;
}

/** How long a lock outlives a worker that died holding it. */
const lockSecondsMax = 60;
let temporaries = 0;

/**
 * One `…_cache_path`: a tree of files, which are the truth, and a zone in shared memory with what concerns all workers
 * for a moment only: who is fetching what, and how often a key was asked for.
 */
export class Storage {
  /** Once the worker has started. */
  dict: SharedDict | undefined;
  /** Requests of this worker that wait for another one to bring an answer. */
  readonly #waiting = new Map<string, (() => void)[]>();

  constructor(readonly options: StorageOptions) {}

  prepare(): void {
    mkdirSync(this.options.folder, { recursive: true, mode: 0o700 });
  }

  /** Where the answer of that hash is: for levels 1:2 in the folder of its last digit, then of the two before. */
  pathOf(hash: string): string {
    let path = this.options.folder;
    let end = hash.length;
    for (const level of this.options.levels) {
      path += `/${hash.slice(end - level, end)}`;
      end -= level;
    }
    return `${path}/${hash}`;
  }

  temporaryFor(path: string, tempFolder: string): string {
    const unique = `${process.pid}.${++temporaries}`;
    if (!this.options.useTempPath) return `${path}.${unique}.tmp`;
    return `${tempFolder}/${path.slice(path.lastIndexOf("/") + 1)}.${unique}.tmp`;
  }

  /** Counts a use. @returns how many there were while the key was not forgotten */
  used(hash: string): number {
    const count = this.dict!.incr(`u${hash}`, 1, 0, this.options.inactiveMs / 1000);
    return typeof count === "number" ? count : 1;
  }

  /** @returns false when somebody is fetching this already. */
  lock(hash: string, seconds = lockSecondsMax): boolean {
    return this.dict!.add(`l${hash}`, 1, Math.max(seconds, 0.001)) !== "exists";
  }

  isLocked(hash: string): boolean {
    return this.dict!.get(`l${hash}`) !== undefined;
  }

  unlock(hash: string): void {
    this.dict!.delete(`l${hash}`);
    const waiting = this.#waiting.get(hash);
    this.#waiting.delete(hash);
    if (waiting) for (const wake of waiting) wake();
  }

  /** Resolves when this worker's fetch is over, or after `ms`: another worker's is only seen by looking again. */
  unlocked(hash: string, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      const wake = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const waiting = this.#waiting.get(hash);
      if (waiting) waiting.push(wake);
      else this.#waiting.set(hash, [wake]);
    });
  }

  /** Bytes that were stored since they were last counted, in all workers. */
  get addedBytes(): number {
    const bytes = this.dict?.get("bytes");
    return typeof bytes === "number" ? bytes : 0;
  }

  added(bytes: number): void {
    this.dict!.incr("bytes", bytes, 0);
  }
}
