import type { Sink } from "../../core/body.ts";
import type { Chunk } from "../../core/exchange.ts";
import { defineModule, size } from "../../core/module.ts";
import { DECLINED, ERROR, type Verdict } from "../../core/phase.ts";
import type { Request } from "../../core/request.ts";
import { requestSlot } from "../../core/slot.ts";
import { type ContentRange, parseContentRange, rangeStart } from "./content_range.ts";

/** How far a request has come in the slices of its body. */
interface Progress {
  readonly sizeBytes: number;
  /** `$slice_range`. */
  range: string;
  /** Where the next slice begins. */
  next: number;
  /** Of the first slice: the others have to be of the same body. */
  etag: string | undefined;
  /** Where the slice begins whose body comes now; undefined while none is there. */
  at: number | undefined;
  /** A slice is being asked for by a subrequest. */
  asking: boolean;
}

const progressSlot = requestSlot<Progress>();

/** nginx's ngx_http_slice_module: fetches a large body in parts of one size, each of which can be cached. */
export const slice = defineModule({
  name: "slice",
  directives: { slice: size({ contexts: ["http", "server", "location"], default: 0 }) },
  variables: { slice_range: (request) => progressOf(request)?.range },
  enabled: (conf) => conf.slice > 0,
  hooks: { header_filter: takeSlice },
});

/** Of the request itself, begun at first use, or of the one that asks for a slice by this subrequest. */
function progressOf(request: Request): Progress | undefined {
  const own = request.get(progressSlot);
  if (own) return own;
  const { parent } = request;
  if (parent) {
    const progress = parent.get(progressSlot);
    return progress?.asking && parent.uri === request.uri ? progress : undefined;
  }
  const sizeBytes = slice.of(request).slice;
  if (request.response.status !== 0 || sizeBytes === 0) return undefined;
  const start = request.header("if-range") === undefined ? rangeStart(request.header("range")) : 0;
  const next = Math.floor(start / sizeBytes) * sizeBytes;
  const progress: Progress = {
    sizeBytes,
    range: rangeOf(next, sizeBytes),
    next,
    etag: undefined,
    at: undefined,
    asking: false,
  };
  request.set(progressSlot, progress);
  return progress;
}

function rangeOf(start: number, sizeBytes: number): string {
  return `bytes=${start}-${start + sizeBytes - 1}`;
}

function takeSlice(request: Request): Verdict {
  const { response, parent } = request;
  const progress = parent ? progressOf(request) : request.get(progressSlot);
  if (!progress) return DECLINED;
  if (response.status !== 206) {
    if (!parent) return DECLINED; // all of it came at once, or an error
    request.log("error", `unexpected status code ${response.status} in slice response`);
    return ERROR;
  }
  const range = parseContentRange(response.headers.get("content-range"));
  const wrong = whatIsWrong(progress, range, response.etag);
  if (wrong !== undefined || range?.completeBytes === undefined) {
    request.log("error", wrong ?? "no complete length in slice response");
    return ERROR;
  }
  progress.etag = response.etag;
  progress.at = range.start;
  progress.next = range.end;
  response.status = 200;
  response.reason = undefined;
  response.contentLength = range.completeBytes;
  response.headers.delete("Content-Range");
  response.headers.delete("Accept-Ranges");
  if (parent) return DECLINED;
  response.allowRanges = true;
  response.cutsItself = true;
  if (!request.headerOnly) request.filterBodySource((next) => allSlices(request, progress, next));
  return DECLINED;
}

function whatIsWrong(
  progress: Progress,
  range: ContentRange | undefined,
  etag: string | undefined,
): string | undefined {
  if (progress.etag !== undefined && etag !== progress.etag) return "etag mismatch in slice response";
  if (!range) return "invalid range in slice response";
  if (range.completeBytes === undefined) return undefined;
  const end = Math.min(range.start + progress.sizeBytes, range.completeBytes);
  if (range.start === progress.next && range.end === end) return undefined;
  return `unexpected range in slice response: ${range.start}-${range.end}, ` + `expected: ${progress.next}-${end}`;
}

/** Lets pass what the client asked for, of the first slice and then of one after the other. */
function allSlices(request: Request, progress: Progress, next: Sink): Sink {
  const { response, uri } = request;
  // By now the range filter has said which part the client wants.
  const from = response.contentOffset;
  const to = from + response.contentLength;
  const pass = (chunk: Chunk): void | Promise<void> => {
    const bytes = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
    const at = progress.at ?? 0;
    progress.at = at + bytes.length;
    const part = bytes.subarray(Math.max(0, from - at), Math.max(0, Math.min(bytes.length, to - at)));
    return part.length > 0 ? next(part, false) : undefined;
  };
  const args = request.hasArgs ? request.args : undefined;
  const askOn = async (): Promise<void> => {
    if (progress.next + progress.sizeBytes <= from)
      progress.next = Math.floor(from / progress.sizeBytes) * progress.sizeBytes;
    while (progress.next < to) {
      progress.range = rangeOf(progress.next, progress.sizeBytes);
      progress.at = undefined;
      progress.asking = true;
      await request.subrequest({ uri, args, onChunk: pass });
      progress.asking = false;
      if (progress.at === undefined) throw new Error(`missing slice response for ${progress.range} of "${uri}"`);
    }
  };
  return async (chunk, last) => {
    if (chunk.length > 0) await pass(chunk);
    if (!last) return;
    await askOn();
    await next("", true);
  };
}
