import { E_HEADER_WORDS, E_LENGTH, E_META, META_KEY_LENGTH, META_SCATTERED, T_BYTES } from "./layout.ts";
import type { Table } from "./table.ts";
import { Staged } from "./value.ts";
import type { Zone } from "./zone.ts";

/** What a limiter answers instead of a figure, all of which are 0 or more. */
export const REFUSED = -1;
/** There is no room for the key. */
export const NO_MEMORY = -2;

/**
 * Limiters keep a small record of 32-bit words for each key of a zone, and change it under the zone's lock. Exact:
 * two workers cannot both take what is there once. The least recently used records go when the zone is full.
 * As in nginx, a key that is empty or over 65 535 bytes is not limited.
 */
abstract class Limiter {
  protected readonly words: Int32Array;
  readonly #table: Table;
  readonly #empty: Uint8Array;
  readonly #staged = new Staged();
  protected entry = 0;

  constructor(zone: Zone, recordWords: number) {
    this.#table = zone.table;
    this.words = zone.table.words;
    this.#empty = new Uint8Array(recordWords * 4);
  }

  /**
   * Runs `change` on the record of a key, locked, as one transaction.
   * @param evict Whether others' records may go to make room for a new one; undefined to make none.
   */
  protected withRecord(
    key: string,
    evict: boolean | undefined,
    change: (record: number, isNew: boolean) => number,
  ): number {
    const table = this.#table;
    if (!table.setKey(key)) return 0;
    table.lock();
    try {
      let record = this.recordAt(table.findLive());
      const isNew = record === 0;
      if (isNew) {
        if (evict === undefined) return change(0, true);
        this.#staged.stageBytes(T_BYTES, this.#empty);
        record = this.recordAt(table.store(table.find(), this.#staged, 0, 0, evict));
        if (record === 0) return NO_MEMORY;
      } else table.use(this.entry);
      const answer = change(record, isNew);
      table.memory.commit();
      return answer;
    } finally {
      table.unlock();
    }
  }

  /** The address of an `entry`'s record; 0 for one that is not of this limiter, or lies in pieces. */
  protected recordAt(entry: number): number {
    this.entry = entry;
    if (entry === 0 || this.#table.typeOf(entry) !== T_BYTES) return 0;
    const meta = this.words[entry + E_META]!;
    if (meta & META_SCATTERED || this.words[entry + E_LENGTH] !== this.#empty.length) return 0;
    return entry + E_HEADER_WORDS + (((meta & META_KEY_LENGTH) + 3) >>> 2);
  }

  protected put(at: number, value: number): void {
    this.#table.memory.put(at, value);
  }

  protected getFloat(at: number): number {
    asWords[0] = this.words[at]!;
    asWords[1] = this.words[at + 1]!;
    return asFloat[0]!;
  }

  protected putFloat(at: number, value: number): void {
    asFloat[0] = value;
    this.put(at, asWords[0]!);
    this.put(at + 1, asWords[1]!);
  }

  /** The record is of no use after this moment, and counts as missing. */
  protected expireAt(milliseconds: number): void {
    this.#table.setExpiry(this.entry, milliseconds);
  }

  protected get table(): Table {
    return this.#table;
  }
}

const asFloat = new Float64Array(1);
const asWords = new Int32Array(asFloat.buffer);

const EXCESS = 0;
const LAST = 1; // and 2, a float
const LEAKY_WORDS = 3;

/**
 * nginx's leaky bucket, to its rounding: excess is in thousandths of a request, leaks by the millisecond, and is
 * compared with the burst before a request is let in.
 */
export class LeakyBucket extends Limiter {
  readonly #ratePerSecond: number;

  /** @param ratePerSecond In requests; `30r/m` is 0.5. nginx cuts it to thousandths, and so does this. */
  constructor(zone: Zone, ratePerSecond: number) {
    super(zone, LEAKY_WORDS);
    this.#ratePerSecond = Math.floor(ratePerSecond * 1000 + 1e-6);
  }

  /**
   * Charges one request.
   * @param burst In requests.
   * @returns The excess in thousandths, or REFUSED, which charges nothing, or NO_MEMORY. The delay that lets the
   * request in at the rate is `delayMs(excess)`.
   */
  take(key: string, burst: number, nowMs: number): number {
    return this.withRecord(key, true, (record, isNew) => {
      const excess = isNew ? 0 : this.#excess(record, nowMs);
      if (excess > burst * 1000) return REFUSED;
      this.#write(record, excess, nowMs, isNew);
      return excess;
    });
  }

  /** What `take` would answer, without charging: when several zones must agree before any is charged. */
  look(key: string, burst: number, nowMs: number): number {
    return this.withRecord(key, undefined, (record) => {
      const excess = record === 0 ? 0 : this.#excess(record, nowMs);
      return excess > burst * 1000 ? REFUSED : excess;
    });
  }

  /** Charges one request whatever the excess: `look` has found it fit. */
  charge(key: string, nowMs: number): number {
    return this.take(key, Infinity, nowMs);
  }

  /** Milliseconds to hold a request of this excess back, of which the first `delayRequests` are not held. */
  delayMs(excess: number, delayRequests = 0): number {
    return Math.max(Math.floor(((excess - delayRequests * 1000) * 1000) / this.#ratePerSecond), 0);
  }

  #excess(record: number, nowMs: number): number {
    const leaked = Math.floor((this.#ratePerSecond * this.#elapsedMs(record, nowMs)) / 1000);
    return Math.max(this.words[record + EXCESS]! - leaked + 1000, 0);
  }

  /** A clock set back leaks nothing; one set back by more than a minute leaks a little, so that it goes on. */
  #elapsedMs(record: number, nowMs: number): number {
    const elapsedMs = Math.floor(nowMs) - this.getFloat(record + LAST);
    return elapsedMs >= 0 ? elapsedMs : elapsedMs < -60_000 ? 1 : 0;
  }

  #write(record: number, excess: number, nowMs: number, isNew: boolean): void {
    this.put(record + EXCESS, Math.min(excess, 0x7fffffff));
    if (isNew || this.#elapsedMs(record, nowMs) > 0) this.putFloat(record + LAST, Math.floor(nowMs));
  }
}

/**
 * How many are at work at once for a key, over all workers. Each worker slot has a count of its own in the record, so
 * that what a killed worker had open can be given back.
 */
export class ConcurrencyLimit extends Limiter {
  readonly #slots: number;
  readonly #slot: number;

  /**
   * @param slots How many worker slots there are.
   * @param slot This worker's, from 0.
   */
  constructor(zone: Zone, slots: number, slot: number) {
    super(zone, slots);
    this.#slots = slots;
    this.#slot = slot;
  }

  /** @returns How many there are now with this one; REFUSED when `limit` are there already, or NO_MEMORY. */
  enter(key: string, limit: number): number {
    // Counts of what is at work are not given up to make room for others.
    return this.withRecord(key, false, (record) => {
      const present = this.#sum(record);
      if (present >= limit) return REFUSED;
      this.put(record + this.#slot, this.words[record + this.#slot]! + 1);
      return present + 1;
    });
  }

  /** Ends what `enter` let in. @returns How many are left. */
  leave(key: string): number {
    const left = this.withRecord(key, undefined, (record) => {
      if (record === 0) return 0;
      this.put(record + this.#slot, Math.max(this.words[record + this.#slot]! - 1, 0));
      return this.#sum(record);
    });
    if (left === 0) this.#dropIfUnused(key);
    return left;
  }

  count(key: string): number {
    return this.withRecord(key, undefined, (record) => (record === 0 ? 0 : this.#sum(record)));
  }

  /** Forgets what a worker slot had at work: to be called when its worker has died. */
  clearSlot(slot: number): void {
    let cursor = 0;
    do {
      const keys: string[] = [];
      this.table.lock();
      try {
        cursor = this.table.scan("", cursor, 100, keys);
      } finally {
        this.table.unlock();
      }
      for (const key of keys) {
        this.withRecord(key, undefined, (record) => {
          if (record !== 0) this.put(record + slot, 0);
          return 0;
        });
        this.#dropIfUnused(key);
      }
    } while (cursor !== 0);
  }

  #sum(record: number): number {
    let sum = 0;
    for (let slot = 0; slot < this.#slots; slot++) sum += this.words[record + slot]!;
    return sum;
  }

  #dropIfUnused(key: string): void {
    const { table } = this;
    if (!table.setKey(key)) return;
    table.lock();
    try {
      const record = this.recordAt(table.find());
      if (record !== 0 && this.#sum(record) === 0) table.remove(this.entry, 0);
    } finally {
      table.unlock();
    }
  }
}

/**
 * A bucket that fills with `ratePerSecond` tokens up to `capacity`, fractions included; whoever comes takes some.
 */
export class TokenBucket extends Limiter {
  readonly #ratePerSecond: number;
  readonly #capacity: number;

  constructor(zone: Zone, ratePerSecond: number, capacity: number) {
    super(zone, 4);
    this.#ratePerSecond = ratePerSecond;
    this.#capacity = capacity;
  }

  /** @returns The tokens left; when there are too few, and none was taken, REFUSED; or NO_MEMORY. */
  take(key: string, tokens: number, nowMs: number): number {
    return this.withRecord(key, true, (record, isNew) => {
      const left = (isNew ? this.#capacity : this.#filled(record, nowMs)) - tokens;
      if (left < 0) return REFUSED;
      this.putFloat(record, left);
      this.putFloat(record + 2, isNew ? nowMs : Math.max(nowMs, this.getFloat(record + 2)));
      return left;
    });
  }

  /** Milliseconds until so many tokens will be there; Infinity for more than the bucket holds. */
  waitMs(key: string, tokens: number, nowMs: number): number {
    if (tokens > this.#capacity) return Infinity;
    return this.withRecord(key, undefined, (record) => {
      const missing = record === 0 ? 0 : tokens - this.#filled(record, nowMs);
      return missing <= 0 ? 0 : (missing / this.#ratePerSecond) * 1000;
    });
  }

  #filled(record: number, nowMs: number): number {
    const elapsedMs = Math.max(nowMs - this.getFloat(record + 2), 0);
    return Math.min(this.#capacity, this.getFloat(record) + (elapsedMs * this.#ratePerSecond) / 1000);
  }
}

/**
 * At most `limit` in any window of this length, wherever it begins: the times of the last `limit` are kept, in a
 * ring, 4 bytes each. (Two counters for two windows would be smaller, and only nearly right.)
 */
export class SlidingWindow extends Limiter {
  readonly #limit: number;
  readonly #windowMs: number;

  /** @param windowMs Up to 2^31, 24 days. */
  constructor(zone: Zone, limit: number, windowMs: number) {
    super(zone, limit + 1);
    if (!(limit >= 1 && windowMs >= 1 && windowMs < 2 ** 31))
      throw new RangeError(`window: ${limit} in ${windowMs} ms`);
    this.#limit = limit;
    this.#windowMs = windowMs;
  }

  /** @returns How many more the window has room for, or REFUSED, or NO_MEMORY. */
  take(key: string, nowMs: number): number {
    return this.withRecord(key, true, (record, isNew) => {
      const taken = isNew ? 0 : this.words[record]!;
      const now = Math.floor(nowMs) | 0;
      const at = record + 1 + (taken % this.#limit);
      // The oldest of the last `limit`. Times count modulo 2^32: a key idle for so long is forgotten before.
      if (taken >= this.#limit && (now - this.words[at]!) >>> 0 < this.#windowMs) return REFUSED;
      this.put(at, now);
      this.put(record, taken + 1 < 2 * this.#limit ? taken + 1 : this.#limit);
      this.expireAt(nowMs + this.#windowMs);
      return this.#limit - this.#within(record, now);
    });
  }

  #within(record: number, now: number): number {
    const known = Math.min(this.words[record]!, this.#limit);
    let within = 0;
    for (let i = 0; i < known; i++) if ((now - this.words[record + 1 + i]!) >>> 0 < this.#windowMs) within++;
    return within;
  }
}
