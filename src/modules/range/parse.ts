/** Bytes `start` to `end` (exclusive) of a body. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** nginx counts in 64 bits; what does not fit there is not satisfiable. Up to that, precision is no matter. */
const offsetMax = 2 ** 63;

/** One range of a Range header; blanks may stand where nginx lets them. */
const part = / *(?:(\d+) *- *(?:(\d+) *)?|-(\d+) *)(,|$)/y;

/**
 * Reads the value of a Range header.
 * @param sizeBytes Of the whole body.
 * @param max How many ranges are allowed; "unlimited" refuses only lists that would be longer than the body itself.
 * @returns The ranges; "ignore" when the whole body is the better answer; "unsatisfiable" for 416.
 * @see RFC 9110, section 14.2
 */
export function parseRanges(
  value: string,
  sizeBytes: number,
  max: number | "unlimited",
): readonly ByteRange[] | "ignore" | "unsatisfiable" {
  const ranges: ByteRange[] = [];
  let wantedBytes = 0;
  part.lastIndex = "bytes=".length;
  for (;;) {
    const match = part.exec(value);
    if (!match) return "unsatisfiable";
    const range = resolve(match, sizeBytes);
    if (!range) return "unsatisfiable";
    if (range.start < range.end) {
      if (max !== "unlimited" && ranges.length === max) return "ignore";
      ranges.push(range);
      wantedBytes += range.end - range.start;
    } else if (range.start === 0) return "ignore";
    if (match[4] !== ",") break;
  }
  if (ranges.length === 0) return "unsatisfiable";
  if (ranges.length === 1) return ranges;
  if (wantedBytes > sizeBytes) return "ignore";
  // Each part has a head of its own: thousands of tiny ranges would cost more than the body.
  if (max === "unlimited" && wantedBytes + ranges.length * 256 > sizeBytes + 4096) return "ignore";
  return ranges;
}

function resolve([, first, last, suffix]: RegExpExecArray, sizeBytes: number): ByteRange | undefined {
  if (suffix !== undefined) {
    const length = Number(suffix);
    if (length >= offsetMax) return undefined;
    return { start: Math.max(0, sizeBytes - length), end: sizeBytes };
  }
  const start = Number(first);
  const end = last === undefined ? sizeBytes : Math.min(Number(last) + 1, sizeBytes);
  return start >= offsetMax || Number(last ?? 0) >= offsetMax ? undefined : { start, end };
}
