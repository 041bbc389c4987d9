import { Arena, lastWord } from "./arena.ts";
import {
  BUCKET_WORDS,
  B_LINK,
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
  E_STAMP_HIGH,
  F_STATS,
  GRANULE_BYTES,
  GRANULE_WORDS,
  H_BUILD,
  H_EMPTY,
  H_ENTRIES,
  H_FREE_GRANULES,
  H_GARBAGE,
  H_GENERATION,
  H_GRANULES,
  H_IMAGE_GRANULES,
  H_LRU_HEAD,
  H_LRU_TAIL,
  H_NEXT_ID,
  H_STAMP,
  H_STAMP_HIGH,
  L_NEXT,
  META_FIELD,
  META_GENERATION_SHIFT,
  META_KEY_LENGTH,
  META_SCATTERED,
  META_TYPE_SHIFT,
  S_EVICTIONS,
  S_EXPIRIES,
  S_LARGEST,
  S_STORES,
  T_HASH,
  T_LIST,
} from "./layout.ts";
import type { Memory } from "./memory.ts";
import { Reader } from "./reader.ts";
import { Staged } from "./value.ts";

const HEADER_BYTES = E_HEADER_WORDS * 4;
/** Entries that one eviction may pass over because they were touched. */
const SECOND_CHANCES = 1000;

/**
 * The entries of a zone: what `Reader` has, and storing, removing, LRU order and expiry.
 *
 * Whoever has the lock moves what it uses to the head of the LRU list. Readers have no lock and only touch an entry's
 * mark: one at the tail that was touched goes to the head instead of away, as the hand of a clock would have it.
 */
export abstract class Writer extends Reader {
  readonly arena: Arena;
  /** Whether live entries were evicted for the last `store`. */
  forcible = false;
  readonly #container = new Staged();
  readonly #imageGranules: number;
  #nextSweepAt = 0;
  /** The entry that `store` is to replace; 0 once it had to make room for its successor. */
  #replacing = 0;

  constructor(memory: Memory) {
    super(memory);
    this.arena = new Arena(memory);
    this.#imageGranules = memory.words[H_IMAGE_GRANULES]!;
  }

  protected override repair(): void {
    this.#replacing = 0;
    this.memory.undo();
    this.arena.dropBuild();
    const empty = this.words[H_EMPTY]!;
    if (empty !== 0) this.remove(empty, 0);
    this.drain(Infinity);
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
    this.#nextStamp();
    this.floats[F_STATS + S_STORES]! += 1;
    const keyLength = this.keyLength & META_KEY_LENGTH;
    const keyBytes = (keyLength + 3) & ~3;
    if (old !== 0 && this.#overwrite(old, keyBytes, value, expires, flags)) {
      if (parent === 0) this.use(old);
      return old;
    }
    this.#replacing = old;
    let built = this.#build(keyBytes, value, evict, parent);
    if (built !== 0 && !(built < 0 ? value.settle() : value.writeTo(this.bytes, built * 4 + HEADER_BYTES + keyBytes))) {
      this.arena.dropBuild();
      built = this.#build(keyBytes, value, evict, parent);
      if (built > 0) value.writeTo(this.bytes, built * 4 + HEADER_BYTES + keyBytes);
    }
    if (built === 0) {
      this.#replacing = 0;
      return 0;
    }
    const entry = Math.abs(built);
    if (built > 0) for (let i = keyBytes >>> 2; i-- > 0;) words[entry + E_HEADER_WORDS + i] = this.keyWords[i]!;
    else this.scatter(entry, HEADER_BYTES, this.keyBytes.subarray(0, keyBytes), value);

    words[entry + E_HASH] = this.hash;
    this.#writeHeader(entry, value, expires, flags, built < 0 ? META_SCATTERED : 0);
    if (value.type >= T_LIST) this.#formatContainer(entry);
    this.bytes[this.touchedAt + entry / GRANULE_WORDS] = 0;
    this.#swap(this.#replacing, entry, parent);
    this.#replacing = 0;
    const size = keyLength + value.length;
    if (size > this.floats[F_STATS + S_LARGEST]!) this.floats[F_STATS + S_LARGEST] = size;
    return entry;
  }

