import type { SharedDict } from "../../shm/dict.ts";
import { LruCache } from "./lrucache.ts";

export interface MlCacheOptions {
  /** Values of this worker; default 1000. */
  readonly capacity?: number;
  /** Lifetime of what was found; default 30. */
  readonly ttlSeconds?: number;
  /** Lifetime of "there is none"; default 5. */
  readonly negativeTtlSeconds?: number;
  /** For how long an expired value may be used while it is loaded anew, or when that fails. */
  readonly staleSeconds?: number;
}

/** What stands for "there is none" in shared memory. */
const nothing = { $nothing: true };
const isNothing = (value: unknown): boolean => typeof value === "object" && value !== null && "$nothing" in value;

/**
 * Two levels before a source: this worker's memory, then shared memory, then `load`, which of all workers one runs.
 * What `delete` and `clear` remove is gone in every worker at its next look. @see lua-resty-mlcache
 */
export class MlCache<V extends string | number | boolean | object> {
  readonly #near: LruCache<{ readonly value: V | undefined; readonly version: number }>;
  readonly #options: Required<MlCacheOptions>;
  readonly #versionKey: string;

  constructor(
    readonly name: string,
    readonly dict: SharedDict,
    options: MlCacheOptions = {},
  ) {
    this.#options = { capacity: 1000, ttlSeconds: 30, negativeTtlSeconds: 5, staleSeconds: 0, ...options };
    this.#near = new LruCache(this.#options.capacity);
    this.#versionKey = `${name} version`;
  }

  /** @param load Finds the value; undefined or null is remembered as "there is none". */
  async get(
    key: string,
    load: (key: string) => V | null | undefined | Promise<V | null | undefined>,
  ): Promise<V | undefined> {
    // One number tells whether anybody has removed anything since: cheaper than a message to each worker.
    const version = (this.dict.get(this.#versionKey) as number | undefined) ?? 0;
    const near = this.#near.get(key);
    if (near && near.version === version) return near.value;
    const { ttlSeconds, negativeTtlSeconds, staleSeconds } = this.#options;
    const full = this.#fullKey(key);
    let missing = false;
    const found = await this.dict.getOrSet<object>(
      full,
      ttlSeconds,
      async () => {
        const value = await load(key);
        missing = value === undefined || value === null;
        return missing ? nothing : { value };
      },
      { staleSeconds },
    );
    if (missing) this.dict.expire(full, negativeTtlSeconds);
    const value = found === undefined || isNothing(found) ? undefined : (found as { value: V }).value;
    const left = this.dict.ttl(full);
    this.#near.set(
      key,
      { value, version },
      typeof left === "number" && left > 0 ? left : value === undefined ? negativeTtlSeconds : ttlSeconds,
    );
    return value;
  }

  delete(key: string): void {
    this.dict.delete(this.#fullKey(key));
    this.#near.delete(key);
    this.dict.incr(this.#versionKey, 1, 0);
  }

  /** Forgets all values of this cache. */
  clear(): void {
    for (let cursor = 0; ;) {
      const { keys, cursor: next } = this.dict.scan(`${this.name}/`, cursor);
      for (const key of keys) this.dict.delete(key);
      if (next === 0) break;
      cursor = next;
    }
    this.#near.clear();
    this.dict.incr(this.#versionKey, 1, 0);
  }

  #fullKey(key: string): string {
    return `${this.name}/${key}`;
  }
}
