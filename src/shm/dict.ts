import { E_EXPIRES, T_HASH, T_LIST, T_NUMBER } from "./layout.ts";
import { badKey, type BadKey, checked, Containers, expiryOf, finite, type StoreError } from "./containers.ts";
import type { Item } from "./items.ts";
import { type GetOrSetOptions, SingleFlight } from "./single_flight.ts";
import { typeName, type Value, type ValueType } from "./value.ts";
import type { ZoneStats } from "./stats.ts";
import type { Zone } from "./zone.ts";

export type { BadKey, GetOrSetOptions, StoreError, Value, ValueType };

/** How much of the index is looked at without letting others have the lock. */
const BUCKETS_AT_ONCE = 2048;

export interface Found {
  value: Value;
  /** As `set` was given them, 0 to 2^32 - 1. */
  flags: number;
}

/**
 * OpenResty's `ngx.shared.DICT`: keys and values in memory that all workers share. Every method is atomic across
 * workers; see shm/README.md for where it differs from OpenResty.
 *
 * A key is 1 to 65 535 bytes of UTF-8. Methods that read treat another key as one that is not there; methods that
 * write say what is wrong with it. An argument of another type than declared is a TypeError, a lifetime that is
 * negative or not a number a RangeError.
 */
export class SharedDict extends Containers {
  /** @internal */
  readonly zone: Zone;
  #singleFlight: SingleFlight | undefined;

  /** @internal */
  constructor(zone: Zone) {
    super(zone.table);
    this.zone = zone;
  }

  /** As the configuration calls it. */
  get name(): string {
    return this.zone.name;
  }

  /** Whether live keys were evicted to make room for what was stored last. */
  get forcible(): boolean {
    return this.table.forcible;
  }

  /** @returns The value; undefined when there is none, it has expired, or the key holds a list or hash. */
  get(key: string): Value | undefined {
    return this.table.setKey(checked(key)) ? this.table.read(false) : undefined;
  }

  /** As `get`, with the user flags. */
  getWithFlags(key: string): Found | undefined {
    const value = this.get(key);
    return value === undefined ? undefined : { value, flags: this.table.flags >>> 0 };
  }

  /** As `getWithFlags`, and an expired value that has not been reclaimed yet will do: then it is `stale`. */
  getStale(key: string): (Found & { stale: boolean }) | undefined {
    const table = this.table;
    const value = table.setKey(checked(key)) ? table.read(true) : undefined;
    return value === undefined ? undefined : { value, flags: table.flags >>> 0, stale: table.stale };
  }

  /** When what was read last expires or has expired, in milliseconds since 1970; 0 for never. @internal */
  get lastExpires(): number {
    return this.table.expires;
  }

  /**
   * The value at `key`; if there is none, what `load` makes, stored for `ttlSeconds`. Of all workers that miss the key
   * at once, one loads; the others wait, or take the expired value that `staleSeconds` allows.
   * @param load Undefined is handed on and not stored. What it throws is thrown to its caller; the next one tries.
   */
  getOrSet<T extends Value>(
    key: string,
    ttlSeconds: number,
    load: () => T | undefined | Promise<T | undefined>,
    options: GetOrSetOptions = {},
  ): Promise<T | undefined> {
    this.#singleFlight ??= new SingleFlight(this);
    return this.#singleFlight.get(key, ttlSeconds, load, options);
  }

  /** All that a live key holds, for `itemsOf`; undefined when there is none. @internal */
  item(key: string): Item | undefined {
    const { table } = this;
    if (!table.setKey(checked(key))) return undefined;
    table.lock();
    try {
      const entry = table.findLive();
      if (entry === 0) return undefined;
      const type = table.typeOf(entry);
      const stamp = table.stampOf(entry);
      const item = {
        key,
        stamp,
        expires: table.expiresOf(entry),
        flags: type < T_LIST ? table.flagsOf(entry) >>> 0 : 0,
      };
      if (type === T_LIST) return { ...item, held: { list: table.elements(entry) } };
      if (type === T_HASH) return { ...item, held: { hash: table.fields(entry) } };
      return { ...item, held: { value: table.valueOf(entry)! } };
    } finally {
      table.unlock();
    }
  }

