import { UsageError } from "./usage.ts";

/** Where requests go: one server, in the forms that URL, socket and Host line need. */
export interface Target {
  /** As given. */
  url: string;
  tls: boolean;
  /** A name or an address without brackets; "" for a Unix socket. */
  hostname: string;
  port: number;
  /** The path of a Unix socket (`http://unix:/run/x.sock:/path`), else "". */
  unix: string;
  /** For the Host line: with the port unless it is the scheme's own. */
  authority: string;
  /** Path and query exactly as typed: a load test of `/a/../b` asks for `/a/../b`. */
  path: string;
}

/** @throws UsageError that says what a URL looks like. */
export function parseTarget(url: string): Target {
  const unix = /^http:\/\/unix:([^:]+)(?::(\/.*))?$/.exec(url);
  if (unix) {
    const path = unix[2] ?? "/";
    return { url, tls: false, hostname: "", port: 0, unix: unix[1]!, authority: "localhost", path };
  }
  const parts = /^(https?):\/\/([^/?#]*)([^#]*)/i.exec(url);
  const parsed = URL.parse(url);
  if (!parts || !parsed || parts[2] === "") {
    throw new UsageError(`"${url}" is no URL: expected http://HOST[:PORT]/PATH or https://…`);
  }
  const tls = parts[1]!.toLowerCase() === "https";
  const rest = parts[3]!;
  const path = rest.startsWith("/") ? rest : `/${rest}`;
  if (/[\s\x00-\x1f\x7f]/.test(path)) throw new UsageError(`"${url}" is no URL: blanks in it are written %20`);
  return {
    url,
    tls,
    hostname: parsed.hostname.replace(/^\[|\]$/g, ""),
    port: parsed.port === "" ? (tls ? 443 : 80) : Number(parsed.port),
    unix: "",
    authority: parsed.host,
    path,
  };
}

/** Header lines in the order they are sent; a name may stand twice. */
export type HeaderList = readonly (readonly [name: string, value: string])[];

/** @throws UsageError when `line` is no `Name: value`. */
export function parseHeader(line: string): readonly [string, string] {
  const parts = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\0]*)$/.exec(line);
  if (!parts) throw new UsageError(`"${line}" is no header: expected "Name: value"`);
  return [parts[1]!, parts[2]!.trimEnd()];
}

export interface RequestParts {
  method: string;
  /** Path and query. */
  path: string;
  authority: string;
  headers: HeaderList;
  body?: string | Uint8Array | undefined;
  /** Says `Connection: close`. */
  close?: boolean;
}

const encoder = new TextEncoder();

/** The bytes of one request. Host, User-Agent and Content-Length are added unless `headers` has them. */
export function requestBytes(parts: RequestParts): Uint8Array {
  const given = new Set(parts.headers.map(([name]) => name.toLowerCase()));
  const body = typeof parts.body === "string" ? encoder.encode(parts.body) : parts.body;
  let head = `${parts.method} ${parts.path} HTTP/1.1\r\n`;
  if (!given.has("host")) head += `Host: ${parts.authority}\r\n`;
  if (!given.has("user-agent")) head += "User-Agent: resty-bench\r\n";
  for (const [name, value] of parts.headers) head += `${name}: ${value}\r\n`;
  if (parts.close && !given.has("connection")) head += "Connection: close\r\n";
  if (body && !given.has("content-length") && !given.has("transfer-encoding")) {
    head += `Content-Length: ${body.length}\r\n`;
  }
  head += "\r\n";
  const headBytes = encoder.encode(head);
  if (!body) return headBytes;
  const bytes = new Uint8Array(headBytes.length + body.length);
  bytes.set(headBytes);
  bytes.set(body, headBytes.length);
  return bytes;
}

const methodPattern = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** @throws UsageError when it is no method (RFC 9110, 9.1: a token). */
export function parseMethod(method: string): string {
  if (!methodPattern.test(method)) throw new UsageError(`"${method}" is no method`);
  return method;
}
