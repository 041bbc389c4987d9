import {
  BUCKET_WORDS,
  B_LINK,
  C_COUNT,
  C_FIRST,
  C_IDENTITY_HIGH,
  C_IDENTITY_LOW,
  C_LAST,
  E_CHAIN,
  E_HEADER_WORDS,
  E_META,
  E_NEWER,
  E_OLDER,
  F_STATS,
  GENERATIONS,
  GRANULE_WORDS,
  H_BUILD,
  H_EMPTY,
  H_GARBAGE,
  H_GENERATION,
  H_LRU_TAIL,
  L_HEADER_WORDS,
  L_LENGTH,
  L_META,
  L_NEXT,
  L_NUMBER,
  L_PREVIOUS,
  META_FIELD,
  META_SCATTERED,
  META_TYPE,
  META_TYPE_SHIFT,
  S_EXPIRIES,
  T_BOOLEAN,
  T_NUMBER,
} from "./layout.ts";
import { Writer } from "./writer.ts";
import { copyOut, revive, type Staged, type Value } from "./value.ts";

const ELEMENT_BYTES = L_HEADER_WORDS * 4;
const NO_KEY = new Uint8Array(0);

/** All that can be done with the entries of a zone: `Writer` has single ones, here are lists, hashes and the whole. */
export class Table extends Writer {
  /** Locked. Expires all entries at once, by a new generation. */
  flush(): void {
    const next = (this.words[H_GENERATION]! + 1) % GENERATIONS;
    // Entries of a thousand flushes ago would come back to life.
    if (next === 0) while (this.words[H_LRU_TAIL] !== 0) this.remove(this.words[H_LRU_TAIL]!, 0);
    this.memory.put(H_GENERATION, next);
    this.memory.commit();
  }

  /** Locked. Up to `max` live keys, least recently used first: those not read since they were stored, then the rest. */
  keys(max: number): string[] {
    const { words } = this;
    const keys: string[] = [];
    for (const touched of [0, 1])
      for (let entry = words[H_LRU_TAIL]!; entry !== 0 && keys.length < max; entry = words[entry + E_NEWER]!)
        if (
          this.bytes[this.touchedAt + entry / GRANULE_WORDS] === touched &&
          this.isLive(entry) &&
          !this.#isHidden(entry)
        )
          keys.push(this.keyOf(entry));
    return keys;
  }

  get buckets(): number {
    return this.bucketMask + 1;
  }

  /** Locked. Removes the expired entries of some buckets. */
  removeExpiredIn(from: number, to: number): number {
    const { words } = this;
    let removed = 0;
    for (let bucket = from; bucket < Math.min(to, this.buckets); bucket++)
      for (let entry = words[this.bucketsAt + bucket * BUCKET_WORDS + 1]!; entry !== 0;) {
        const next = words[entry + E_CHAIN]!;
        // A field goes with its hash, and is not in the order of the others.
        if (!this.isLive(entry) && !this.#isField(entry)) {
          this.remove(entry, 0);
          removed++;
          // What was removed with it may have been next.
          entry = words[this.bucketsAt + bucket * BUCKET_WORDS + 1]!;
        } else entry = next;
      }
    this.floats[F_STATS + S_EXPIRIES]! += removed;
    return removed;
  }

  /** Whether removed blocks are still to be freed. */
  get hasGarbage(): boolean {
    return this.words[H_GARBAGE] !== 0;
  }

  #isField(entry: number): boolean {
    if (!this.#isHidden(entry)) return false;
    this.gather(entry, E_HEADER_WORDS * 4, 0, 8);
    return this.gathered.readUInt32LE(0) !== 0 || this.gathered.readUInt32LE(4) !== 0;
  }

