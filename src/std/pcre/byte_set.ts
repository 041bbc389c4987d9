/** Which of the 256 bytes something matches: bit n stands for byte n. */
export type ByteSet = bigint;

export const noBytes: ByteSet = 0n;
export const allBytes: ByteSet = (1n << 256n) - 1n;

export function byte(code: number): ByteSet {
  return 1n << BigInt(code);
}

export function range(from: number, to: number): ByteSet {
  return ((1n << BigInt(to - from + 1)) - 1n) << BigInt(from);
}

export function complement(set: ByteSet): ByteSet {
  return allBytes ^ set;
}

const single: readonly ByteSet[] = Array.from({ length: 256 }, (_, code) => 1n << BigInt(code));

export function has(set: ByteSet, code: number): boolean {
  return (set & single[code]!) !== 0n;
}

/** The ranges of bytes that make up a set, in order. */
export function rangesOf(set: ByteSet): [from: number, to: number][] {
  // One text of digits instead of 256 large shifts: expressions are most of what reading a configuration costs.
  const bits = set.toString(2);
  const ranges: [number, number][] = [];
  for (let end = bits.lastIndexOf("1"); end >= 0;) {
    const start = bits.lastIndexOf("0", end) + 1;
    ranges.push([bits.length - 1 - end, bits.length - 1 - start]);
    end = start > 0 ? bits.lastIndexOf("1", start - 1) : -1;
  }
  return ranges;
}

const upperLetters = range(65, 90);
const lowerLetters = range(97, 122);
const letters = upperLetters | lowerLetters;

/** With the letters of the other case. Without UTF, PCRE's tables know no letters but those of ASCII. */
export function withBothCases(set: ByteSet): ByteSet {
  return set | ((set & upperLetters) << 32n) | ((set & lowerLetters) >> 32n);
}

const digits = range(48, 57);
const blanks = byte(32) | byte(9);
const punctuation = range(33, 126) & complement(letters | digits);

/** Of the C locale, in which nginx compiles its expressions. */
export const posixClasses: Record<string, ByteSet> = {
  alpha: letters,
  lower: lowerLetters,
  upper: upperLetters,
  alnum: letters | digits,
  ascii: range(0, 127),
  blank: blanks,
  cntrl: range(0, 31) | byte(127),
  digit: digits,
  graph: range(33, 126),
  print: range(32, 126),
  punct: punctuation,
  space: range(9, 13) | byte(32),
  word: letters | digits | byte(95),
  xdigit: digits | range(65, 70) | range(97, 102),
};

/** What `\d`, `\h`, `\s`, `\v`, `\w` and `\N` match; the capital of the others is the complement. */
export const escapeClasses: Record<string, ByteSet> = {
  d: digits,
  h: blanks | byte(0xa0),
  s: posixClasses.space!,
  v: range(10, 13) | byte(0x85),
  w: posixClasses.word!,
};

export const notNewline: ByteSet = complement(byte(10));
