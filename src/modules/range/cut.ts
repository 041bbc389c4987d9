import { type Body, isFileSlice, releaseBody, type Segment, segmentsOf, type Sink } from "../../core/body.ts";
import type { ByteRange } from "./parse.ts";

/** One part of a multipart/byteranges body. */
export interface Part {
  /** Its delimiter and header fields. */
  readonly head: string;
  readonly range: ByteRange;
}

/** The bytes of `body` that are in `range`. Takes the body over: files that are not needed are released. */
export function cut(body: Body, range: ByteRange): Body {
  const out = piecesOf(body, range);
  releaseBody(body);
  return out.length === 1 ? out[0]! : out;
}

/** All parts, each behind its head, and `tail`. Takes the body over. */
export function joinParts(body: Body, parts: readonly Part[], tail: string): Body {
  const out: Segment[] = [];
  for (const { head, range } of parts) out.push(head, ...piecesOf(body, range));
  out.push(tail);
  releaseBody(body);
  return out;
}

/** What of each segment lies in the range; files are retained once more for each piece. */
function piecesOf(body: Body, { start, end }: ByteRange): Segment[] {
  const out: Segment[] = [];
  let at = 0;
  for (const segment of segmentsOf(body)) {
    const size = isFileSlice(segment) ? segment.end - segment.start : Buffer.byteLength(segment);
    const from = Math.max(0, start - at);
    const to = Math.min(size, end - at);
    if (from < to) out.push(pieceOf(segment, from, to));
    at += size;
  }
  return out;
}

function pieceOf(segment: Segment, from: number, to: number): Segment {
  if (isFileSlice(segment)) {
    segment.file.retain();
    return { file: segment.file, start: segment.start + from, end: segment.start + to };
  }
  return (typeof segment === "string" ? Buffer.from(segment) : segment).subarray(from, to);
}

/** Lets pass what is in the range of a body that comes chunk by chunk. */
export function cutStream({ start, end }: ByteRange, next: Sink): Sink {
  let at = 0;
  return (chunk, last) => {
    const bytes = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
    const from = Math.max(0, start - at);
    const to = Math.min(bytes.length, end - at);
    at += bytes.length;
    if (from < to) return next(bytes.subarray(from, to), last);
    return last ? next("", true) : undefined;
  };
}
