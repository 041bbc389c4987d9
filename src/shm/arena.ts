import {
  B_FREE_NEXT,
  B_FREE_PREVIOUS,
  B_TAG,
  E_HEADER_WORDS,
  FREE_BITMAP_AT,
  FREE_BITMAP_WORDS,
  FREE_HEADS_AT,
  GRANULE_BYTES,
  GRANULE_WORDS,
  H_BUILD,
  H_FREE_GRANULES,
  H_GRANULES,
  H_HEAP_AT,
  H_HEAP_END,
  TAG_FREE,
  TAG_PREVIOUS_FREE,
} from "./layout.ts";
import type { Memory } from "./memory.ts";

/** Lengths are 32-bit words with a sign. */
const PAYLOAD_BYTES_MAX = 2 ** 31 - 1;

/**
 * The allocator: blocks of whole granules, freed neighbours joined at once, free blocks in lists by size with a bitmap
 * to find the next list that has one (two-level segregated fit). Any request that the free granules can hold is
 * served: when no single block is large enough, the payload is scattered over several, chained by their last words.
 * So memory never has to be moved, which readers without a lock could not bear, and nothing is refused because the
 * free space lies in pieces. A slab of fixed classes, nginx's way, keeps its pages in the class that took them first.
 */
export class Arena {
  readonly #memory: Memory;
  readonly #words: Int32Array;

  constructor(memory: Memory) {
    this.#memory = memory;
    this.#words = memory.words;
  }

  /** Makes one free block of the whole heap of a new zone. */
  format(): void {
    const words = this.#words;
    const granules = (words[H_HEAP_END]! - words[H_HEAP_AT]!) / GRANULE_WORDS;
    words[words[H_HEAP_END]!] = TAG_PREVIOUS_FREE; // a used block of no size, which nothing is joined with
    this.#insert(words[H_HEAP_AT]!, granules);
    this.#memory.put(H_FREE_GRANULES, granules);
    this.#memory.commit();
  }

  /**
   * Allocates a block for a header and payload, contiguous or scattered, and names it in `H_BUILD`.
   * Committed on return; what follows may write into the block without the journal.
   * @returns Where it is, negative when it is scattered, 0 when there is no room.
   */
  build(headerBytes: number, payloadBytes: number): number {
    const granules = Math.ceil((headerBytes + payloadBytes) / GRANULE_BYTES);
    if (granules > this.#words[H_FREE_GRANULES]! || payloadBytes > PAYLOAD_BYTES_MAX) return 0;
    const block = this.#take(granules);
    if (block === 0) return this.#scatter(headerBytes, payloadBytes);
    this.#memory.put(H_BUILD, block);
    this.#memory.commit();
    return block;
  }

  #scatter(headerBytes: number, payloadBytes: number): number {
    const memory = this.#memory;
    const words = this.#words;
    let last = 0;
    for (let rest = payloadBytes; rest > 0 || last === 0;) {
      // Of each block, a word at its start and one at its end are not payload; the first has a header instead.
      const overhead = (last === 0 ? headerBytes : 4) + 4;
      const largest = this.#largest();
      const block = largest === 0 ? 0 : this.#take(Math.min(Math.ceil((rest + overhead) / GRANULE_BYTES), largest));
      if (block === 0) {
        this.dropBuild();
        return 0;
      }
      memory.put(lastWord(words, block), 0);
      memory.put(last === 0 ? H_BUILD : lastWord(words, last), last === 0 ? -block : block);
      memory.commit();
      rest -= (words[block]! >>> 2) * GRANULE_BYTES - overhead;
      last = block;
    }
    return words[H_BUILD]!;
  }

  /** Frees what is being built. */
  dropBuild(): void {
    const memory = this.#memory;
    const words = this.#words;
    const block = Math.abs(words[H_BUILD]!);
    if (block === 0) return;
    if (words[H_BUILD]! < 0) this.freeRest(block);
    memory.put(H_BUILD, 0);
    this.free(block);
    memory.commit();
  }

  /** Frees the blocks that the payload of a scattered one goes on in, one transaction each. */
  freeRest(block: number): void {
    const memory = this.#memory;
    const words = this.#words;
    const link = lastWord(words, block);
    for (let next = words[link]!, steps = 0; next !== 0; next = words[link]!) {
      if (steps++ > words[H_GRANULES]!) throw new Error("shared memory is damaged: payload without end");
      memory.put(link, words[lastWord(words, next)]!);
      this.free(next);
      memory.commit();
    }
  }

