import { releaseBody } from "../../core/body.ts";
import type { Verdict } from "../../core/phase.ts";
import type { Request } from "../../core/request.ts";
import { unescapeUri } from "../../std/uri_escape.ts";
import type { StoredBody } from "../cache/use.ts";
import { overrideCharset } from "../charset/charset.ts";
import { parseHttpTime } from "../../std/clock.ts";
import { lowerCase } from "../../std/lower_case.ts";
import { parseSize } from "../../std/units.ts";
import type { PassConf } from "./pass_conf.ts";
import type { Destination, Protocol } from "./protocol.ts";
import { upstreamState } from "./state.ts";

/** Meant for the hop between us and the upstream. */
const hopByHop = new Set(["connection", "keep-alive", "transfer-encoding", "upgrade", "proxy-connection", "trailer"]);

/**
 * Makes the upstream's head the response's.
 * @returns A verdict when the upstream wants something else answered: an internal redirect, an intercepted error.
 */
export function applyHead<C extends PassConf, D extends Destination>(
  request: Request,
  conf: C,
  protocol: Protocol<C, D>,
  to: D,
  status: number,
  reason: string,
  headers: readonly string[],
): Verdict | Promise<Verdict> | undefined {
  let accel: string | undefined;
  let server: string | undefined;
  let date: string | undefined;
  for (let i = 0; i < headers.length; i += 2) {
    const lower = lowerCase(headers[i]!);
    if (lower === "server") server = headers[i + 1];
    else if (lower === "date") date = headers[i + 1];
    else if (lower.startsWith("x-accel-") && !conf.ignored.has(lower)) {
      const value = headers[i + 1]!;
      if (lower === "x-accel-redirect") accel = value;
      else if (lower === "x-accel-charset") request.set(overrideCharset, value);
      else if (lower === "x-accel-limit-rate") request.limitRate = value === "off" ? 0 : (parseSize(value) ?? 0);
    }
  }
  if (accel !== undefined && !request.parent?.parent) return internalRedirect(request, headers, accel);
  if (conf.interceptErrors && status >= 300 && request.hasErrorPage(status)) {
    if (status === 401) copyChallenge(request, headers);
    return status;
  }
  const { response } = request;
  response.status = status;
  response.reason = reason;
  for (let i = 0; i < headers.length; i += 2) applyField(request, conf, protocol, to, headers[i]!, headers[i + 1]!);
  // Those that pass take the place of ours.
  const blank = protocol.passesNothing ? null : undefined;
  if (!conf.hidden.has("server")) response.server = server ?? blank;
  if (!conf.hidden.has("date")) response.date = date ?? blank;
  if (conf.forceRanges) response.allowRanges = true;
  return undefined;
}

function applyField<C extends PassConf, D extends Destination>(
  request: Request,
  conf: C,
  protocol: Protocol<C, D>,
  to: D,
  name: string,
  value: string,
): void {
  const { response } = request;
  const lower = lowerCase(name);
  if (hopByHop.has(lower)) return;
  if (conf.hidden.has(lower) || lower === "server" || lower === "date") return;
  switch (lower) {
    case "content-type": {
      const charset = /;\s*charset=\s*"?([^;"\s]+)"?/i.exec(value);
      response.contentType = charset
        ? (value.slice(0, charset.index) + value.slice(charset.index + charset[0].length)).trim()
        : value;
      response.charset = charset?.[1];
      return;
    }
    case "content-length":
      response.contentLength = Number(value);
      return;
    case "last-modified": {
      const seconds = parseHttpTime(value);
      if (seconds === undefined) response.headers.add(name, value);
      else response.lastModified = seconds;
      return;
    }
    case "etag":
      response.etag = value;
      return;
    case "content-encoding":
      response.contentEncoding = value;
      return;
    case "accept-ranges":
      response.allowRanges = value.toLowerCase().includes("bytes");
      return;
    case "location":
    case "refresh":
    case "set-cookie":
      response.headers.add(name, protocol.rewrite(request, conf, to, lower, value));
      return;
    default:
      response.headers.add(name, value);
  }
}

/** What an application may decide of the answer that another location gives in its place. */
const keptOnRedirect = new Set([
  "content-type",
  "set-cookie",
  "content-disposition",
  "cache-control",
  "expires",
  "accept-ranges",
]);

function internalRedirect(request: Request, headers: readonly string[], target: string): Verdict | Promise<Verdict> {
  const { response } = request;
  for (let i = 0; i < headers.length; i += 2) {
    const lower = headers[i]!.toLowerCase();
    if (lower === "content-type") response.contentType = headers[i + 1]!;
    else if (keptOnRedirect.has(lower)) response.headers.add(headers[i]!, headers[i + 1]!);
  }
  if (target.startsWith("@")) return request.redirectNamed(target);
  const question = target.indexOf("?");
  const path = unescapeUri(question < 0 ? target : target.slice(0, question));
  if (!path.startsWith("/") || /(?:^|\/)\.\.(?:\/|$)|\0/.test(path)) {
    request.log("error", `unsafe URI "${target}" was detected`);
    return 404;
  }
  if (request.method !== "HEAD") request.method = "GET";
  return question < 0 ? request.redirect(path) : request.redirect(path, target.slice(question + 1));
}

function copyChallenge(request: Request, headers: readonly string[]): void {
  for (let i = 0; i < headers.length; i += 2)
    if (headers[i]!.toLowerCase() === "www-authenticate") request.response.headers.add(headers[i]!, headers[i + 1]!);
}

/** `proxy_pass_trailers`: where the framing has no room for them they are left out. */
export function applyTrailers(request: Request, trailers: readonly string[]): void {
  if (trailers.length > 0) (request.response.trailers ??= []).push(...trailers);
}

/** Answers with what the cache holds, whose head is the upstream's as it came. */
export function serveStored<C extends PassConf, D extends Destination>(
  request: Request,
  conf: C,
  protocol: Protocol<C, D>,
  to: D,
  { head, bodyBytes, body }: StoredBody,
): Verdict | Promise<Verdict> {
  const state = request.get(upstreamState);
  if (state) state.headers = head.headers;
  else request.set(upstreamState, { groups: [], headers: head.headers, trailers: [] });
  const { response } = request;
  const elsewhere = head.intercepted
    ? head.status
    : applyHead(request, conf, protocol, to, head.status, head.reason, head.headers);
  if (elsewhere !== undefined) {
    releaseBody(body);
    return elsewhere;
  }
  response.contentLength = bodyBytes;
  if (head.status === 200) response.allowRanges = true;
  return request.respond(body);
}
