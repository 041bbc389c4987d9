import { nodeCrypto } from "../../std/builtins.ts";
import { realpathSync } from "node:fs";
import { hostname } from "node:os";
import { type HeaderList, sameName } from "../../core/header_list.ts";
import type { Request } from "../../core/request.ts";
import { requestSlot } from "../../core/slot.ts";
import type { Getter, VariableSpec } from "../../core/variable.ts";
import { everySecond, isoTime, localTime } from "../../std/clock.ts";
import { addressBytes } from "../../std/address.ts";
import { version } from "../../std/version.ts";
import { parseSize } from "../../std/units.ts";
import { documentRoot, filePath } from "./path.ts";
import { proxyFieldVariable, proxyVariables } from "./proxy_protocol.ts";
import { protocol, requestLine } from "./request_line.ts";

const timeLocal = everySecond((nowMs) => localTime(new Date(nowMs)));
const timeIso = everySecond((nowMs) => isoTime(new Date(nowMs)));
const hostName = hostname();

/** Most requests take no longer than this. */
const quickTexts = Array.from({ length: 10 }, (_, ms) => `0.00${ms}`);

/** Seconds with milliseconds, as `$request_time` prints them. */
export function secondsText(ms: number): string {
  const whole = Math.max(0, Math.round(ms));
  if (whole < 10) return quickTexts[whole]!;
  return `${Math.floor(whole / 1000)}.${String(whole % 1000).padStart(3, "0")}`;
}

/** The user that Basic authentication names, believed or not. */
function remoteUser(request: Request): string | undefined {
  const authorization = request.header("authorization");
  if (authorization === undefined) return undefined;
  const match = /^basic +([A-Za-z0-9+/=]+)/i.exec(authorization);
  if (!match) return undefined;
  const pair = Buffer.from(match[1]!, "base64").toString("latin1");
  const colon = pair.indexOf(":");
  return colon > 0 ? pair.slice(0, colon) : undefined;
}

const idSlot = requestSlot<string>();

/** 16 random bytes in hexadecimal, the same throughout the request. */
export function requestId({ main }: Request): string {
  let id = main.get(idSlot);
  if (id === undefined) main.set(idSlot, (id = nodeCrypto().randomBytes(16).toString("hex")));
  return id;
}

/** The first value of query argument `name`, still escaped, as nginx gives it. */
export function queryArgument(args: string, name: string): string | undefined {
  for (let start = 0; start < args.length;) {
    let end = args.indexOf("&", start);
    if (end < 0) end = args.length;
    if (end - start > name.length && args.charCodeAt(start + name.length) === 61 /* = */) {
      const key = args.slice(start, start + name.length);
      if (key === name || key.toLowerCase() === name.toLowerCase()) return args.slice(start + name.length + 1, end);
    }
    start = end + 1;
  }
  return undefined;
}

/** The value of cookie `name`; the first where a client sends several. A comma is part of a value (RFC 6265). */
export function cookie(request: Request, name: string): string | undefined {
  for (const line of request.headers.all("cookie"))
    for (const pair of line.split(";")) {
      const equals = pair.indexOf("=");
      if (equals > 0 && pair.slice(0, equals).trim().toLowerCase() === name) return pair.slice(equals + 1).trim();
    }
  return undefined;
}

function joinedHeader(request: Request, name: string): string | undefined {
  const { headers } = request;
  const { flat } = headers;
  const separator = name === "cookie" ? "; " : ", ";
  let joined: string | undefined;
  for (let i = 0; i < flat.length; i += 2)
    if (sameName(flat[i]!, name)) joined = joined === undefined ? flat[i + 1]! : joined + separator + flat[i + 1]!;
  return joined === undefined && name.includes("-") ? underscored(headers, name) : joined;
}

/** A field whose name has "_" where the variable's "_" was taken for "-": `underscores_in_headers` may let it in. */
function underscored({ flat }: HeaderList, name: string): string | undefined {
  let joined: string | undefined;
  for (let i = 0; i < flat.length; i += 2) {
    const field = flat[i]!;
    if (field.length !== name.length || !field.includes("_") || !sameName(field.replaceAll("_", "-"), name)) continue;
    joined = joined === undefined ? flat[i + 1]! : `${joined}, ${flat[i + 1]!}`;
  }
  return joined;
}

function realpathRoot(request: Request): string | undefined {
  try {
    return realpathSync(documentRoot(request));
  } catch (error) {
    request.log("crit", `realpath() "${documentRoot(request)}" failed (${(error as Error).message})`);
    return undefined;
  }
}

/** Of the response as it went out, or will: what `$sent_http_` reads. */
function sentHeader(request: Request, name: string): string | undefined {
  const { response } = request;
  const known = response.known(name);
  if (known !== undefined) return known;
  switch (name) {
    case "connection":
      return request.keepalive ? "keep-alive" : "close";
    case "transfer-encoding":
      return response.contentLength < 0 && request.exchange.httpVersion === 11 ? "chunked" : undefined;
    default: {
      const all = response.headers.all(name);
      return all.length === 0 ? undefined : all.join(", ");
    }
  }
}

