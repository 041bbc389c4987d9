interface Range {
  start: number;
  end: number;
  value: string;
}

/** What is wrong with a range that was added, or undefined. */
export type RangeTrouble = { readonly duplicateOf: string } | { readonly overlaps: string } | undefined;

/**
 * Values by ranges of IPv4 addresses, in pieces of 65 536 addresses as nginx has them: a range within another one
 * splits it, one that crosses the border of another is refused.
 */
export class RangeTable {
  /** By the upper half of an address; each in ascending order. */
  readonly #pieces: (Range[] | undefined)[] = new Array(0x10000);

  /** @param start, end Unsigned, the end included. */
  add(start: number, end: number, value: string): RangeTrouble {
    let trouble: RangeTrouble;
    for (const [high, from, to] of piecesOf(start, end)) {
      const ranges = (this.#pieces[high] ??= []);
      const found = insert(ranges, from, to, value);
      if (found === undefined) continue;
      if ("duplicateOf" in found) trouble = found;
      else return { overlaps: `${dotted(high, found.start)}-${dotted(high, found.end)}` };
    }
    return trouble;
  }

  /** @returns false when a part of it was not there exactly so. */
  delete(start: number, end: number): boolean {
    let complete = true;
    for (const [high, from, to] of piecesOf(start, end)) {
      const ranges = this.#pieces[high];
      const at = ranges?.findIndex((range) => range.start === from && range.end === to) ?? -1;
      if (at < 0) complete = false;
      else ranges!.splice(at, 1);
    }
    return complete;
  }

  /** @param address Unsigned. */
  find(address: number): string | undefined {
    const ranges = this.#pieces[address >>> 16];
    if (!ranges) return undefined;
    const low = address & 0xffff;
    const at = lastStartingAt(ranges, low);
    return at >= 0 && low <= ranges[at]!.end ? ranges[at]!.value : undefined;
  }
}

function* piecesOf(start: number, end: number): Generator<[high: number, from: number, to: number]> {
  for (let high = start >>> 16; high <= end >>> 16; high++)
    yield [high, high === start >>> 16 ? start & 0xffff : 0, high === end >>> 16 ? end & 0xffff : 0xffff];
}

/** Where the last range that starts at or before `low` is; -1 for none. */
function lastStartingAt(ranges: readonly Range[], low: number): number {
  let first = 0;
  let after = ranges.length;
  while (first < after) {
    const middle = (first + after) >>> 1;
    if (ranges[middle]!.start <= low) first = middle + 1;
    else after = middle;
  }
  return first - 1;
}

/** @returns the value that was replaced, or the range that is in the way. */
function insert(
  ranges: Range[],
  start: number,
  end: number,
  value: string,
): { duplicateOf: string } | Range | undefined {
  const at = lastStartingAt(ranges, end);
  const range = ranges[at];
  if (!range || range.end < start) {
    ranges.splice(at + 1, 0, { start, end, value });
    return undefined;
  }
  if (range.start === start && range.end === end) {
    const duplicateOf = range.value;
    range.value = value;
    return { duplicateOf };
  }
  if (start < range.start || end > range.end) return range;
  const parts: Range[] = [{ start, end, value }];
  if (range.start < start) parts.unshift({ start: range.start, end: start - 1, value: range.value });
  if (end < range.end) parts.push({ start: end + 1, end: range.end, value: range.value });
  ranges.splice(at, 1, ...parts);
  return undefined;
}

function dotted(high: number, low: number): string {
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}