  /** Is it a field of a hash, or a mark of our own? */
  #isHidden(entry: number): boolean {
    return (this.words[entry + E_META]! & META_FIELD) !== 0;
  }

  /**
   * Locked. Adds live keys that begin with `prefix` to `keys`, bucket by bucket, until `count` entries are looked at.
   * @param cursor 0 to begin with, then what the last call returned.
   * @returns Where to go on; 0 at the end. A key that is there all the while is met exactly once.
   */
  scan(prefix: string, cursor: number, count: number, keys: string[]): number {
    const { words } = this;
    let looked = 0;
    // Empty buckets cost as well, though less.
    for (let bucket = cursor; bucket <= this.bucketMask; looked += 0.125) {
      let entry = words[this.bucketsAt + bucket * BUCKET_WORDS + 1]!;
      for (; entry !== 0; entry = words[entry + E_CHAIN]!, looked++) {
        if (this.#isHidden(entry) || !this.isLive(entry)) continue;
        const key = this.keyOf(entry);
        if (key.startsWith(prefix)) keys.push(key);
      }
      bucket++;
      if (looked >= count) return bucket & this.bucketMask;
    }
    return 0;
  }

  // Lists and hashes

  /**
   * Locked. Adds a staged value to a list, at its front or back. Evicts nothing that is live.
   * @returns Whether there was room.
   */
  addElement(list: number, value: Staged, front: boolean): boolean {
    const { memory, words } = this;
    let built = this.#buildElement(list, value.bytesMax);
    if (built !== 0 && !(built < 0 ? value.settle() : value.writeTo(this.bytes, built * 4 + ELEMENT_BYTES))) {
      this.arena.dropBuild();
      built = this.#buildElement(list, value.bytesMax);
      if (built > 0) value.writeTo(this.bytes, built * 4 + ELEMENT_BYTES);
    }
    if (built === 0) return false;
    const element = Math.abs(built);
    if (built < 0) this.scatter(element, ELEMENT_BYTES, NO_KEY, value);
    words[element + L_META] = (value.type << META_TYPE_SHIFT) | (built < 0 ? META_SCATTERED : 0);
    if (value.isNumber) this.floats[(element + L_NUMBER) >>> 1] = value.number;
    else words[element + L_LENGTH] = value.length;
    const neighbour = words[list + (front ? C_FIRST : C_LAST)]!;
    words[element + L_PREVIOUS] = front ? 0 : neighbour;
    memory.put(element + L_NEXT, front ? neighbour : 0);
    memory.put(list + (front ? C_FIRST : C_LAST), element);
    if (neighbour !== 0) memory.put(neighbour + (front ? L_PREVIOUS : L_NEXT), element);
    else memory.put(list + (front ? C_LAST : C_FIRST), element);
    memory.put(list + C_COUNT, words[list + C_COUNT]! + 1);
    memory.put(H_BUILD, 0);
    memory.put(H_EMPTY, 0);
    memory.commit();
    return true;
  }

  #buildElement(list: number, payloadBytes: number): number {
    for (;;) {
      const built = this.arena.build(ELEMENT_BYTES, payloadBytes);
      if (built !== 0) return built;
      if (this.words[H_GARBAGE] !== 0) this.drain(Infinity);
      else if (!this.sweep(list)) return 0;
    }
  }

  /** Locked. Takes the first or last element from a list, and the list away with its last one. */
  takeElement(list: number, front: boolean): Value | undefined {
    const { memory, words } = this;
    const element = words[list + (front ? C_FIRST : C_LAST)]!;
    const value = this.#elementValue(element);
    if (words[list + C_COUNT] === 1) {
      this.remove(list, 0);
      return value;
    }
    const neighbour = words[element + (front ? L_NEXT : L_PREVIOUS)]!;
    memory.put(list + (front ? C_FIRST : C_LAST), neighbour);
    memory.put(neighbour + (front ? L_PREVIOUS : L_NEXT), 0);
    memory.put(list + C_COUNT, words[list + C_COUNT]! - 1);
    memory.put(element + B_LINK, words[H_GARBAGE]!);
    memory.put(H_GARBAGE, element);
    memory.commit();
    this.drain(1000);
    return value;
  }

  #elementValue(element: number): Value {
    const type = (this.words[element + L_META]! & META_TYPE) >>> META_TYPE_SHIFT;
    const number = this.floats[(element + L_NUMBER) >>> 1]!;
    if (type === T_NUMBER) return number;
    if (type === T_BOOLEAN) return number !== 0;
    const length = this.words[element + L_LENGTH]!;
    const scattered = (this.words[element + L_META]! & META_SCATTERED) !== 0;
    if (scattered) this.gather(element, ELEMENT_BYTES, 0, length);
    const from = scattered ? 0 : element * 4 + ELEMENT_BYTES;
    return revive(type, copyOut(type, scattered ? this.gathered : this.bytes, from, length));
  }

  /** Locked. The values of a list, first to last. */
  elements(list: number): Value[] {
    const values: Value[] = [];
    for (let element = this.words[list + C_FIRST]!; element !== 0; element = this.words[element + L_NEXT]!)
      values.push(this.#elementValue(element));
    return values;
  }

  /** Locked. The identity of a hash, for `setFieldKey`. */
  identityOf(hash: number): number {
    return (this.words[hash + C_IDENTITY_LOW]! >>> 0) + this.words[hash + C_IDENTITY_HIGH]! * 2 ** 32;
  }

  /** Locked. How many elements or fields a list or hash has. */
  countOf(container: number): number {
    return this.words[container + C_COUNT]!;
  }

  /** Locked. The fields of a hash, the newest first. */
  fields(hash: number): Map<string, Value> {
    const fields = new Map<string, Value>();
    for (let field = this.words[hash + C_FIRST]!; field !== 0; field = this.words[field + E_OLDER]!)
      fields.set(this.keyOf(field), this.valueOf(field)!);
    return fields;
  }
}
