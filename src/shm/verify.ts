import {
  BUCKET_WORDS,
  B_FREE_NEXT,
  B_FREE_PREVIOUS,
  C_COUNT,
  C_FIRST,
  C_LAST,
  E_CHAIN,
  E_HASH,
  E_HEADER_WORDS,
  E_LENGTH,
  E_META,
  E_NEWER,
  E_OLDER,
  FREE_BITMAP_AT,
  FREE_CLASSES,
  FREE_HEADS_AT,
  GENERATIONS,
  GRANULE_BYTES,
  GRANULE_WORDS,
  H_BUCKETS,
  H_BUCKETS_AT,
  H_BUILD,
  H_EMPTY,
  H_ENTRIES,
  H_FREE_GRANULES,
  H_GARBAGE,
  H_GENERATION,
  H_GRANULES,
  H_HEAP_AT,
  H_HEAP_END,
  H_IMAGED,
  H_LRU_HEAD,
  H_LRU_TAIL,
  L_HEADER_WORDS,
  L_LENGTH,
  L_META,
  L_NEXT,
  L_PREVIOUS,
  META_FIELD,
  META_KEY_LENGTH,
  META_SCATTERED,
  META_TYPE,
  META_TYPE_SHIFT,
  TAG_FREE,
  TAG_PREVIOUS_FREE,
  T_ASCII,
  T_BOOLEAN,
  T_HASH,
  T_LIST,
  T_NUMBER,
} from "./layout.ts";
import { classOf, lastWord } from "./arena.ts";
import type { Table } from "./table.ts";

/** Thrown inside this file only. */
class Damage extends Error {}

function must(condition: boolean, what: string, at: number): void {
  if (!condition) throw new Damage(`${what} (at word ${at})`);
}

/**
 * Walks a whole zone and checks that everything in it fits together, nothing is in two places, and no block is lost:
 * some 20 ns a block. To be called with the lock held and all garbage freed.
 * @returns What is wrong first, or undefined.
 */
export function findDamage(table: Table): string | undefined {
  try {
    new Walk(table).all();
    return undefined;
  } catch (error) {
    if (error instanceof Damage) return error.message;
    throw error;
  }
}

const USED = 1;
const FREE = 2;
/** A used block whose owner has been found. */
const OWNED = 3;

class Walk {
  readonly #table: Table;
  readonly #words: Int32Array;
  /** What begins at each granule. */
  readonly #starts: Uint8Array;
  #usedBlocks = 0;
  #freeBlocks = 0;

  constructor(table: Table) {
    this.#table = table;
    this.#words = table.words;
    this.#starts = new Uint8Array(table.words[H_GRANULES]! + 1);
  }

  all(): void {
    const words = this.#words;
    must(words[H_BUILD] === 0 && words[H_GARBAGE] === 0 && words[H_IMAGED] === 0, "work half done", H_BUILD);
    must(words[H_GENERATION]! >>> 0 < GENERATIONS, "no such generation", H_GENERATION);
    must(words[H_EMPTY] === 0, "empty list or hash", H_EMPTY);
    this.#heap();
    this.#freeLists();
    const entries = this.#order();
    must(entries === words[H_ENTRIES], `${entries} entries, counted ${words[H_ENTRIES]}`, H_ENTRIES);
    this.#chains();
    must(this.#usedBlocks === 0, `${this.#usedBlocks} blocks belong to nothing`, H_HEAP_AT);
  }

  #heap(): void {
    const words = this.#words;
    const end = words[H_HEAP_END]!;
    let free = 0;
    let previousFree = false;
    let block = words[H_HEAP_AT]!;
    while (block < end) {
      const tag = words[block]!;
      const size = tag >>> 2;
      const isFree = (tag & TAG_FREE) !== 0;
      must(size > 0 && block + size * GRANULE_WORDS <= end, "block of impossible size", block);
      must(((tag & TAG_PREVIOUS_FREE) !== 0) === previousFree, "wrong mark of the block before", block);
      must(!(isFree && previousFree), "free blocks not joined", block);
      if (isFree) {
        must(words[lastWord(words, block)] === size, "free block with another size at its end", block);
        free += size;
        this.#freeBlocks++;
      } else this.#usedBlocks++;
      this.#starts[block / GRANULE_WORDS] = isFree ? FREE : USED;
      previousFree = isFree;
      block += size * GRANULE_WORDS;
    }
    must(block === end && words[end] === (previousFree ? TAG_PREVIOUS_FREE : 0), "wrong end mark", end);
    must(free === words[H_FREE_GRANULES], `${free} granules are free, counted ${words[H_FREE_GRANULES]}`, end);
  }

