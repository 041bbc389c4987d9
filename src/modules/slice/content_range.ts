/** What a Content-Range of bytes says. */
export interface ContentRange {
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
  /** Of the whole body; undefined for "*". */
  readonly completeBytes: number | undefined;
}

/** @see RFC 9110, section 14.4 */
export function parseContentRange(value: string | undefined): ContentRange | undefined {
  const match = /^bytes *(\d{1,19}) *- *(\d{1,19}) *\/ *(\d{1,19}|\*) *$/.exec(value ?? "");
  if (!match) return undefined;
  const [, start, end, complete] = match;
  return { start: Number(start), end: Number(end) + 1, completeBytes: complete === "*" ? undefined : Number(complete) };
}

/**
 * Where the range of a Range header begins, as far as it says so without knowing the body's length; 0 for several
 * ranges, which are answered with the whole body.
 */
export function rangeStart(range: string | undefined): number {
  const match = /^bytes= *(\d{1,15})[^,]*$/i.exec(range ?? "");
  return match ? Number(match[1]) : 0;
}