  /** Locked. Puts an empty list or hash in place of `old`; it goes with `unlock` if nothing is added to it. */
  storeEmpty(old: number, type: number, evict: boolean): number {
    this.#container.stageContainer(type);
    return this.store(old, this.#container, 0, 0, evict);
  }

  /** Locked. Stores into the block of `old`, if the new value needs a small one of the same size. */
  #overwrite(old: number, keyBytes: number, value: Staged, expires: number, flags: number): boolean {
    const { memory, words } = this;
    const granules = words[old]! >>> 2;
    const bytes = HEADER_BYTES + keyBytes + value.bytesMax;
    if (granules > this.#imageGranules || Math.ceil(bytes / GRANULE_BYTES) !== granules) return false;
    if (words[old + E_META]! & META_SCATTERED || this.typeOf(old) >= T_LIST || value.type >= T_LIST) return false;
    memory.keepImage(old);
    memory.openBucket(this.bucket);
    const written = value.writeTo(this.bytes, old * 4 + HEADER_BYTES + keyBytes);
    if (written) {
      this.#writeHeader(old, value, expires, flags, 0);
      memory.dropImage();
      memory.closeBucket(this.bucket);
    } else memory.undo();
    return written;
  }

  #writeHeader(entry: number, value: Staged, expires: number, flags: number, scattered: number): void {
    const words = this.words;
    const meta = this.keyLength | (value.type << META_TYPE_SHIFT) | scattered;
    words[entry + E_META] = meta | (words[H_GENERATION]! << META_GENERATION_SHIFT);
    this.floats[(entry + E_EXPIRES) >>> 1] = expires;
    words[entry + E_FLAGS] = flags;
    words[entry + E_STAMP] = words[H_STAMP]!;
    if (value.isNumber) this.floats[(entry + E_NUMBER) >>> 1] = value.number;
    else {
      words[entry + E_LENGTH] = value.length;
      words[entry + E_STAMP_HIGH] = words[H_STAMP_HIGH]!;
    }
  }

