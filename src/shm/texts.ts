/** How many texts a worker keeps of one zone, at most, and their bytes together: 4 MB, an eighth of a small zone. */
const SLOTS = 4096;
const BYTES_MAX = 4 * 2 ** 20;
const SHARE = 1 / 8;
/** A text of more than this share of it is not kept. */
const TEXT_SHARE = 1 / 4;
/** Of those that would push out another, one in so many is let in. */
const ADMIT_EVERY = 16;

/**
 * Texts that were read before, as the strings they became: of a get's 120 ns, 80 go into making a string of 200 bytes
 * and collecting it. What is asked for is always a stamp, which the reader has just found at the key and which no
 * other store of this zone ever has, so nothing here can be out of date; it can only be of no more use.
 *
 * A key's hash gives two slots. A text is kept when it is read the second time, and seldom pushes out another, so
 * that reading through many keys keeps little, and throws little out. The same goes for bytes: texts that are read in
 * a circle longer than there is room for would otherwise all be gone just before they are needed.
 */
export class Texts {
  readonly #stamps = new Int32Array(SLOTS * 2);
  readonly #hashes = new Int32Array(SLOTS);
  readonly #texts: (string | undefined)[] = new Array<string | undefined>(SLOTS).fill(undefined);
  readonly #sizes = new Int32Array(SLOTS);
  readonly #bytesMax: number;
  #bytes = 0;
  #hand = 0;
  #asked = 0;
  #lot = 0;

  constructor(zoneBytes: number) {
    this.#bytesMax = Math.min(BYTES_MAX, zoneBytes * SHARE);
  }

  /** The text that was stored with this stamp, if it is here. */
  get(hash: number, stampLow: number, stampHigh: number): string | undefined {
    const slot = hash & (SLOTS - 1);
    if (this.#has(slot, stampLow, stampHigh)) return this.#texts[slot];
    return this.#has(slot ^ 1, stampLow, stampHigh) ? this.#texts[slot ^ 1] : undefined;
  }

  #has(slot: number, stampLow: number, stampHigh: number): boolean {
    return this.#stamps[slot * 2] === stampLow && this.#stamps[slot * 2 + 1] === stampHigh;
  }

  /** Tells of a text that was read and is not here. */
  add(hash: number, stampLow: number, stampHigh: number, text: string, bytes: number): void {
    if (bytes > this.#bytesMax * TEXT_SHARE) return;
    let slot = hash & (SLOTS - 1);
    if (!this.#has(slot, stampLow, stampHigh)) slot ^= 1;
    if (!this.#has(slot, stampLow, stampHigh)) this.#expect(hash, stampLow, stampHigh);
    else if (this.#bytes + bytes <= this.#bytesMax || this.#makeRoom(bytes)) {
      this.#texts[slot] = text;
      this.#sizes[slot] = bytes;
      this.#bytes += bytes;
    }
  }

  /** Notes a stamp that was met for the first time. */
  #expect(hash: number, stampLow: number, stampHigh: number): void {
    const own = hash & (SLOTS - 1);
    // What the key had before is of no more use. Else drawn by lot, lest two that are read in turn forget each other.
    let slot = this.#hashes[own] === hash ? own : own ^ 1;
    if (this.#hashes[slot] !== hash) {
      this.#lot = (Math.imul(this.#lot, 1_103_515_245) + 12_345) | 0;
      if (this.#texts[slot] !== undefined || (this.#texts[own] === undefined && this.#lot < 0)) slot = own;
      if (this.#texts[slot] !== undefined && !this.#admits()) return;
    }
    this.#drop(slot);
    this.#hashes[slot] = hash;
    this.#stamps[slot * 2] = stampLow;
    this.#stamps[slot * 2 + 1] = stampHigh;
  }

  #makeRoom(bytes: number): boolean {
    if (!this.#admits()) return false;
    while (this.#bytes + bytes > this.#bytesMax) this.#drop((this.#hand = (this.#hand + 1) & (SLOTS - 1)));
    return true;
  }

  #admits(): boolean {
    this.#asked = (this.#asked + 1) % ADMIT_EVERY;
    return this.#asked === 0;
  }

  #drop(slot: number): void {
    if (this.#texts[slot] === undefined) return;
    this.#texts[slot] = undefined;
    this.#bytes -= this.#sizes[slot]!;
  }
}