  #freeLists(): void {
    const words = this.#words;
    let listed = 0;
    for (let list = 0; list < FREE_CLASSES; list++) {
      const head = words[FREE_HEADS_AT + list]!;
      const bit = (words[FREE_BITMAP_AT + (list >>> 5)]! >>> (list & 31)) & 1;
      must(bit === (head !== 0 ? 1 : 0), `wrong bit for free list ${list}`, FREE_HEADS_AT + list);
      let previous = 0;
      for (let block = head; block !== 0; block = words[block + B_FREE_NEXT]!) {
        must(this.#starts[block / GRANULE_WORDS] === FREE, "not a free block in a free list", block);
        must(words[block + B_FREE_PREVIOUS] === previous, "free list with a broken link", block);
        must(classOf(words[block]! >>> 2) === list, "free block in the wrong list", block);
        must(++listed <= this.#freeBlocks, "free list in a circle", block);
        previous = block;
      }
    }
    must(listed === this.#freeBlocks, `${this.#freeBlocks - listed} free blocks not listed`, FREE_HEADS_AT);
  }

  #own(block: number, what: string): void {
    must(Number.isInteger(block / GRANULE_WORDS) && this.#starts[block / GRANULE_WORDS] === USED, what, block);
    this.#starts[block / GRANULE_WORDS] = OWNED;
    this.#usedBlocks--;
  }

  /** A block and those its payload goes on in. */
  #ownAll(block: number, meta: number, payloadBytes: number, headerBytes: number, what: string): void {
    this.#own(block, what);
    let room = (this.#words[block]! >>> 2) * GRANULE_BYTES - headerBytes;
    if (meta & META_SCATTERED) {
      room -= 4;
      for (let next = this.#words[lastWord(this.#words, block)]!; next !== 0;) {
        this.#own(next, "piece of a payload that is not one");
        room += (this.#words[next]! >>> 2) * GRANULE_BYTES - 8;
        next = this.#words[lastWord(this.#words, next)]!;
      }
    }
    must(payloadBytes >= 0 && payloadBytes <= room, "payload longer than its room", block);
  }

  #ownEntry(entry: number, what: string): void {
    const meta = this.#words[entry + E_META]!;
    const type = this.#table.typeOf(entry);
    const keyBytes = ((meta & META_KEY_LENGTH) + 3) & ~3;
    const hasBytes = type !== T_NUMBER && type !== T_BOOLEAN && type < T_LIST;
    const valueBytes = hasBytes ? this.#words[entry + E_LENGTH]! : 0;
    must(type >= T_ASCII && type <= T_HASH, "entry of no known type", entry);
    must(valueBytes >= 0, "entry of negative length", entry);
    this.#ownAll(entry, meta, keyBytes + valueBytes, E_HEADER_WORDS * 4, what);
    if (type === T_LIST) this.#list(entry);
    if (type === T_HASH) this.#hash(entry);
  }

  #order(): number {
    const words = this.#words;
    let entries = 0;
    let newer = 0;
    for (let entry = words[H_LRU_HEAD]!; entry !== 0; entry = words[entry + E_OLDER]!) {
      this.#ownEntry(entry, "not an entry in LRU order");
      must(words[entry + E_NEWER] === newer, "LRU order with a broken link", entry);
      newer = entry;
      entries++;
    }
    must(words[H_LRU_TAIL] === newer, "wrong LRU tail", H_LRU_TAIL);
    return entries;
  }

  #list(list: number): void {
    const words = this.#words;
    let count = 0;
    let previous = 0;
    for (let element = words[list + C_FIRST]!; element !== 0; element = words[element + L_NEXT]!) {
      const meta = words[element + L_META]!;
      const type = (meta & META_TYPE) >>> META_TYPE_SHIFT;
      const bytes = type === T_NUMBER || type === T_BOOLEAN ? 0 : words[element + L_LENGTH]!;
      this.#ownAll(element, meta, bytes, L_HEADER_WORDS * 4, "not an element in a list");
      must(words[element + L_PREVIOUS] === previous, "list with a broken link", element);
      previous = element;
      count++;
    }
    must(count > 0 && count === words[list + C_COUNT], `list of ${count}, counted ${words[list + C_COUNT]}`, list);
    must(words[list + C_LAST] === previous, "list with a wrong end", list);
  }

  #hash(hash: number): void {
    const words = this.#words;
    let count = 0;
    let newer = 0;
    for (let field = words[hash + C_FIRST]!; field !== 0; field = words[field + E_OLDER]!) {
      this.#ownEntry(field, "not a field in a hash");
      must((words[field + E_META]! & META_FIELD) !== 0, "field that is none", field);
      must(words[field + E_NEWER] === newer, "hash with a broken link", field);
      newer = field;
      count++;
    }
    must(count > 0 && count === words[hash + C_COUNT], `hash of ${count}, counted ${words[hash + C_COUNT]}`, hash);
  }

  /** Each entry that is owned is in one chain, that of its hash. */
  #chains(): void {
    const words = this.#words;
    const buckets = words[H_BUCKETS]!;
    const seen = new Uint8Array(this.#starts.length);
    let chained = 0;
    for (let number = 0; number < buckets; number++) {
      const bucket = words[H_BUCKETS_AT]! + number * BUCKET_WORDS;
      must((words[bucket]! & 1) === 0, "bucket left open", bucket);
      for (let entry = words[bucket + 1]!; entry !== 0; entry = words[entry + E_CHAIN]!) {
        const granule = entry / GRANULE_WORDS;
        must(this.#starts[granule] === OWNED && seen[granule] === 0, "not an entry in a chain", entry);
        must((words[entry + E_HASH]! & (buckets - 1)) === number, "entry in the wrong chain", entry);
        seen[granule] = 1;
        chained++;
      }
    }
    let fields = 0;
    for (let entry = words[H_LRU_HEAD]!; entry !== 0; entry = words[entry + E_OLDER]!)
      if (this.#table.typeOf(entry) === T_HASH) fields += words[entry + C_COUNT]!;
    const entries = words[H_ENTRIES]! + fields;
    must(chained === entries, `${entries} entries and fields, ${chained} in chains`, H_BUCKETS_AT);
  }
}