  /** What kind of value a key holds; undefined when there is none. */
  typeOf(key: string): ValueType | undefined {
    if (!this.table.setKey(checked(key))) return undefined;
    const table = this.table;
    table.lock();
    try {
      const entry = table.findLive();
      return entry === 0 ? undefined : typeName(table.typeOf(entry));
    } finally {
      table.unlock();
    }
  }

  /**
   * Stores a value, whatever the key held before, and evicts the least recently used keys if there is no room.
   * @param value Undefined or null deletes the key.
   * @param ttlSeconds Lifetime, to the millisecond, at least one; 0 is for ever.
   * @param flags An unsigned 32-bit number kept with the value.
   * @returns True, or why not: then the key holds what it held.
   * @see lua-nginx-module, ngx.shared.DICT.set
   */
  set(key: string, value: Value | null | undefined, ttlSeconds = 0, flags = 0): true | StoreError {
    if (value === undefined || value === null) return this.delete(key);
    return this.#store(key, value, ttlSeconds, flags, true, "always") as true | StoreError;
  }

  /** As `set`, but evicts nothing that is live: without room it is "no memory". */
  safeSet(key: string, value: Value | null | undefined, ttlSeconds = 0, flags = 0): true | StoreError {
    if (value === undefined || value === null) return this.delete(key);
    return this.#store(key, value, ttlSeconds, flags, false, "always") as true | StoreError;
  }

  /** As `set`, only if the key is not there or has expired. */
  add(key: string, value: Value, ttlSeconds = 0, flags = 0): true | "exists" | StoreError {
    return this.#store(key, value, ttlSeconds, flags, true, "absent") as true | "exists" | StoreError;
  }

  /** As `add`, but evicts nothing that is live. */
  safeAdd(key: string, value: Value, ttlSeconds = 0, flags = 0): true | "exists" | StoreError {
    return this.#store(key, value, ttlSeconds, flags, false, "absent") as true | "exists" | StoreError;
  }

  /** As `set`, only if the key is there. */
  replace(key: string, value: Value, ttlSeconds = 0, flags = 0): true | "not found" | StoreError {
    return this.#store(key, value, ttlSeconds, flags, true, "present") as true | "not found" | StoreError;
  }

