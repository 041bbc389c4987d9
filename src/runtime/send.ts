import {
  type Body,
  type BodyFilter,
  byteLength,
  type FileSlice,
  isFileSlice,
  releaseBody,
  type Segment,
  segmentsOf,
  type Sink,
} from "../core/body.ts";
import type { Chunk } from "../core/exchange.ts";
import { DECLINED, DONE, ERROR, OK, type Verdict } from "../core/phase.ts";
import type { Request } from "../core/request.ts";
import { reasonPhrase } from "../core/status.ts";
import { FileTruncated, readSlice } from "../modules/open_file_cache/read_body.ts";
import { core } from "../modules/core/core.ts";
import { parseOffset } from "../std/units.ts";
import { headFields } from "./head.ts";
import { settleKeepalive } from "./keepalive.ts";
import { paced } from "./pace.ts";
import { walk } from "./walk.ts";

/**
 * Files up to this size are read at once and leave with their head: 12.7 µs against 22.8 by a Response (1 KB, Bun
 * 1.4.5).
 */
const oneReadBytes = 64 * 1024;
/** Larger ones are read so many bytes at a time, and more while the client takes them at once. */
const readBytes = 128 * 1024;
const largeReadBytes = 512 * 1024;
/** A client that takes what waited for it within this time gets large pieces; they would pile up for a slower one. */
const quickDrainMs = 10;
/** How much of a file one request may read without letting others have their turn. */
const turnBytes = 2 * 1024 * 1024;

const bodiless = (status: number): boolean => status === 204 || status === 304 || status < 200;

/** Sends head and body through the filters. */
export function respond(request: Request, body: Body | undefined): Verdict | Promise<Verdict> {
  const { response } = request;
  if (request.headSent) return body === undefined ? DONE : sendSegments(request, segmentsOf(body));
  if (response.contentLength < 0) response.contentLength = body === undefined ? 0 : byteLength(body);
  request.bodyAtHand = true;
  let verdict: Verdict | Promise<Verdict>;
  try {
    verdict = filterHead(request);
  } catch (error) {
    releaseBody(body);
    throw error;
  }
  if (typeof verdict === "number") return emitIf(request, body, verdict);
  return verdict.then(
    (late) => emitIf(request, body, late),
    (error) => {
      releaseBody(body);
      throw error;
    },
  );
}

function emitIf(request: Request, body: Body | undefined, verdict: Verdict): Verdict | Promise<Verdict> {
  if (verdict === OK) return emit(request, body);
  releaseBody(body);
  return verdict;
}

/** Runs the header filters; OK when the head may go out, another verdict when a filter answers in its place. */
export function filterHead(request: Request): Verdict | Promise<Verdict> {
  const { response } = request;
  if (request.errorStatus > 0) response.status = request.errorStatus;
  else if (response.status === 0) response.status = 200;
  if (response.status !== 200) response.allowRanges = false;
  const verdict = walk(request, request.location.headerFilters);
  if (typeof verdict !== "number") return verdict.then((late) => link(request, late));
  return link(request, verdict);
}

/** Builds the chain of body filters that the header filters asked for. */
function link(request: Request, verdict: Verdict): Verdict {
  if (verdict !== DECLINED && verdict !== OK) {
    request.filters = undefined;
    request.bodyAtHand = false;
    return verdict;
  }
  request.headSent = true;
  const { status } = request.response;
  if (status !== 200 && status !== 206 && status !== 304) request.response.lastModified = -1;
  if (!request.parent) settleKeepalive(request);
  const { response } = request;
  // Trailers need the chunked coding, which comes in place of a length.
  const { rate, chunked_transfer_encoding: chunked } = core.of(request);
  if (response.trailers && !chunked) response.trailers = undefined;
  if (response.trailers && request.exchange.httpVersion === 11 && !bodiless(response.status))
    response.contentLength = -1;
  if (rate && request.limitRate === undefined && !request.parent)
    request.limitRate = parseOffset(rate.evaluate(request)) ?? 0;
  if (!request.bodyAtHand) request.sink = chain(request, request.filters);
  return OK;
}

function chain(request: Request, filters: readonly BodyFilter[] | undefined): Sink {
  let sink: Sink = clientSink(request);
  if (filters) for (let i = filters.length - 1; i >= 0; i--) sink = filters[i]!.stream(sink);
  return sink;
}

/** The whole body is at hand: what no filter has to see leaves with its head. */
function emit(request: Request, body: Body | undefined): Verdict | Promise<Verdict> {
  const { response, exchange } = request;
  if (request.headerOnly || bodiless(response.status)) {
    if (bodiless(response.status)) response.contentLength = -1;
    if (response.status === 204) response.contentType = undefined;
    exchange.whole(response.status, reasonOf(request), headFields(request), undefined);
    releaseBody(body);
    request.ended = true;
    return DONE;
  }
  let whole = body;
  const { filters } = request;
  let chunk: Chunk | undefined;
  try {
    if (filters) {
      for (let i = 0; i < filters.length; i++) {
        const filtered: Body | undefined = whole === undefined ? undefined : filters[i]!.whole?.(whole);
        if (filtered === undefined) {
          request.sink = chain(request, filters.slice(i));
          return sendSegments(request, whole === undefined ? [""] : segmentsOf(whole));
        }
        whole = filtered;
      }
      request.filters = undefined; // they have seen it
    }
    chunk = request.limitRate ? undefined : whole === undefined ? "" : inMemory(whole);
  } catch (error) {
    return truncated(request, error);
  }
  // A connection that is to close closes with the whole, and who sees that should find the request logged.
  if (chunk === undefined || !request.keepalive) {
    request.sink = clientSink(request);
    return sendSegments(request, chunk !== undefined ? [chunk] : whole === undefined ? [""] : segmentsOf(whole));
  }
  exchange.whole(response.status, reasonOf(request), headFields(request), chunk);
  request.ended = true;
  return DONE;
}

