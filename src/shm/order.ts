/**
 * The order in which other processes see what this one does to shared memory.
 *
 * An x86 processor shows its stores in the order it made them and makes its loads in order, so only the compiler has
 * to be kept from using a loaded word twice or leaving a store out: reading and writing a word of our own in between
 * does that. `Atomics` would do as well, but theirs are all locked instructions, loads included (Bun 1.4.5). Such a
 * one waits for all stores before it, which after the copying of 200 bytes into fresh memory was 80 of a get's
 * 280 ns, and takes the line away from all other readers. Elsewhere they are needed, and there two of them are a
 * fence: what is before the first stays before its store, that before the second's load, and that before the rest.
 */
const weaklyOrdered = process.arch !== "x64";
const own = new Int32Array(1);

/** What comes later stays behind what came earlier. On x86 not a load behind a store: that needs `Atomics`. */
export function fence(): void {
  if (weaklyOrdered) {
    Atomics.store(own, 0, 0);
    Atomics.load(own, 0);
  } else own[0] = (own[0]! + 1) | 0;
}

/** Loads a word; what comes later stays behind. */
export function loadFirst(words: Int32Array, at: number): number {
  if (weaklyOrdered) return Atomics.load(words, at);
  fence();
  const word = words[at]!;
  fence();
  return word;
}

/** Loads a word; what came earlier stays in front. */
export function loadLast(words: Int32Array, at: number): number {
  fence();
  return words[at]!;
}

/** Stores a word; what comes later stays behind. */
export function storeFirst(words: Int32Array, at: number, word: number): void {
  words[at] = word;
  fence();
}

/** Stores a word; what came earlier stays in front. */
export function storeLast(words: Int32Array, at: number, word: number): void {
  if (weaklyOrdered) Atomics.store(words, at, word);
  else {
    fence();
    words[at] = word;
    fence();
  }
}