  #store(
    key: string,
    value: Value,
    ttlSeconds: number,
    flags: number,
    evict: boolean,
    when: "always" | "absent" | "present",
  ): true | "exists" | "not found" | StoreError {
    const table = this.table;
    if (!table.setKey(checked(key))) return badKey(key);
    if (!this.staged.stage(value)) return "bad value type";
    const expires = expiryOf(ttlSeconds);
    table.lock();
    try {
      const old = table.find();
      const live = old !== 0 && when !== "always" && table.isLive(old);
      if (live && when === "absent") {
        table.use(old);
        return "exists";
      }
      if (!live && when === "present") return "not found";
      return table.store(old, this.staged, expires, flags, evict) !== 0 ? true : "no memory";
    } finally {
      table.unlock();
      if (this.staged.length > 65_536) this.staged.clear();
    }
  }

  /** @returns True also when the key was not there. */
  delete(key: string): true | BadKey {
    const table = this.table;
    if (!table.setKey(checked(key))) return badKey(key);
    table.lock();
    try {
      const entry = table.find();
      if (entry !== 0) table.remove(entry, 0);
      return true;
    } finally {
      table.unlock();
    }
  }

  /**
   * Adds `delta` to the number at `key`, atomically across workers. Keeps its lifetime and flags.
   * @param init What a missing key starts from; without it, a missing key is "not found".
   * @param initTtlSeconds Lifetime of a key that `init` made, to the millisecond; 0 is for ever.
   * @returns The sum, or why there is none. Live keys may be evicted to make room.
   * @throws RangeError for a delta or init that is not finite.
   * @see lua-nginx-module, ngx.shared.DICT.incr
   */
  incr(
    key: string,
    delta: number,
    init?: number,
    initTtlSeconds = 0,
  ): number | BadKey | "not found" | "not a number" | "no memory" {
    const table = this.table;
    if (!table.setKey(checked(key))) return badKey(key);
    finite(delta);
    if (init !== undefined) finite(init);
    const expires = expiryOf(initTtlSeconds);
    table.lock();
    try {
      const entry = table.find();
      if (entry !== 0 && table.isLive(entry)) {
        table.use(entry);
        return table.typeOf(entry) === T_NUMBER ? table.addTo(entry, delta) : "not a number";
      }
      if (init === undefined) return "not found";
      this.staged.stageNumber(T_NUMBER, init + delta);
      return table.store(entry, this.staged, expires, 0, true) !== 0 ? init + delta : "no memory";
    } finally {
      table.unlock();
    }
  }

  /** @returns Seconds left, 0 for a key without expiry, "not found" also when it has expired. */
  ttl(key: string): number | "not found" {
    const table = this.table;
    if (!table.setKey(checked(key))) return "not found";
    table.lock();
    try {
      const entry = table.findLive();
      if (entry === 0) return "not found";
      const expires = table.floats[(entry + E_EXPIRES) >>> 1]!;
      return expires === 0 ? 0 : Math.max(expires - Date.now(), 1) / 1000;
    } finally {
      table.unlock();
    }
  }

  /** Gives a live key a new lifetime in seconds; 0 is for ever. An expired one stays expired. */
  expire(key: string, ttlSeconds: number): true | "not found" {
    const table = this.table;
    const expires = expiryOf(ttlSeconds);
    if (!table.setKey(checked(key))) return "not found";
    table.lock();
    try {
      const entry = table.findLive();
      if (entry === 0) return "not found";
      table.setExpiry(entry, expires);
      return true;
    } finally {
      table.unlock();
    }
  }

  /** Expires all keys at once. Their memory is reclaimed when it is needed; `getStale` may still see them. */
  flushAll(): void {
    this.table.lock();
    try {
      this.table.flush();
    } finally {
      this.table.unlock();
    }
  }

  /**
   * Frees expired keys.
   * @param max How many at most, least recently used first; 0 is all, in no order, others having their turn meanwhile.
   * @returns How many it were.
   */
  flushExpired(max = 0): number {
    const { table } = this;
    let removed = 0;
    for (let bucket = 0; bucket < (max > 0 ? 1 : table.buckets); bucket += BUCKETS_AT_ONCE) {
      table.lock();
      try {
        removed += max > 0 ? table.removeExpired(max) : table.removeExpiredIn(bucket, bucket + BUCKETS_AT_ONCE);
      } finally {
        table.unlock();
      }
    }
    return removed;
  }

  /**
   * The live keys, least recently used first. Holds the lock meanwhile, about 0.1 ms for 1000: see `scan`.
   * @param max How many at most; 0 is all.
   */
  getKeys(max = 1024): string[] {
    this.table.lock();
    try {
      return this.table.keys(max > 0 ? max : Infinity);
    } finally {
      this.table.unlock();
    }
  }

  /**
   * Some of the live keys that begin with `prefix`; the lock is held for about 0.1 µs for each key looked at.
   * @param cursor 0 to begin with, then the `cursor` of the last answer, until that is 0 again.
   * @param count About how many keys to look at, not how many to find.
   * @returns A key that is there all the while is found exactly once, one that comes or goes at most once.
   */
  scan(prefix = "", cursor = 0, count = 100): { cursor: number; keys: string[] } {
    if (!(cursor >= 0 && count >= 1)) throw new RangeError(`scan: cursor ${cursor}, count ${count}`);
    const keys: string[] = [];
    this.table.lock();
    try {
      return { cursor: this.table.scan(prefix, cursor, count, keys), keys };
    } finally {
      this.table.unlock();
    }
  }

  /**
   * Replaces a value by what `change` makes of it, as if nobody else wrote meanwhile: if somebody did, `change` is
   * called again with what is there now. It runs without the lock, and must not be async.
   * @param change Gets undefined for a missing key; returns undefined to delete it.
   * @param ttlSeconds Without it, a key that is there keeps its lifetime. Flags are kept.
   */
  update(
    key: string,
    change: (value: Value | undefined) => Value | null | undefined,
    ttlSeconds?: number,
  ): true | "not a value" | StoreError {
    for (;;) {
      const result = this.#replaceUnchanged(key, change, ttlSeconds, undefined);
      if (result !== "changed") return result;
    }
  }

  /**
   * Stores `next` if the value is equal to `expected`; undefined stands for a missing key, in both.
   * @returns "changed" when it is not.
   */
  compareAndSet(
    key: string,
    expected: Value | undefined,
    next: Value | null | undefined,
    ttlSeconds = 0,
    flags = 0,
  ): true | "changed" | "not a value" | StoreError {
    return this.#compareAndSet(key, expected, next, ttlSeconds, flags, true);
  }

  /** As `compareAndSet`, but evicts nothing that is live. */
  safeCompareAndSet(
    key: string,
    expected: Value | undefined,
    next: Value | null | undefined,
    ttlSeconds = 0,
    flags = 0,
  ): true | "changed" | "not a value" | StoreError {
    return this.#compareAndSet(key, expected, next, ttlSeconds, flags, false);
  }

  #compareAndSet(
    key: string,
    expected: Value | undefined,
    next: Value | null | undefined,
    ttlSeconds: number,
    flags: number,
    evict: boolean,
  ): true | "changed" | "not a value" | StoreError {
    let equal = false;
    const change = (value: Value | undefined) => {
      equal = Bun.deepEquals(value, expected, true);
      return equal ? next : value;
    };
    for (;;) {
      const result = this.#replaceUnchanged(key, change, ttlSeconds, flags, evict, () => equal);
      // Somebody wrote between the look and the store: maybe the same value, so look again.
      if (result !== "changed" || !equal) return result;
    }
  }

  /** One attempt: reads, changes without the lock, and stores if nobody wrote meanwhile. */
  #replaceUnchanged(
    key: string,
    change: (value: Value | undefined) => Value | null | undefined,
    ttlSeconds: number | undefined,
    newFlags: number | undefined,
    evict = true,
    wanted: () => boolean = () => true,
  ): true | "changed" | "not a value" | StoreError {
    const table = this.table;
    if (!table.setKey(checked(key))) return badKey(key);
    const newExpires = ttlSeconds === undefined ? undefined : expiryOf(ttlSeconds);
    let seen: number;
    let value: Value | undefined;
    let expires = 0;
    let flags = 0;
    table.lock();
    try {
      const entry = table.findLive();
      seen = table.stampOf(entry);
      if (entry !== 0) {
        if (table.typeOf(entry) >= T_LIST) return "not a value";
        value = table.valueOf(entry);
        expires = table.expiresOf(entry);
        flags = table.flagsOf(entry);
      }
    } finally {
      table.unlock();
    }
    const next = change(value);
    if (!wanted()) return "changed";
    const staged = this.staged;
    if (next !== undefined && next !== null && !staged.stage(next)) return "bad value type";
    table.setKey(key);
    table.lock();
    try {
      const entry = table.find();
      const live = entry !== 0 && table.isLive(entry);
      if (table.stampOf(live ? entry : 0) !== seen) return "changed";
      if (next !== undefined && next !== null)
        return table.store(entry, staged, newExpires ?? expires, newFlags ?? flags, evict) !== 0 ? true : "no memory";
      if (entry !== 0) table.remove(entry, 0);
      return true;
    } finally {
      table.unlock();
    }
  }

  // The whole

  /** The zone's size in bytes. */
  capacity(): number {
    return this.zone.sizeBytes;
  }

  /** Bytes that nothing occupies, all of them of use. Expired keys occupy theirs until they are reclaimed. */
  freeSpace(): number {
    while (this.table.hasGarbage) {
      this.table.lock();
      this.table.unlock();
    }
    return this.zone.freeBytes;
  }

  stats(): ZoneStats {
    return this.zone.stats();
  }
}
