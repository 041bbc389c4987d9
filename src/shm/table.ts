import { Arena, lastWord } from "./arena.ts";
import {
  B_LINK,
  B_TAG,
  BUCKET_WORDS,
  C_COUNT,
  C_FIRST,
  C_IDENTITY_HIGH,
  C_IDENTITY_LOW,
  E_CHAIN,
  E_EXPIRES,
  E_FLAGS,
  E_HASH,
  E_HEADER_WORDS,
  E_LENGTH,
  E_META,
  E_NEWER,
  E_NUMBER,
  E_OLDER,
  E_STAMP,
  F_STATS,
  GENERATIONS,
  GRANULE_WORDS,
  H_BUCKETS,
  H_BUCKETS_AT,
  H_BUILD,
  H_ENTRIES,
  H_FREE_GRANULES,
  H_GARBAGE,
  H_GENERATION,
  H_LRU_HEAD,
  H_LRU_TAIL,
  H_NEXT_ID,
  H_SEED,
  H_STAMP,
  H_TOUCHED_AT,
  KEY_BYTES_MAX,
  L_NEXT,
  META_FIELD,
  META_GENERATION_SHIFT,
  META_KEY,
  META_KEY_LENGTH,
  META_SCATTERED,
  META_TYPE,
  META_TYPE_SHIFT,
  S_EVICTIONS,
  S_EXPIRIES,
  S_HITS,
  S_LARGEST,
  S_LOCK_WAITS,
  S_MISSES,
  S_RECOVERIES,
  S_STORES,
  T_BOOLEAN,
  T_HASH,
  T_LIST,
  T_NUMBER,
  T_STRUCTURED,
} from "./layout.ts";
import type { Memory, TextBuffer } from "./memory.ts";
import { copyOut, revive, type Staged, type Value } from "./value.ts";

const HEADER_BYTES = E_HEADER_WORDS * 4;
/** Attempts of a read without the lock before it queues for the lock. */
const READ_ATTEMPTS = 100;
/** Entries that one eviction may pass over because they were touched. */
const SECOND_CHANCES = 64;
/** What a reader gets that was overtaken by a writer. */
const CHANGED = Symbol("changed");

/**
 * The entries of a zone: a hash index, LRU order and expiry over the arena.
 *
 * Reading takes no lock. Each bucket has a sequence that is odd while its chain, or what hangs on it, changes; a
 * reader that finds it changed starts again. So writers disturb only readers of the same bucket, and readers never
 * write to what other readers read, but for one byte: an entry's touched mark, set when it is not. The
 * least recently used is found with it as in a clock: who is at the tail and touched goes to the head instead.
 *
 * A method that says "locked" is called between `lock` and `unlock`; what it changes is committed when it returns.
 */
export class Table {
  readonly memory: Memory;
  readonly arena: Arena;
  readonly words: Int32Array;
  readonly floats: Float64Array;
  readonly bytes: TextBuffer;

  readonly #seed: number;
  readonly #bucketsAt: number;
  readonly #bucketMask: number;
  readonly #touchedAt: number;

  /** The key being looked for, padded with zeros to whole words. */
  readonly keyBytes = Buffer.alloc(3 * KEY_BYTES_MAX + 16) as TextBuffer;
  readonly keyWords = new Int32Array(this.keyBytes.buffer, this.keyBytes.byteOffset, this.keyBytes.length >>> 2);
  /** Its length in bytes, with `META_FIELD` when it is a field's. */
  keyLength = 0;
  #hash = 0;
  #bucket = 0;
  /** Address of the word that led to the entry `find` found, until a removal makes it `linkStale`. */
  #link = 0;
  #linkStale = false;
  #gathered = Buffer.alloc(1024) as TextBuffer;

  /** User flags and staleness of what was last read. */
  flags = 0;
  stale = false;
  /** Whether live entries were evicted for the last `store`. */
  forcible = false;

