const multiplier = 0x5bd1e995;

/** MurmurHash2 with seed 0 of a byte string, an unsigned 32-bit number. */
export function murmur2(bytes: string): number {
  const { length } = bytes;
  let hash = length;
  let at = 0;
  for (; length - at >= 4; at += 4) {
    let word =
      bytes.charCodeAt(at) |
      (bytes.charCodeAt(at + 1) << 8) |
      (bytes.charCodeAt(at + 2) << 16) |
      (bytes.charCodeAt(at + 3) << 24);
    word = Math.imul(word, multiplier);
    word = Math.imul(word ^ (word >>> 24), multiplier);
    hash = Math.imul(hash, multiplier) ^ word;
  }
  if (at < length) {
    for (let i = length - 1; i >= at; i--) hash ^= bytes.charCodeAt(i) << ((i - at) * 8);
    hash = Math.imul(hash, multiplier);
  }
  hash = Math.imul(hash ^ (hash >>> 13), multiplier);
  return (hash ^ (hash >>> 15)) >>> 0;
}