  /** Locked. The high word first: who dies in between has only left some stamps out. */
  #nextStamp(): number {
    const next = (this.words[H_STAMP]! + 1) | 0;
    if (next === 0) this.words[H_STAMP_HIGH] = (this.words[H_STAMP_HIGH]! + 1) | 0;
    return (this.words[H_STAMP] = next);
  }

  /** Locked. Puts the entry being built into the place of `old`, or into a new one. */
  #swap(old: number, entry: number, parent: number): void {
    const { memory, words } = this;
    if (this.linkStale) this.find();
    memory.openBucket(this.bucket);
    if (old !== 0) {
      memory.put(entry + E_CHAIN, words[old + E_CHAIN]!);
      memory.put(this.link, entry);
      this.#unlinkOrder(old, parent);
      memory.put(old + B_LINK, words[H_GARBAGE]!);
      memory.put(H_GARBAGE, old);
    } else {
      memory.put(entry + E_CHAIN, words[this.bucket + 1]!);
      memory.put(this.bucket + 1, entry);
      if (parent === 0) memory.put(H_ENTRIES, words[H_ENTRIES]! + 1);
    }
    this.#linkOrder(entry, parent);
    if (parent !== 0) memory.put(H_EMPTY, 0);
    else if (this.typeOf(entry) >= T_LIST) memory.put(H_EMPTY, entry);
    memory.put(H_BUILD, 0);
    memory.commit();
    memory.closeBucket(this.bucket);
    if (old !== 0) this.drain(1000);
  }

  /** Writes key and settled value into the payload of a scattered block. */
  protected scatter(first: number, headerBytes: number, key: Uint8Array, value: Staged): void {
    const words = this.words;
    const total = key.length + value.length;
    const source = value.bytes();
    let block = first;
    let start = first * 4 + headerBytes;
    for (let done = 0; done < total;) {
      const end = lastWord(words, block) * 4;
      while (start < end && done < total) {
        const from = done < key.length ? key : source;
        const offset = done < key.length ? done : done - key.length;
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

  /** Locked. Adds to an entry's number: one store, so the journal is not needed. */
  addTo(entry: number, delta: number): number {
    // The stamp first: who compares stamps may start again for nothing, but never miss a change.
    this.words[entry + E_STAMP] = this.#nextStamp();
    return (this.floats[(entry + E_NUMBER) >>> 1]! += delta);
  }

  /** Locked. One store, as above. */
  setExpiry(entry: number, expires: number): void {
    this.floats[(entry + E_EXPIRES) >>> 1] = expires;
  }

  // Order

  /** Locked. Makes an entry the most recently used. */
  use(entry: number): void {
    if (this.words[H_LRU_HEAD] === entry) return;
    this.#unlinkOrder(entry, 0);
    this.#linkOrder(entry, 0);
    this.memory.commit();
  }

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

  /** Could a value of this size ever be stored, if all else went? */
  fitsEver(bytes: number): boolean {
    return bytes <= this.arena.payloadBytesMax;
  }

  /** Lists a block for `store` or a list's element to fill; 0 when there is no room. */
  #build(keyBytes: number, value: Staged, evict: boolean, parent: number): number {
    for (;;) {
      const payloadBytes = keyBytes + value.bytesMax;
      if (!this.fitsEver(payloadBytes)) return 0;
      const built = this.arena.build(HEADER_BYTES, payloadBytes);
      if (built !== 0) return built;
      if (this.words[H_GARBAGE] !== 0) this.drain(Infinity);
      else if (evict ? this.#evict(parent) : this.sweep(parent)) continue;
      else if (this.#replacing === 0) return 0;
      else if (!value.settle())
        continue; // now we know how long it is, before the old value goes
      else if (!this.#fitsInstead(this.#replacing, payloadBytes, evict && parent === 0)) return 0;
      else {
        this.remove(this.#replacing, parent);
        this.#replacing = 0;
      }
    }
  }

  /** Would the payload surely fit if the entry that it replaces were gone? */
  #fitsInstead(entry: number, payloadBytes: number, nothingElseIsLeft: boolean): boolean {
    if (nothingElseIsLeft) return true;
    const words = this.words;
    if (this.typeOf(entry) >= T_LIST) return false;
    let granules = words[H_FREE_GRANULES]! + (words[entry]! >>> 2);
    if (words[entry + E_META]! & META_SCATTERED)
      for (let next = words[lastWord(words, entry)]!; next !== 0; next = words[lastWord(words, next)]!)
        granules += words[next]! >>> 2;
    // Even if all that is free were in pieces of one granule, 56 bytes of each are payload.
    return (granules - 1) * 56 >= payloadBytes + HEADER_BYTES;
  }

  /** A mark of our own in LRU order: somebody relies on it until it expires. */
  #isLease(entry: number): boolean {
    return (this.words[entry + E_META]! & META_FIELD) !== 0 && this.isLive(entry);
  }

  /** Removes the least recently used entry that is neither being replaced nor the `parent`. */
  #evict(parent: number): boolean {
    const words = this.words;
    let victim = 0;
    for (let entry = words[H_LRU_TAIL]!, chances = 0; entry !== 0;) {
      const newer = words[entry + E_NEWER]!;
      if (entry !== this.#replacing && entry !== parent && !this.#isLease(entry)) {
        victim ||= entry;
        const mark = this.touchedAt + entry / GRANULE_WORDS;
        if (this.bytes[mark] === 0 || !this.isLive(entry) || chances++ === SECOND_CHANCES) {
          victim = entry;
          break;
        }
        this.bytes[mark] = 0;
        this.use(entry);
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
  protected sweep(parent: number): boolean {
    const start = performance.now();
    if (start < this.#nextSweepAt) return false;
    const removed = this.removeExpired(Infinity, parent);
    const end = performance.now();
    this.#nextSweepAt = end - start > 1 ? end + 10 * (end - start) : 0;
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
    const bucket = this.bucketsAt + (words[entry + E_HASH]! & this.bucketMask) * BUCKET_WORDS;
    let link = bucket + 1;
    for (let steps = 0; words[link] !== entry; link = words[link]! + E_CHAIN)
      if (words[link] === 0 || steps++ > words[H_GRANULES]!) throw new Error("shared memory is damaged: no such entry");
    this.linkStale = true;
    memory.openBucket(bucket);
    memory.put(link, words[entry + E_CHAIN]!);
    this.#unlinkOrder(entry, parent);
    if (parent === 0) memory.put(H_ENTRIES, words[H_ENTRIES]! - 1);
    if (words[H_EMPTY] === entry) memory.put(H_EMPTY, 0);
    memory.put(entry + B_LINK, words[H_GARBAGE]!);
    memory.put(H_GARBAGE, entry);
    memory.commit();
    memory.closeBucket(bucket);
  }

  /** Locked. The limit is there because a list can have millions: whoever locks next goes on. */
  override drain(steps: number): void {
    const { memory, words } = this;
    let stepsLeft = Math.min(steps, words[H_GRANULES]! * 4);
    for (let block = words[H_GARBAGE]!; block !== 0; block = words[H_GARBAGE]!) {
      if (stepsLeft-- === 0) {
        if (steps === Infinity) throw new Error("shared memory is damaged: garbage without end");
        return;
      }
      const isScattered = (words[block + E_META]! & META_SCATTERED) !== 0;
      const type = this.typeOf(block); // an element's type stands where an entry's does
      const first = type >= T_LIST ? words[block + C_FIRST]! : 0;
      if (isScattered && words[lastWord(words, block)] !== 0) {
        this.arena.freeRest(block);
      } else if (first !== 0 && type === T_HASH) {
        this.#unlink(first, block);
      } else if (first !== 0) {
        memory.put(block + C_FIRST, words[first + L_NEXT]!);
        memory.put(first + B_LINK, block);
        memory.put(H_GARBAGE, first);
        memory.commit();
      } else {
        memory.put(H_GARBAGE, words[block + B_LINK]!);
        this.arena.free(block);
        memory.commit();
      }
    }
  }
}