  #hits = 0;
  #misses = 0;
  #unpublished = 0;
  #publishing: ReturnType<typeof setTimeout> | undefined;
  #nextSweepAt = 0;
  /** The entry that `store` is to replace; 0 once it had to make room for its successor. */
  #replacing = 0;

  constructor(memory: Memory) {
    this.memory = memory;
    this.arena = new Arena(memory);
    const words = memory.words;
    this.words = words;
    this.floats = memory.floats;
    this.bytes = memory.bytes;
    this.#seed = words[H_SEED]!;
    this.#bucketsAt = words[H_BUCKETS_AT]!;
    this.#bucketMask = words[H_BUCKETS]! - 1;
    this.#touchedAt = words[H_TOUCHED_AT]! * 4;
  }

  lock(): void {
    if (!this.memory.lock()) this.#repair();
  }

  unlock(): void {
    this.memory.unlock();
  }

  /** Runs when a process died, or ran out of stack, inside the critical section. */
  #repair(): void {
    this.memory.undo();
    this.arena.dropBuild();
    this.drain(Infinity);
    this.floats[F_STATS + S_RECOVERIES]! += 1;
  }

  // Keys

  /** @returns Whether it can be a key: 1 to 65 535 bytes of UTF-8. A lone surrogate counts as U+FFFD. */
  setKey(key: string): boolean {
    if (key.length > KEY_BYTES_MAX) return false;
    const length = this.keyBytes.utf8Write(key, 0, 3 * KEY_BYTES_MAX);
    if (length === 0 || length > KEY_BYTES_MAX) return false;
    this.#setKeyLength(length, 0);
    return true;
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
    this.#hash = a;
    this.#bucket = this.#bucketsAt + (a & this.#bucketMask) * BUCKET_WORDS;
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
      const sequence = this.words[this.#bucket]!;
      const value = this.#readOnce(evenStale, sequence);
      if (value !== CHANGED) return this.#counted(value as Value | undefined);
    }
    this.lock(); // which also repairs what a dead writer left half done
    const value = this.#readOnce(evenStale, this.words[this.#bucket]!);
    this.unlock();
    return this.#counted(value as Value | undefined);
  }

  #readOnce(evenStale: boolean, sequence: number): Value | undefined | typeof CHANGED {
    const words = this.words;
    const bucket = this.#bucket;
    const hash = this.#hash;
    let entry = words[bucket + 1]!;
    for (let steps = 0; entry !== 0; entry = words[entry + E_CHAIN]! | 0) {
      if (words[entry + E_HASH] === hash && (words[entry + E_META]! & META_KEY) === this.keyLength)
        if (this.#sameKey(entry)) break;
      // A chain that changes under a reader can lead anywhere, also in circles.
      if ((++steps & 1023) === 0 && Atomics.load(words, bucket) !== sequence) return CHANGED;
    }
    const meta = entry === 0 ? 0 : words[entry + E_META]!;
    const expires = entry === 0 ? 0 : this.floats[(entry + E_EXPIRES) >>> 1]!;
    const live =
      entry !== 0 && meta >>> META_GENERATION_SHIFT === words[H_GENERATION] && (expires === 0 || expires > Date.now());
    if (!live && (entry === 0 || !evenStale))
      return Atomics.load(words, bucket) === sequence && !(sequence & 1) ? undefined : CHANGED;

    const type = (meta & META_TYPE) >>> META_TYPE_SHIFT;
    const flags = words[entry + E_FLAGS]!;
    let value: Value | undefined;
    if (type === T_NUMBER) value = this.floats[(entry + E_NUMBER) >>> 1]!;
    else if (type === T_BOOLEAN) value = this.floats[(entry + E_NUMBER) >>> 1] !== 0;
    else if (type < T_LIST) {
      const keyBytes = ((meta & META_KEY_LENGTH) + 3) & ~3;
      const length = words[entry + E_LENGTH]!;
      const scattered = (meta & META_SCATTERED) !== 0;
      // Only what is known to be a length may size anything large.
      if ((length >>> 0 > 4096 || scattered) && Atomics.load(words, bucket) !== sequence) return CHANGED;
      if (scattered && !this.gather(entry, HEADER_BYTES, keyBytes, length)) return CHANGED;
      const from = scattered ? 0 : entry * 4 + HEADER_BYTES + keyBytes;
      if (from + length > this.bytes.length) return CHANGED;
      const copy = copyOut(type, scattered ? this.#gathered : this.bytes, from, length);
      if (Atomics.load(words, bucket) !== sequence || sequence & 1) return CHANGED;
      value = type === T_STRUCTURED ? revive(type, copy) : copy;
    }
    if (Atomics.load(words, bucket) !== sequence || sequence & 1) return CHANGED;
    this.flags = flags;
    this.stale = !live;
    this.touch(entry);
    return value;
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
    const at = this.#touchedAt + entry / GRANULE_WORDS;
    if (this.bytes[at] === 0) this.bytes[at] = 1;
  }

  /** Locked. The entry at the key set last, expired or not; 0 when there is none. */
  find(): number {
    const words = this.words;
    this.#linkStale = false;
    this.#link = this.#bucket + 1;
    let entry = words[this.#link]!;
    while (entry !== 0) {
      if (words[entry + E_HASH] === this.#hash && (words[entry + E_META]! & META_KEY) === this.keyLength)
        if (this.#sameKey(entry)) break;
      this.#link = entry + E_CHAIN;
      entry = words[this.#link]!;
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

  // Writing

  /**
   * Locked. Stores a staged value at the key set last, in place of `old`, which `find` has just returned.
   * @param evict Whether live entries may be evicted to make room; `forcible` tells whether some were.
   * @param parent For a field of a hash, that hash's entry.
   * @returns The new entry, or 0 for no memory, and then `old` is as it was.
   */
  store(old: number, value: Staged, expires: number, flags: number, evict: boolean, parent = 0): number {
    this.forcible = false;
    const words = this.words;
    words[H_STAMP]! += 1;
    this.floats[F_STATS + S_STORES]! += 1;
    if (value.isNumber && old !== 0 && this.#storeInPlace(old, value, expires, flags)) return old;
    const keyLength = this.keyLength & META_KEY_LENGTH;
    const keyBytes = (keyLength + 3) & ~3;
    this.#replacing = old;
    let built = this.#build(keyBytes + value.bytesMax, evict, parent);
    if (built !== 0 && !(built < 0 ? value.settle() : value.writeTo(this.bytes, built * 4 + HEADER_BYTES + keyBytes))) {
      this.arena.dropBuild();
      built = this.#build(keyBytes + value.bytesMax, evict, parent);
      if (built > 0) value.writeTo(this.bytes, built * 4 + HEADER_BYTES + keyBytes);
    }
    if (built === 0) return 0;
    const entry = Math.abs(built);
    if (built > 0) for (let i = keyBytes >>> 2; i-- > 0;) words[entry + E_HEADER_WORDS + i] = this.keyWords[i]!;
    else this.#scatter(entry, keyBytes, value);

    const meta = this.keyLength | (value.type << META_TYPE_SHIFT) | (built < 0 ? META_SCATTERED : 0);
    words[entry + E_HASH] = this.#hash;
    words[entry + E_META] = meta | (words[H_GENERATION]! << META_GENERATION_SHIFT);
    this.floats[(entry + E_EXPIRES) >>> 1] = expires;
    words[entry + E_FLAGS] = flags;
    words[entry + E_STAMP] = words[H_STAMP]!;
    if (value.isNumber) this.floats[(entry + E_NUMBER) >>> 1] = value.number;
    else words[entry + E_LENGTH] = value.length;
    if (value.type >= T_LIST) this.#formatContainer(entry);
    this.bytes[this.#touchedAt + entry / GRANULE_WORDS] = 0;
    this.#swap(this.#replacing, entry, parent);
    const size = keyLength + value.length;
    if (size > this.floats[F_STATS + S_LARGEST]!) this.floats[F_STATS + S_LARGEST] = size;
    return entry;
  }

  /** Locked. Changes number, lifetime and flags of an entry that holds a number and will hold one. */
  #storeInPlace(entry: number, value: Staged, expires: number, flags: number): boolean {
    const type = this.typeOf(entry);
    if (type !== T_NUMBER && type !== T_BOOLEAN) return false;
    const words = this.words;
    const meta =
      (words[entry + E_META]! & ~META_TYPE & ~(-1 << META_GENERATION_SHIFT)) | (value.type << META_TYPE_SHIFT);
    this.memory.openBucket(this.#bucket);
    this.putFloat(entry + E_NUMBER, value.number);
    this.putFloat(entry + E_EXPIRES, expires);
    this.memory.put(entry + E_FLAGS, flags);
    this.memory.put(entry + E_STAMP, words[H_STAMP]!);
    this.memory.put(entry + E_META, meta | (words[H_GENERATION]! << META_GENERATION_SHIFT));
    this.memory.commit();
    this.memory.closeBucket(this.#bucket);
    this.touch(entry);
    return true;
  }

  /** Locked. Puts the entry being built into the place of `old`, or into a new one. */
  #swap(old: number, entry: number, parent: number): void {
    const { memory, words } = this;
    if (this.#linkStale) this.find();
    memory.openBucket(this.#bucket);
    if (old !== 0) {
      memory.put(entry + E_CHAIN, words[old + E_CHAIN]!);
      memory.put(this.#link, entry);
      this.#unlinkOrder(old, parent);
      memory.put(old + B_LINK, words[H_GARBAGE]!);
      memory.put(H_GARBAGE, old);
    } else {
      memory.put(entry + E_CHAIN, words[this.#bucket + 1]!);
      memory.put(this.#bucket + 1, entry);
      if (parent === 0) memory.put(H_ENTRIES, words[H_ENTRIES]! + 1);
    }
    this.#linkOrder(entry, parent);
    memory.put(H_BUILD, 0);
    memory.commit();
    memory.closeBucket(this.#bucket);
    if (old !== 0) this.drain(1000);
  }

  #scatter(entry: number, keyBytes: number, value: Staged): void {
    const words = this.words;
    const key = this.keyBytes.subarray(0, keyBytes);
    const total = keyBytes + value.length;
    const source = value.bytes();
    let block = entry;
    let start = entry * 4 + HEADER_BYTES;
    for (let done = 0; done < total;) {
      const end = lastWord(words, block) * 4;
      while (start < end && done < total) {
        const from = done < keyBytes ? key : source;
        const offset = done < keyBytes ? done : done - keyBytes;
        const count = Math.min(end - start, from.length - offset);
        this.bytes.set(from.subarray(offset, offset + count), start);
        start += count;
        done += count;
      }
      block = words[end >>> 2]!;
      start = block * 4 + 4;
    }
  }

  #formatContainer(entry: number): void {
    const identity = (this.floats[H_NEXT_ID >>> 1]! += 1);
    this.words[entry + C_FIRST] = 0;
    this.words[entry + C_COUNT] = 0;
    this.words[entry + C_IDENTITY_LOW] = this.typeOf(entry) === T_HASH ? identity : 0;
    this.words[entry + C_IDENTITY_HIGH] = identity / 2 ** 32;
  }

  putFloat(at: number, value: number): void {
    asFloat[0] = value;
    this.memory.put(at, asWords[0]!);
    this.memory.put(at + 1, asWords[1]!);
  }

  /** Locked. Adds to an entry's number: one store, so the journal is not needed. */
  addTo(entry: number, delta: number): number {
    const sum = (this.floats[(entry + E_NUMBER) >>> 1]! += delta);
    this.words[entry + E_STAMP] = this.words[H_STAMP]! += 1;
    this.touch(entry);
    return sum;
  }

  /** Locked. */
  setExpiry(entry: number, expires: number): void {
    this.floats[(entry + E_EXPIRES) >>> 1] = expires;
  }

  /** Locked. Expires all entries at once, by a new generation. */
  flush(): void {
    const next = (this.words[H_GENERATION]! + 1) % GENERATIONS;
    // Entries of a thousand flushes ago would come back to life.
    if (next === 0) while (this.words[H_LRU_TAIL] !== 0) this.remove(this.words[H_LRU_TAIL]!, 0);
    this.memory.put(H_GENERATION, next);
    this.memory.commit();
  }

  /** Locked. Up to `max` live keys, least recently used first: those never touched since they were stored, then the rest. */
  keys(max: number): string[] {
    const { words } = this;
    const keys: string[] = [];
    for (const touched of [0, 1])
      for (let entry = words[H_LRU_TAIL]!; entry !== 0 && keys.length < max; entry = words[entry + E_NEWER]!)
        if (this.bytes[this.#touchedAt + entry / GRANULE_WORDS] === touched && this.isLive(entry))
          keys.push(this.keyOf(entry));
    return keys;
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

  // Order

  #linkOrder(entry: number, parent: number): void {
    const { memory, words } = this;
    const head = parent === 0 ? H_LRU_HEAD : parent + C_FIRST;
    const first = words[head]!;
    memory.put(entry + E_NEWER, 0);
    memory.put(entry + E_OLDER, first);
    memory.put(head, entry);
    if (first !== 0) memory.put(first + E_NEWER, entry);
    else if (parent === 0) memory.put(H_LRU_TAIL, entry);
    if (parent !== 0) memory.put(parent + C_COUNT, words[parent + C_COUNT]! + 1);
  }

  #unlinkOrder(entry: number, parent: number): void {
    const { memory, words } = this;
    const newer = words[entry + E_NEWER]!;
    const older = words[entry + E_OLDER]!;
    memory.put(newer !== 0 ? newer + E_OLDER : parent === 0 ? H_LRU_HEAD : parent + C_FIRST, older);
    if (older !== 0) memory.put(older + E_NEWER, newer);
    else if (parent === 0) memory.put(H_LRU_TAIL, newer);
    if (parent !== 0) memory.put(parent + C_COUNT, words[parent + C_COUNT]! - 1);
  }

  // Making room

  /** Lists a block for `store` or a list's element to fill; 0 when there is no room. */
  #build(payloadBytes: number, evict: boolean, parent: number): number {
    if (payloadBytes > this.arena.payloadBytesMax) return 0;
    for (;;) {
      const built = this.arena.build(HEADER_BYTES, payloadBytes);
      if (built !== 0) return built;
      if (this.words[H_GARBAGE] !== 0) this.drain(Infinity);
      else if (evict ? this.#evict(parent) : this.#sweep(parent)) continue;
      else if (this.#replacing === 0 || !this.#fitsInstead(this.#replacing, payloadBytes, evict)) return 0;
      else {
        this.remove(this.#replacing, parent);
        this.#replacing = 0;
      }
    }
  }

  /** Would the payload surely fit if the entry that it replaces were gone? All but that entry is gone if `evict`. */
  #fitsInstead(entry: number, payloadBytes: number, evict: boolean): boolean {
    if (evict) return true;
    const words = this.words;
    if (this.typeOf(entry) >= T_LIST || words[entry + E_META]! & META_SCATTERED) return false;
    // Even if all that is free were in pieces of one granule, 56 bytes of each are payload.
    return (words[H_FREE_GRANULES]! + (words[entry + B_TAG]! >>> 2) - 1) * 56 >= payloadBytes + HEADER_BYTES;
  }

  /** Removes the least recently used entry that is neither being replaced nor the `parent`. */
  #evict(parent: number): boolean {
    const words = this.words;
    let victim = 0;
    for (let entry = words[H_LRU_TAIL]!, chances = 0; entry !== 0;) {
      const newer = words[entry + E_NEWER]!;
      if (entry !== this.#replacing && entry !== parent) {
        victim ||= entry;
        const mark = this.#touchedAt + entry / GRANULE_WORDS;
        if (this.bytes[mark] === 0 || !this.isLive(entry) || chances++ === SECOND_CHANCES) {
          victim = entry;
          break;
        }
        this.bytes[mark] = 0;
        this.#unlinkOrder(entry, 0);
        this.#linkOrder(entry, 0);
        this.memory.commit();
      }
      entry = newer;
    }
    if (victim === 0) return false;
    const live = this.isLive(victim);
    if (live) this.forcible = true;
    this.floats[F_STATS + (live ? S_EVICTIONS : S_EXPIRIES)]! += 1;
    this.remove(victim, 0);
    return true;
  }

  /** Removes what has expired, for those who may not evict. In a large zone not at every call: it looks at all. */
  #sweep(parent: number): boolean {
    const start = performance.now();
    if (start < this.#nextSweepAt) return false;
    const removed = this.removeExpired(Infinity, parent);
    const end = performance.now();
    this.#nextSweepAt = end + 10 * (end - start);
    return removed > 0;
  }

  /** Locked. Removes up to `max` expired entries, least recently used first; not the one being replaced or `keep`. */
  removeExpired(max: number, keep = 0): number {
    let removed = 0;
    for (let entry = this.words[H_LRU_TAIL]!; entry !== 0 && removed < max;) {
      const newer = this.words[entry + E_NEWER]!;
      if (entry !== keep && entry !== this.#replacing && !this.isLive(entry)) {
        this.remove(entry, 0);
        removed++;
      }
      entry = newer;
    }
    this.floats[F_STATS + S_EXPIRIES]! += removed;
    return removed;
  }

  // Removing

  /** Locked. Removes an entry; `parent` is the hash whose field it is. */
  remove(entry: number, parent: number): void {
    this.#unlink(entry, parent);
    this.drain(1000);
  }

  #unlink(entry: number, parent: number): void {
    const { memory, words } = this;
    const bucket = this.#bucketsAt + (words[entry + E_HASH]! & this.#bucketMask) * BUCKET_WORDS;
    let link = bucket + 1;
    while (words[link] !== entry) link = words[link]! + E_CHAIN;
    this.#linkStale = true;
    memory.openBucket(bucket);
    memory.put(link, words[entry + E_CHAIN]!);
    this.#unlinkOrder(entry, parent);
    if (parent === 0) memory.put(H_ENTRIES, words[H_ENTRIES]! - 1);
    memory.put(entry + B_LINK, words[H_GARBAGE]!);
    memory.put(H_GARBAGE, entry);
    memory.commit();
    memory.closeBucket(bucket);
  }

  /** Locked. Frees removed blocks; with a limit, because a list can have millions: the next removal goes on. */
  drain(steps: number): void {
    const { memory, words } = this;
    for (let block = words[H_GARBAGE]!; block !== 0 && steps-- > 0; block = words[H_GARBAGE]!) {
      const meta = words[block + E_META]!;
      const type = (meta & META_TYPE) >>> META_TYPE_SHIFT;
      const last = lastWord(words, block);
      const first = type >= T_LIST ? words[block + C_FIRST]! : 0;
      if (meta & META_SCATTERED && words[last] !== 0) {
        const next = words[last]!;
        memory.put(last, words[lastWord(words, next)]!);
        this.arena.free(next);
      } else if (first !== 0 && type === T_LIST) {
        memory.put(block + C_FIRST, words[first + L_NEXT]!);
        memory.put(first + B_LINK, block);
        memory.put(H_GARBAGE, first);
      } else if (first !== 0) {
        this.#unlink(first, block);
        continue;
      } else {
        memory.put(H_GARBAGE, words[block + B_LINK]!);
        this.arena.free(block);
      }
      memory.commit();
    }
  }
}

const asFloat = new Float64Array(1);
const asWords = new Int32Array(asFloat.buffer);
