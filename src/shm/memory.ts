import {
  GRANULE_BYTES,
  H_BUILD,
  H_EMPTY,
  H_IMAGED,
  H_IMAGE_AT,
  H_LOCK,
  H_OPEN_BUCKET,
  H_TX,
  JOURNAL_AT,
  JOURNAL_RECORDS,
} from "./layout.ts";
import { lockSlowly, ownerWord } from "./lock.ts";
import { storeFirst, storeLast } from "./order.ts";

/** Bun's Buffer has these faster forms of write and toString, which its types leave out. */
export interface TextBuffer extends Buffer {
  latin1Write(text: string, at: number, bytesMax: number): number;
  utf8Write(text: string, at: number, bytesMax: number): number;
  ucs2Write(text: string, at: number, bytesMax: number): number;
  latin1Slice(from: number, to: number): string;
  utf8Slice(from: number, to: number): string;
  ucs2Slice(from: number, to: number): string;
}

/**
 * A zone's mapping, the lock on it, and transactions.
 *
 * A process can be killed between any two instructions, so each change of what others can reach is made by `put`,
 * which first writes the address and the old word into the journal, and takes effect with `commit`, one store that
 * raises the transaction's number and so voids the journal. Whoever finds the lock in a dead process' hands puts the
 * old words back, last first: doing that twice does no harm, so it may be killed too. A record counts only when it
 * carries the running transaction's number, its last word: the journal needs no length, which a compiler could be
 * tempted to store once instead of each time. What is killed are processes, not the machine: the order in which one
 * processor made its stores is the order in which the next owner of the lock sees them.
 *
 * An undo journal costs four stores for each word changed, 1 ns; rebuilding the zone by a walk over it would cost
 * nothing until a crash, and then seconds for a big zone, with every worker waiting.
 */
export class Memory {
  readonly words: Int32Array;
  readonly floats: Float64Array;
  readonly bytes: TextBuffer;
  /** Times this process found the lock taken since `lockWaits` was last collected. */
  lockWaits = 0;
  readonly #imageAt: number;
  #transaction = 0;
  #records = 0;
  #held = false;

  constructor(words: Int32Array, floats: Float64Array, bytes: TextBuffer) {
    this.words = words;
    this.floats = floats;
    this.bytes = bytes;
    this.#imageAt = words[H_IMAGE_AT]!;
  }

  static over(mapping: Uint8Array): Memory {
    const { buffer, byteOffset, byteLength } = mapping;
    return new Memory(
      new Int32Array(buffer, byteOffset, byteLength / 4),
      new Float64Array(buffer, byteOffset, byteLength / 8),
      Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength) as TextBuffer,
    );
  }

  /**
   * @returns False when the lock was taken from a dead process, or was left by an exception of our own (out of stack,
   * for instance): the caller must repair before anything else.
   */
  lock(): boolean {
    const clean = !this.#held && (Atomics.compareExchange(this.words, H_LOCK, 0, ownerWord) === 0 || this.#wait());
    this.#held = true;
    this.#transaction = this.words[H_TX]!;
    this.#records = 0;
    return clean && this.#transaction !== 0;
  }

  #wait(): boolean {
    this.lockWaits++;
    return !lockSlowly(this.words, H_LOCK);
  }

  /** Whether work is half done. */
  get changing(): boolean {
    const words = this.words;
    const bucket = words[H_OPEN_BUCKET]!;
    if (this.#records !== 0 || (bucket !== 0 && (words[bucket]! & 1) !== 0)) return true;
    return words[H_BUILD] !== 0 || words[H_IMAGED] !== 0 || words[H_EMPTY] !== 0;
  }

  unlock(): void {
    this.#held = false;
    storeLast(this.words, H_LOCK, 0);
  }

  /** Changes a word so that it is changed back if the transaction is not committed. */
  put(at: number, value: number): void {
    const words = this.words;
    const record = JOURNAL_AT + this.#records * 3;
    if (this.#records++ >= JOURNAL_RECORDS) throw new Error("shared memory: transaction too long");
    words[record] = at;
    words[record + 1] = words[at]!;
    words[record + 2] = this.#transaction;
    words[at] = value;
  }

  commit(): void {
    this.#transaction = (this.#transaction + 1) | 0;
    storeLast(this.words, H_TX, this.#transaction);
    this.#records = 0;
    if (this.#transaction === 0) this.#restart();
  }

  /** After 2^32 transactions, old records could be taken for new ones: forget them. */
  #restart(): void {
    this.words.fill(0, JOURNAL_AT, JOURNAL_AT + JOURNAL_RECORDS * 3);
    this.#transaction = 1;
    storeLast(this.words, H_TX, 1);
  }

  /** Takes back what the running transaction did, whoever began it. */
  undo(): void {
    const words = this.words;
    const transaction = words[H_TX]!;
    let records = 0;
    if (transaction !== 0)
      while (records < JOURNAL_RECORDS && words[JOURNAL_AT + records * 3 + 2] === transaction) records++;
    while (records-- > 0) words[words[JOURNAL_AT + records * 3]!] = words[JOURNAL_AT + records * 3 + 1]!;
    this.#transaction = transaction;
    if (transaction === 0) this.#restart();
    else this.commit();
    this.#restoreImage();
    const bucket = words[H_OPEN_BUCKET]!;
    if (bucket !== 0 && words[bucket]! & 1) this.closeBucket(bucket);
  }

  /**
   * Begins to overwrite a block in place, by keeping a copy of it: for small ones that is cheaper than to allocate
   * another block, link it and free the old one, 45 ns instead of 120.
   */
  keepImage(block: number): void {
    const from = block * 4;
    this.bytes.copyWithin(this.#imageAt * 4, from, from + (this.words[block]! >>> 2) * GRANULE_BYTES);
    this.words[H_IMAGED] = block;
  }

  dropImage(): void {
    storeLast(this.words, H_IMAGED, 0);
  }

  #restoreImage(): void {
    const block = this.words[H_IMAGED]!;
    if (block === 0) return;
    const from = this.#imageAt * 4; // the block's size, its first word, is not overwritten
    this.bytes.copyWithin(block * 4, from, from + (this.words[block]! >>> 2) * GRANULE_BYTES);
    this.dropImage();
  }

  /** Tells readers of this bucket's chain to wait, or to start again. */
  openBucket(bucket: number): void {
    this.words[H_OPEN_BUCKET] = bucket;
    storeFirst(this.words, bucket, this.words[bucket]! + 1);
  }

  closeBucket(bucket: number): void {
    storeLast(this.words, bucket, this.words[bucket]! + 1);
  }
}
