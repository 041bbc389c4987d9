import { edenGC } from "bun:jsc";
import { lastWord } from "./arena.ts";
import {
  BUCKET_WORDS,
  E_CHAIN,
  E_EXPIRES,
  E_FLAGS,
  E_HASH,
  E_HEADER_WORDS,
  E_LENGTH,
  E_META,
  E_NUMBER,
  E_STAMP,
  E_STAMP_HIGH,
  F_STATS,
  GRANULE_WORDS,
  H_BUCKETS,
  H_BUCKETS_AT,
  H_GARBAGE,
  H_GENERATION,
  H_SEED,
  H_TOUCHED_AT,
  KEY_BYTES_MAX,
  META_FIELD,
  META_GENERATION_SHIFT,
  META_KEY,
  META_KEY_LENGTH,
  META_SCATTERED,
  META_TYPE,
  META_TYPE_SHIFT,
  S_HITS,
  S_LOCK_WAITS,
  S_MISSES,
  S_RECOVERIES,
  T_BOOLEAN,
  T_LIST,
  T_NUMBER,
  T_STRUCTURED,
  T_UTF16,
} from "./layout.ts";
import type { Memory, TextBuffer } from "./memory.ts";
import { loadFirst, loadLast } from "./order.ts";
import { Texts } from "./texts.ts";
import { copyOut, revive, type Value } from "./value.ts";

const HEADER_BYTES = E_HEADER_WORDS * 4;
/** Attempts of a read without the lock before it queues for the lock. */
const READ_ATTEMPTS = 100;
/** Longest key, in characters, that is copied one by one. */
const SHORT_KEY = 64;
const COLLECT_AFTER_BYTES = 4 * 2 ** 20;
/** From this size on the runtime frees strings late if it is helped, so it is left alone. */
const LARGE_BYTES = 128 * 1024;
/** One for all zones: a key is set and used without anything else in between. */
const keyScratch = Buffer.alloc(3 * KEY_BYTES_MAX + 16) as TextBuffer;
/** What a reader gets that was overtaken by a writer. */
const CHANGED = Symbol("changed");

/**
 * The reading half of a zone's table: a hash index over the arena.
 *
 * Reading takes no lock. Each bucket has a sequence that is odd while its chain, or what hangs on it, changes; a
 * reader that finds it changed starts again. So writers disturb only readers of the same bucket, and readers never
 * write to what other readers read, but for one byte: an entry's touched mark, set when it is not.
 *
 * A method that says "locked" is called between `lock` and `unlock`; what it changes is committed when it returns.
 */
export abstract class Reader {
  readonly memory: Memory;
  readonly words: Int32Array;
  readonly floats: Float64Array;
  readonly bytes: TextBuffer;

  readonly #seed: number;
  protected readonly bucketsAt: number;
  protected readonly bucketMask: number;
  protected readonly touchedAt: number;

  /** The key being looked for, padded with zeros to whole words. */
  readonly keyBytes = keyScratch;
  readonly keyWords = new Int32Array(this.keyBytes.buffer, this.keyBytes.byteOffset, this.keyBytes.length >>> 2);
  /** Its length in bytes, with `META_FIELD` when it is a field's. */
  keyLength = 0;
  protected hash = 0;
  protected bucket = 0;
  /** Address of the word that led to the entry `find` found, until a removal makes it `linkStale`. */
  protected link = 0;
  protected linkStale = false;
  #gathered = Buffer.alloc(1024) as TextBuffer;

  /** User flags and staleness of what was last read. */
  flags = 0;
  stale = false;
  /** When what was last read expires or expired, in milliseconds since 1970; 0 for never. */
  expires = 0;
  #hits = 0;
  #misses = 0;
  #unpublished = 0;
  #publishing: ReturnType<typeof setTimeout> | undefined;
  #copiedBytes = 0;
  #texts: Texts | undefined;

