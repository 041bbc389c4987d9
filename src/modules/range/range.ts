import { nodeCrypto } from "../../std/builtins.ts";
import { defineModule } from "../../core/module.ts";
import { DECLINED, type Verdict } from "../../core/phase.ts";
import type { Request } from "../../core/request.ts";
import { parseHttpTime } from "../../std/clock.ts";
import { core } from "../core/core.ts";
import { cut, cutStream, joinParts, type Part } from "./cut.ts";
import { type ByteRange, parseRanges } from "./parse.ts";

/** `max_ranges` as it is when nobody sets it. */
const unlimited = 0x7fffffff;

/** nginx's ngx_http_range_filter_module: `max_ranges` is the core's. Makes a 206 or 416 of a 200 that allows it. */
export const range = defineModule({
  name: "range",
  hooks: { header_filter: applyRange },
});

function applyRange(request: Request): Verdict {
  const { response } = request;
  if (!response.allowRanges) return DECLINED;
  const { max_ranges } = core.of(request);
  if (response.status !== 200 || request.parent || response.contentLength < 0 || max_ranges === 0) {
    response.allowRanges = false;
    return DECLINED;
  }
  const header = request.headers.get("range");
  if (header === undefined || header.length < 7 || !/^bytes=/i.test(header) || !isSameBody(request)) return DECLINED;
  // Of a body that comes in pieces only one range can be had: the second may lie before the first.
  const max = !request.bodyAtHand || response.cutsItself ? 1 : max_ranges === unlimited ? "unlimited" : max_ranges;
  const ranges = parseRanges(header, response.contentLength, max);
  if (ranges === "ignore") return DECLINED;
  response.allowRanges = false;
  if (ranges === "unsatisfiable") {
    response.headers.set("Content-Range", `bytes */${response.contentLength}`);
    response.contentLength = -1;
    return 416;
  }
  response.status = 206;
  response.reason = undefined;
  if (ranges.length === 1) sendPart(request, ranges[0]!);
  else sendParts(request, ranges);
  return DECLINED;
}

/** An If-Range that names another version of the body asks for all of it. */
function isSameBody({ headers, response }: Request): boolean {
  const condition = headers.get("if-range");
  if (condition === undefined) return true;
  if (condition.length >= 2 && condition.endsWith('"')) return condition === response.etag;
  return response.lastModified >= 0 && parseHttpTime(condition) === response.lastModified;
}

function sendPart(request: Request, range: ByteRange): void {
  const { response } = request;
  response.headers.set("Content-Range", contentRange(range, response.contentLength));
  response.contentLength = range.end - range.start;
  response.contentOffset = range.start;
  if (response.cutsItself) return;
  request.filterBodyFirst(
    (next) => cutStream(range, next),
    (body) => cut(body, range),
  );
}

function sendParts(request: Request, ranges: readonly ByteRange[]): void {
  const { response } = request;
  const boundary = newBoundary();
  const type = response.contentType;
  const charset = response.charset === undefined ? "" : `; charset=${response.charset}`;
  const head = `\r\n--${boundary}\r\n${type ? `Content-Type: ${type}${charset}\r\n` : ""}Content-Range: `;
  const tail = `\r\n--${boundary}--\r\n`;
  const parts = ranges.map((range): Part => ({
    head: `${head}${contentRange(range, response.contentLength)}\r\n\r\n`,
    range,
  }));
  response.contentLength = parts.reduce(
    (sum, { head, range }) => sum + head.length + range.end - range.start,
    tail.length,
  );
  response.contentType = `multipart/byteranges; boundary=${boundary}`;
  response.charset = undefined;
  response.headers.delete("Content-Range");
  request.filterBodyFirst(
    (next) => next,
    (body) => joinParts(body, parts, tail),
  );
}

function contentRange({ start, end }: ByteRange, sizeBytes: number): string {
  return `bytes ${start}-${end - 1}/${sizeBytes}`;
}

/** 20 digits, as nginx's; random ones, so that no body can be made to hold them. */
function newBoundary(): string {
  const digits = (): string => String(nodeCrypto().randomInt(0, 1e10)).padStart(10, "0");
  return digits() + digits();
}