/** The port that the client named, in the request line or else in Host; "" without one. */
function requestPort({ main }: Request): string {
  const authority = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/([^/?#]*)/.exec(main.target)?.[1] ?? main.header("host") ?? "";
  return /:([1-9]\d{0,4})$/.exec(authority)?.[1] ?? "";
}

/** Of a target without "?" there are none, which the log shows as "-". */
function givenArgs({ args, hasArgs }: Request): string | undefined {
  return hasArgs || args !== "" ? args : undefined;
}

/** What the client asked for, without the scheme and host that a request to a proxy has in front; `$request_uri`. */
export function requestUri({ main: { target } }: Request): string {
  if (target.startsWith("/")) return target;
  const path = target.replace(/^[A-Za-z][A-Za-z0-9+.-]*:\/\/[^/?#]*/, "");
  return path === "" ? "/" : path;
}

export const variables: Readonly<Record<string, Getter | VariableSpec>> = {
  args: {
    get: givenArgs,
    set: (request, value) => {
      request.args = value;
      request.hasArgs = value !== "";
    },
  },
  query_string: givenArgs,
  is_args: (request) => (request.args === "" ? "" : "?"),
  uri: (request) => request.uri,
  document_uri: (request) => request.uri,
  request_uri: requestUri,
  request_port: requestPort,
  is_request_port: (request) => (requestPort(request) === "" ? "" : ":"),
  request: requestLine,
  request_method: (request) => request.main.method,
  request_filename: (request) => filePath(request),
  request_id: requestId,
  request_time: { get: (request) => secondsText(Date.now() - request.startMs), plain: true },
  request_length: {
    get: (request) => String(request.exchange.requestLength + request.main.body.receivedBytes),
    plain: true,
  },
  request_completion: (request) => (request.ended || request.main.ended ? "OK" : ""),
  request_body: (request) => {
    const bytes = request.main.body.buffered;
    return bytes && Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
  },
  request_body_file: (request) => request.main.body.file?.path,
  host: (request) => request.host || request.server.name,
  hostname: () => hostName,
  scheme: (request) => (request.exchange.connection.tls ? "https" : "http"),
  https: (request) => (request.exchange.connection.tls ? "on" : ""),
  server_protocol: protocol,
  server_name: (request) => request.server.name,
  server_addr: { get: (request) => request.exchange.connection.localAddress, plain: true },
  server_port: { get: (request) => String(request.exchange.connection.localPort || ""), plain: true },
  remote_addr: { get: (request) => request.main.remoteAddress, plain: true },
  remote_port: { get: (request) => String(request.main.remotePort || ""), plain: true },
  ...proxyVariables,
  remote_user: remoteUser,
  binary_remote_addr: (request) => addressBytes(request.main.remoteAddress),
  document_root: documentRoot,
  realpath_root: realpathRoot,
  content_length: (request) => request.header("content-length"),
  content_type: (request) => joinedHeader(request, "content-type"),
  body_bytes_sent: { get: (request) => String(request.exchange.bodyBytesSent), plain: true },
  bytes_sent: { get: (request) => String(request.exchange.bytesSent), plain: true },
  connection: { get: (request) => String(request.exchange.connection.number), plain: true },
  connection_requests: { get: (request) => String(request.exchange.connection.requests), plain: true },
  connection_time: (request) => secondsText(Date.now() - request.exchange.connection.startMs),
  status: {
    get: (request) => statusText(request.errorStatus || request.response.status),
    plain: true,
  },
  msec: { get: () => secondsText(Date.now()), plain: true },
  time_local: { get: () => timeLocal(Date.now()), plain: true },
  time_iso8601: { get: () => timeIso(Date.now()), plain: true },
  pid: { get: () => String(process.pid), plain: true },
  pipe: (request) => (request.exchange.isPipelined ? "p" : "."),
  nginx_version: () => version,
  limit_rate: {
    get: (request) => String(request.limitRate ?? 0),
    set: (request, value) => {
      request.limitRate = parseSize(value) ?? request.limitRate;
    },
  },
};

/** Three digits; 000 before there is one. */
function statusText(status: number): string {
  return status >= 100 ? String(status) : String(status).padStart(3, "0");
}

const dashed = (rest: string): string => rest.replaceAll("_", "-").toLowerCase();

export const prefixes: Readonly<Record<string, (rest: string) => Getter>> = {
  proxy_protocol_tlv_: proxyFieldVariable,
  arg_: (rest) => (request) => queryArgument(request.args, rest),
  http_: (rest) => {
    const name = dashed(rest);
    return (request) => joinedHeader(request, name);
  },
  cookie_: (rest) => {
    const name = rest.toLowerCase();
    return (request) => cookie(request, name);
  },
  sent_http_: (rest) => {
    const name = dashed(rest);
    return (request) => sentHeader(request, name);
  },
  sent_trailer_: (rest) => {
    const name = dashed(rest);
    return (request) => {
      const trailers = request.response.trailers ?? [];
      const values = trailers.filter((_, i) => i % 2 === 1 && trailers[i - 1]!.toLowerCase() === name);
      return values.length === 0 ? undefined : values.join(", ");
    };
  },
};