/**
 * The body as one chunk, if it is one or becomes one by a single read. More than the socket takes at once would be
 * copied: 1 MB from memory took 233 µs whole, 206 in two pieces (Bun 1.4.5).
 */
function inMemory(body: Body): Chunk | undefined {
  if (typeof body === "string" || body instanceof Uint8Array) return body;
  const only = onlySegment(body);
  if (only === undefined) return undefined;
  if (!isFileSlice(only)) return only;
  if (only.end - only.start > (only.file.bytes ? largeReadBytes : oneReadBytes)) return undefined;
  try {
    return readSlice(only, only.start, only.end);
  } finally {
    only.file.release();
  }
}

function onlySegment(body: FileSlice | readonly Segment[]): Segment | undefined {
  if ("file" in body) return body;
  return body.length === 1 ? body[0] : undefined;
}

/** Sends segment by segment at the client's pace. */
async function sendSegments(request: Request, segments: readonly Segment[]): Promise<Verdict> {
  try {
    for (const [i, segment] of segments.entries()) {
      const last = i === segments.length - 1;
      if (!isFileSlice(segment)) await request.sink!(segment, last);
      else await sendSlice(request, segment, last);
    }
  } catch (error) {
    return truncated(request, error);
  } finally {
    releaseBody(segments);
  }
  return DONE;
}

/** The head has promised more than there is: all that is left is to say so in the log and close the connection. */
function truncated(request: Request, error: unknown): Verdict {
  if (!(error instanceof FileTruncated)) throw error;
  request.log("alert", error.message);
  return ERROR;
}

/**
 * Buffers for reading large files; none of them is held on to by a write. Reading 1 MB and writing it took 430 µs in
 * pieces of 64 kB that were made for the purpose, 260 by these (Bun 1.4.5).
 */
const idleBuffers: Buffer[] = [];
const idleLargeBuffers: Buffer[] = [];
/** Of each size: what more there is when many clients are slow at once is left to the garbage collector. */
const idleBuffersMax = 12;

/**
 * Reads and sends a part of a file. A buffer is used again as long as the socket takes all of it at once; what it did
 * not take belongs to it until it has drained, so a client that turns out to be slow gets small pieces.
 */
async function sendSlice(request: Request, slice: FileSlice, last: boolean): Promise<void> {
  if (slice.start >= slice.end) return void (await request.sink!("", last));
  // A filter or a parent request may keep what it was given for longer than its promise says.
  const reusing = slice.file.bytes === undefined && !request.filters && !request.parent;
  let fast = slice.file.bytes !== undefined && !request.filters;
  let unpaused = 0;
  for (let at = slice.start; at < slice.end;) {
    const size = Math.min(fast ? largeReadBytes : readBytes, slice.end - at);
    const buffer = reusing ? takeBuffer(fast) : undefined;
    const bytes = readSlice(
      slice,
      at,
      at + size,
      buffer && (buffer.length === size ? buffer : buffer.subarray(0, size)),
    );
    at += size;
    const pending = request.sink!(bytes, last && at === slice.end);
    fast ||= reusing;
    if (pending) {
      const beganMs = performance.now();
      await pending;
      fast &&= performance.now() - beganMs < quickDrainMs;
    }
    if (buffer) giveBack(buffer);
    if (pending) unpaused = 0;
    else if ((unpaused += size) >= turnBytes && at < slice.end) {
      // A fast client, or a filter that leaves little, would keep this worker from all others.
      await new Promise<void>((resolve) => setImmediate(resolve));
      unpaused = 0;
    }
  }
}

function takeBuffer(large: boolean): Buffer {
  const idle = large ? idleLargeBuffers : idleBuffers;
  return idle.pop() ?? Buffer.allocUnsafeSlow(large ? largeReadBytes : readBytes);
}

function giveBack(buffer: Buffer): void {
  const idle = buffer.length === largeReadBytes ? idleLargeBuffers : idleBuffers;
  if (idle.length < idleBuffersMax) idle.push(buffer);
}

/** The end of the chain: frames nothing itself, the adapter does. */
function clientSink(request: Request): Sink {
  const { exchange, response } = request;
  let begun = false;
  const begin = (): void => {
    begun = true;
    exchange.head(response.status, reasonOf(request), headFields(request));
  };
  const write: Sink = (chunk, last) => {
    if (request.ended) return undefined;
    if (request.headerOnly || bodiless(response.status)) {
      if (!begun) {
        begun = true;
        if (bodiless(response.status)) response.contentLength = -1;
        exchange.whole(response.status, reasonOf(request), headFields(request), undefined);
      }
      request.ended = last;
      return undefined;
    }
    if (last && !begun && !response.trailers && request.keepalive) {
      begun = true;
      request.ended = true;
      exchange.whole(response.status, reasonOf(request), headFields(request), chunk);
      return undefined;
    }
    if (!begun) begin();
    const room = chunk.length === 0 || exchange.write(chunk);
    if (last) {
      request.ended = true;
      request.endPending = true; // whoever sees the end finds the request logged
      return room ? undefined : exchange.drained().catch(() => undefined);
    }
    return room ? undefined : exchange.drained();
  };
  return request.limitRate ? paced(request, write) : write;
}

function reasonOf(request: Request): string {
  const { response } = request;
  return response.reason ?? reasonPhrase(response.status);
}

/** Sends the head now; the body follows through `request.sink`. */
export function sendHead(request: Request): Verdict | Promise<Verdict> {
  if (request.headSent) return OK;
  return filterHead(request);
}