  constructor(memory: Memory) {
    this.memory = memory;
    const words = memory.words;
    this.words = words;
    this.floats = memory.floats;
    this.bytes = memory.bytes;
    this.#seed = words[H_SEED]!;
    this.bucketsAt = words[H_BUCKETS_AT]!;
    this.bucketMask = words[H_BUCKETS]! - 1;
    this.touchedAt = words[H_TOUCHED_AT]! * 4;
  }

  lock(): void {
    if (!this.memory.lock()) {
      this.repair();
      this.floats[F_STATS + S_RECOVERIES]! += 1;
    }
    if (this.words[H_GARBAGE] !== 0) this.drain(500);
  }

  /** To be called whatever happened since `lock`: an exception's half-done work is taken back first. */
  unlock(): void {
    if (this.memory.changing) this.repair();
    this.memory.unlock();
  }

  /** Locked. Takes back what a process that died, or ran out of stack, had half done. */
  protected abstract repair(): void;

  /** Locked. Frees removed blocks, up to this many. */
  abstract drain(steps: number): void;

  // Keys

  /** @returns Whether it can be a key: 1 to 65 535 bytes of UTF-8. A lone surrogate counts as U+FFFD. */
  setKey(key: string): boolean {
    const length = key.length;
    if (length <= SHORT_KEY && this.#setShortKey(key, length)) return length > 0;
    if (length > KEY_BYTES_MAX) return false;
    const bytes = this.keyBytes.utf8Write(key, 0, 3 * KEY_BYTES_MAX);
    if (bytes > KEY_BYTES_MAX) return false;
    this.#setKeyLength(bytes, 0);
    return true;
  }

  /** Character by character: 14 ns for 32 of them, which a call out of compiled code takes before it begins. */
  #setShortKey(key: string, length: number): boolean {
    const words = this.keyWords;
    let all = 0;
    let at = 0;
    for (; at + 4 <= length; at += 4) {
      const a = key.charCodeAt(at);
      const b = key.charCodeAt(at + 1);
      const c = key.charCodeAt(at + 2);
      const d = key.charCodeAt(at + 3);
      all |= a | b | c | d;
      words[at >>> 2] = a | (b << 8) | (c << 16) | (d << 24);
    }
    let last = 0;
    for (let shift = 0; at < length; at++, shift += 8) {
      const a = key.charCodeAt(at);
      all |= a;
      last |= a << shift;
    }
    if (all > 127) return false;
    words[length >>> 2] = last;
    this.#setKeyLength(length, 0);
    return true;
  }

  /** A key that no user can have and `keys` does not show, for marks of our own. */
  setHiddenKey(name: string): boolean {
    return this.setFieldKey(0, name); // hashes count from 1
  }

  /** The key of a field: the identity of its hash, then its name. */
  setFieldKey(identity: number, field: string): boolean {
    if (field.length > KEY_BYTES_MAX) return false;
    this.keyWords[0] = identity;
    this.keyWords[1] = identity / 2 ** 32;
    const length = 8 + this.keyBytes.utf8Write(field, 8, 3 * KEY_BYTES_MAX);
    if (length > KEY_BYTES_MAX) return false;
    this.#setKeyLength(length, META_FIELD);
    return true;
  }