  /** Size in granules of a block in the highest list that has one: within an eighth of the largest there is. */
  #largest(): number {
    const words = this.#words;
    for (let word = FREE_BITMAP_WORDS - 1; word >= 0; word--) {
      const bits = words[FREE_BITMAP_AT + word]!;
      if (bits !== 0) return words[words[FREE_HEADS_AT + word * 32 + 31 - Math.clz32(bits)]!]! >>> 2;
    }
    return 0;
  }

  /** Takes a block off the free lists. Part of the running transaction. */
  #take(granules: number): number {
    const memory = this.#memory;
    const words = this.#words;
    const block = this.#fitting(granules);
    if (block === 0) return 0;
    const size = words[block]! >>> 2;
    this.#remove(block, size);
    memory.put(block + B_TAG, granules << 2); // the block before a free one is never free
    if (size > granules) this.#insert(block + granules * GRANULE_WORDS, size - granules);
    else this.#markNext(block, size, false);
    memory.put(H_FREE_GRANULES, words[H_FREE_GRANULES]! - granules);
    return block;
  }

  #fitting(granules: number): number {
    const words = this.#words;
    const own = classOf(granules);
    // Often the one freed last had the same size, and still is in the processor's caches.
    const freed = words[FREE_HEADS_AT + own]!;
    if (freed !== 0 && words[freed]! >>> 2 >= granules) return freed;
    // Below 32 granules all of a list have one size. Above, only a higher list surely fits.
    const from = granules < 32 ? own : own + 1;
    let word = from >>> 5;
    let bits = words[FREE_BITMAP_AT + word]! & (-1 << (from & 31));
    while (bits === 0 && ++word < FREE_BITMAP_WORDS) bits = words[FREE_BITMAP_AT + word]!;
    if (bits !== 0) return words[FREE_HEADS_AT + word * 32 + 31 - Math.clz32(bits & -bits)]!;
    if (granules < 32) return 0;
    let block = words[FREE_HEADS_AT + own]!;
    for (let looked = 0; block !== 0 && looked < 64; looked++) {
      if (words[block]! >>> 2 >= granules) return block;
      block = words[block + B_FREE_NEXT]!;
    }
    return 0;
  }

  /** Frees a block, joining it with free neighbours. Part of the running transaction. */
  free(block: number): void {
    const memory = this.#memory;
    const words = this.#words;
    let size = words[block]! >>> 2;
    memory.put(H_FREE_GRANULES, words[H_FREE_GRANULES]! + size);
    const next = block + size * GRANULE_WORDS;
    if (words[next]! & TAG_FREE) {
      const nextSize = words[next]! >>> 2;
      this.#remove(next, nextSize);
      size += nextSize;
    }
    if (words[block]! & TAG_PREVIOUS_FREE) {
      const previousSize = words[block - 1]!;
      block -= previousSize * GRANULE_WORDS;
      this.#remove(block, previousSize);
      size += previousSize;
    }
    this.#insert(block, size);
    this.#markNext(block, size, true);
  }

  #markNext(block: number, size: number, free: boolean): void {
    const next = block + size * GRANULE_WORDS;
    const tag = this.#words[next]!;
    this.#memory.put(next, free ? tag | TAG_PREVIOUS_FREE : tag & ~TAG_PREVIOUS_FREE);
  }

  #insert(block: number, size: number): void {
    const memory = this.#memory;
    const words = this.#words;
    const list = classOf(size);
    const head = words[FREE_HEADS_AT + list]!;
    memory.put(block + B_TAG, (size << 2) | TAG_FREE);
    memory.put(block + size * GRANULE_WORDS - 1, size);
    memory.put(block + B_FREE_NEXT, head);
    memory.put(block + B_FREE_PREVIOUS, 0);
    memory.put(FREE_HEADS_AT + list, block);
    if (head !== 0) memory.put(head + B_FREE_PREVIOUS, block);
    else memory.put(FREE_BITMAP_AT + (list >>> 5), words[FREE_BITMAP_AT + (list >>> 5)]! | (1 << (list & 31)));
  }

  #remove(block: number, size: number): void {
    const memory = this.#memory;
    const words = this.#words;
    const next = words[block + B_FREE_NEXT]!;
    const previous = words[block + B_FREE_PREVIOUS]!;
    if (next !== 0) memory.put(next + B_FREE_PREVIOUS, previous);
    if (previous !== 0) {
      memory.put(previous + B_FREE_NEXT, next);
      return;
    }
    const list = classOf(size);
    memory.put(FREE_HEADS_AT + list, next);
    if (next === 0)
      memory.put(FREE_BITMAP_AT + (list >>> 5), words[FREE_BITMAP_AT + (list >>> 5)]! & ~(1 << (list & 31)));
  }

  /** Most payload an entry can have in this zone, if nothing else is in it. */
  get payloadBytesMax(): number {
    const heapBytes = (this.#words[H_HEAP_END]! - this.#words[H_HEAP_AT]!) * 4;
    return Math.min(heapBytes - E_HEADER_WORDS * 4, PAYLOAD_BYTES_MAX);
  }
}

/** The free list for blocks of this many granules. */
export function classOf(granules: number): number {
  if (granules < 32) return granules;
  const power = 31 - Math.clz32(granules);
  return 32 + (power - 5) * 8 + ((granules >>> (power - 3)) & 7);
}

/** Where a scattered block says which block comes next. */
export function lastWord(words: Int32Array, block: number): number {
  return block + (words[block]! >>> 2) * GRANULE_WORDS - 1;
}