  #setKeyLength(length: number, field: number): void {
    const words = this.keyWords;
    const last = length >>> 2;
    if (length & 3) words[last]! &= (1 << ((length & 3) << 3)) - 1;
    // Two lanes of multiply and shift, each word into one of them; the seed is the zone's, so that nobody who sends
    // keys can foresee collisions.
    let a = this.#seed ^ length;
    let b = this.#seed ^ field ^ 0x9e3779b9;
    const count = (length + 3) >>> 2;
    for (let i = 0; i < count; i += 2) {
      a = Math.imul(a ^ words[i]!, 0x85ebca6b);
      a ^= a >>> 15;
      if (i + 1 < count) b = Math.imul(b ^ words[i + 1]!, 0xc2b2ae35);
      b ^= b >>> 13;
    }
    a = Math.imul(a ^ (b >>> 16) ^ (b << 11), 0x27d4eb2f);
    a ^= a >>> 15;
    this.keyLength = length | field;
    this.hash = a;
    this.bucket = this.bucketsAt + (a & this.bucketMask) * BUCKET_WORDS;
  }

  #sameKey(entry: number): boolean {
    const words = this.words;
    const length = this.keyLength & META_KEY_LENGTH;
    if (words[entry + E_META]! & META_SCATTERED) {
      if (!this.gather(entry, HEADER_BYTES, 0, length)) return false;
      return this.#gathered.compare(this.keyBytes, 0, length, 0, length) === 0;
    }
    const count = (length + 3) >>> 2;
    for (let i = 0; i < count; i++) if (words[entry + E_HEADER_WORDS + i] !== this.keyWords[i]) return false;
    return true;
  }

  // Reading

  /**
   * Reads the value at the key set last, without the lock. Leaves its `flags`, and whether it was `stale`.
   * @param evenStale Whether an expired value that is still there will do.
   */
  read(evenStale: boolean): Value | undefined {
    for (let attempt = 0; attempt < READ_ATTEMPTS; attempt++) {
      const sequence = loadFirst(this.words, this.bucket);
      const value = this.#readOnce(evenStale, sequence);
      if (value !== CHANGED) return this.#counted(value as Value | undefined);
    }
    this.lock(); // which also repairs what a dead writer left half done
    const value = this.#readOnce(evenStale, this.words[this.bucket]!);
    this.unlock();
    return this.#counted(value as Value | undefined);
  }

  /** As `read`, of a mark of our own: not counted. */
  peek(): Value | undefined {
    this.lock();
    try {
      const entry = this.findLive();
      return entry === 0 ? undefined : this.valueOf(entry);
    } finally {
      this.unlock();
    }
  }

  /** Whether all that was read since the bucket's sequence was looked at is of one time. */
  #unchanged(sequence: number): boolean {
    return loadLast(this.words, this.bucket) === sequence && (sequence & 1) === 0;
  }

  #readOnce(evenStale: boolean, sequence: number): Value | undefined | typeof CHANGED {
    const words = this.words;
    const bucket = this.bucket;
    const hash = this.hash;
    let entry = words[bucket + 1]!;
    for (let steps = 0; entry !== 0; entry = words[entry + E_CHAIN]! | 0) {
      if (words[entry + E_HASH] === hash && (words[entry + E_META]! & META_KEY) === this.keyLength)
        if (this.#sameKey(entry)) break;
      // A chain that changes under a reader can lead anywhere, also in circles.
      if ((++steps & 1023) === 0 && !this.#unchanged(sequence)) return CHANGED;
    }
    const meta = entry === 0 ? 0 : words[entry + E_META]!;
    const expires = entry === 0 ? 0 : this.floats[(entry + E_EXPIRES) >>> 1]!;
    const live =
      entry !== 0 && meta >>> META_GENERATION_SHIFT === words[H_GENERATION] && (expires === 0 || expires > Date.now());
    if (!live && (entry === 0 || !evenStale)) return this.#unchanged(sequence) ? undefined : CHANGED;

    const type = (meta & META_TYPE) >>> META_TYPE_SHIFT;
    const flags = words[entry + E_FLAGS]!;
    let value: Value | undefined;
    if (type === T_NUMBER) value = this.floats[(entry + E_NUMBER) >>> 1]!;
    else if (type === T_BOOLEAN) value = this.floats[(entry + E_NUMBER) >>> 1] !== 0;
    else if (type < T_LIST) {
      const stampLow = words[entry + E_STAMP]!;
      const stampHigh = words[entry + E_STAMP_HIGH]!;
      const known = type <= T_UTF16 ? this.#texts?.get(hash, stampLow, stampHigh) : undefined;
      if (known !== undefined)
        return this.#unchanged(sequence) ? this.#found(entry, known, flags, live, expires) : CHANGED;
      const keyBytes = ((meta & META_KEY_LENGTH) + 3) & ~3;
      const length = words[entry + E_LENGTH]!;
      const scattered = (meta & META_SCATTERED) !== 0;
      // Only what is known to be a length may size anything large.
      if ((length >>> 0 > 4096 || scattered) && !this.#unchanged(sequence)) return CHANGED;
      if (scattered && !this.gather(entry, HEADER_BYTES, keyBytes, length)) return CHANGED;
      const from = scattered ? 0 : entry * 4 + HEADER_BYTES + keyBytes;
      if (from + length > this.bytes.length && !scattered) return CHANGED;
      value = copyOut(type, scattered ? this.#gathered : this.bytes, from, length);
      this.#collectSoon(length);
      if (!this.#unchanged(sequence)) return CHANGED;
      if (type === T_STRUCTURED) value = revive(type, value as Uint8Array);
      else if (type <= T_UTF16)
        (this.#texts ??= new Texts(this.bytes.length)).add(hash, stampLow, stampHigh, value as string, length);
      return this.#found(entry, value, flags, live, expires);
    }
    return this.#unchanged(sequence) ? this.#found(entry, value, flags, live, expires) : CHANGED;
  }

  #found(entry: number, value: Value | undefined, flags: number, live: boolean, expires: number): Value | undefined {
    this.flags = flags;
    this.stale = !live;
    this.expires = expires;
    this.touch(entry);
    return value;
  }

  /**
   * The runtime takes the mapping for garbage-to-be of its own and would let as much again pile up before it
   * collects: reading 200-byte strings from a zone of 64 MB grew a process to 2 GB. A look at the young ones after
   * every 4 MB costs 5 ns a string, keeps it at 50 MB, and what they are written to in the processor's caches: 1 KB
   * then takes 75 ns, without 310 (Bun 1.4.5).
   */
  #collectSoon(bytes: number): void {
    this.#copiedBytes += bytes < LARGE_BYTES ? bytes + 64 : 64;
    if (this.#copiedBytes < COLLECT_AFTER_BYTES) return;
    this.#copiedBytes = 0;
    edenGC();
  }

  /**
   * Copies `length` bytes of a scattered block's payload, from byte `from` of it, to the start of `gathered`.
   * @returns False when the chain of blocks is broken, as it can look to a reader without the lock.
   */
  gather(block: number, headerBytes: number, from: number, length: number): boolean {
    if (this.#gathered.length < length) this.#gathered = Buffer.alloc(length * 2) as TextBuffer;
    const words = this.words;
    let done = 0;
    let skip = from;
    let start = block * 4 + headerBytes;
    while (done < length) {
      const end = lastWord(words, block) * 4;
      if (!(end > start && end <= this.bytes.length)) return false;
      const here = Math.min(end - start - skip, length - done);
      if (here > 0) {
        this.bytes.copy(this.#gathered, done, start + skip, start + skip + here);
        done += here;
        skip = 0;
      } else skip -= end - start;
      block = words[end >>> 2]!;
      start = block * 4 + 4;
    }
    return true;
  }

  get gathered(): TextBuffer {
    return this.#gathered;
  }

  /** Marks an entry as used. A mark that comes too late, for a block that is already another's, does no harm. */
  touch(entry: number): void {
    const at = this.touchedAt + entry / GRANULE_WORDS;
    if (this.bytes[at] === 0) this.bytes[at] = 1;
  }

  /** Locked. The entry at the key set last, expired or not; 0 when there is none. */
  find(): number {
    const words = this.words;
    this.linkStale = false;
    this.link = this.bucket + 1;
    let entry = words[this.link]!;
    while (entry !== 0) {
      if (words[entry + E_HASH] === this.hash && (words[entry + E_META]! & META_KEY) === this.keyLength)
        if (this.#sameKey(entry)) break;
      this.link = entry + E_CHAIN;
      entry = words[this.link]!;
    }
    return entry;
  }

  /** Locked. As `find`, but an expired entry is none. */
  findLive(): number {
    const entry = this.find();
    return entry !== 0 && this.isLive(entry) ? entry : 0;
  }

  isLive(entry: number): boolean {
    const expires = this.floats[(entry + E_EXPIRES) >>> 1]!;
    return this.#isOfGeneration(entry) && (expires === 0 || expires > Date.now());
  }

  #isOfGeneration(entry: number): boolean {
    return this.words[entry + E_META]! >>> META_GENERATION_SHIFT === this.words[H_GENERATION];
  }

  /** Locked. Grows with each store, and so changes whenever the value does; -1 for no entry, -2 for a list or hash. */
  stampOf(entry: number): number {
    if (entry === 0) return -1;
    return this.typeOf(entry) >= T_LIST ? -2 : this.words[entry + E_STAMP]! >>> 0;
  }

  /** Locked. */
  expiresOf(entry: number): number {
    return this.floats[(entry + E_EXPIRES) >>> 1]!;
  }

  /** Locked. */
  flagsOf(entry: number): number {
    return this.words[entry + E_FLAGS]!;
  }

  typeOf(entry: number): number {
    return (this.words[entry + E_META]! & META_TYPE) >>> META_TYPE_SHIFT;
  }

  /** Locked. The value of an entry; undefined for a list or hash. */
  valueOf(entry: number): Value | undefined {
    const type = this.typeOf(entry);
    const number = this.floats[(entry + E_NUMBER) >>> 1]!;
    if (type === T_NUMBER) return number;
    if (type === T_BOOLEAN) return number !== 0;
    if (type >= T_LIST) return undefined;
    const length = this.words[entry + E_LENGTH]!;
    const at = this.payloadAt(entry);
    return revive(type, copyOut(type, at < 0 ? this.#gathered : this.bytes, Math.max(at, 0), length));
  }

  /** Locked. The byte at which an entry's value starts; negative when it is scattered, and has now been gathered. */
  payloadAt(entry: number): number {
    const meta = this.words[entry + E_META]!;
    const keyBytes = ((meta & META_KEY_LENGTH) + 3) & ~3;
    if (!(meta & META_SCATTERED)) return entry * 4 + HEADER_BYTES + keyBytes;
    this.gather(entry, HEADER_BYTES, keyBytes, this.words[entry + E_LENGTH]!);
    return -1;
  }

  /** Locked. */
  keyOf(entry: number): string {
    const meta = this.words[entry + E_META]!;
    const length = meta & META_KEY_LENGTH;
    const skip = meta & META_FIELD ? 8 : 0;
    if (meta & META_SCATTERED) {
      this.gather(entry, HEADER_BYTES, 0, length);
      return this.#gathered.utf8Slice(skip, length);
    }
    return this.bytes.utf8Slice(entry * 4 + HEADER_BYTES + skip, entry * 4 + HEADER_BYTES + length);
  }

  // Statistics

  #counted(value: Value | undefined): Value | undefined {
    if (value === undefined) this.#misses++;
    else this.#hits++;
    // Readers count for themselves: a counter that all of them write would cost each more than its read.
    if (this.#unpublished++ === 0) this.#publishing ??= setTimeout(() => this.publish(), 500).unref();
    return value;
  }

  /** Adds what this process counted to the zone's statistics; by itself at most half a second late. */
  publish(): void {
    clearTimeout(this.#publishing);
    this.#publishing = undefined;
    this.lock();
    this.floats[F_STATS + S_HITS]! += this.#hits;
    this.floats[F_STATS + S_MISSES]! += this.#misses;
    this.floats[F_STATS + S_LOCK_WAITS]! += this.memory.lockWaits;
    this.unlock();
    this.#hits = 0;
    this.#misses = 0;
    this.#unpublished = 0;
    this.memory.lockWaits = 0;
  }
}
