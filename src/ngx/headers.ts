import type { Request } from "../core/request.ts";
import { isSafeField } from "../core/header_list.ts";
import type { ResponseHead } from "../core/response_head.ts";
import { decodeUtf8, encodeUtf8 } from "../std/bytestring.ts";
import { parseHttpTime } from "../std/clock.ts";
import { append, type Repeated } from "./args.ts";
import { mayUse } from "./phases.ts";
import type { RequestNgx } from "./request_ngx.ts";

export type HeaderValue = string | number | boolean | readonly (string | number)[] | null | undefined;
export type Headers = Record<string, Repeated<string>>;

const namesKeptMax = 1000;
const nameLengthMax = 64;

/** Scripts name few fields, and those often: the first names are remembered. */
function remembering(compute: (name: string) => string): (name: string) => string {
  const known = new Map<string, string>();
  return (name) => {
    let result = known.get(name);
    if (result === undefined) {
      result = compute(name);
      if (known.size < namesKeptMax && name.length <= nameLengthMax) known.set(name, result);
    }
    return result;
  };
}

/** `content_type` → `content-type`, as OpenResty reads names of fields. */
export const fieldName = remembering((name) => (name.includes("_") ? name.replaceAll("_", "-") : name));

/** As `fieldName`, in lower case. */
export const lowerField = remembering((name) => fieldName(name).toLowerCase());

/** Clients, too, send few names; a name that is the key of an object already is found in others in half the time. */
const lowerName = remembering((name) => name.toLowerCase());

/** @throws TypeError for what would split the response. */
export function safeValue(name: string, value: string | number | boolean): string {
  const text = encodeUtf8(String(value));
  if (!isSafeField(name, text))
    throw new TypeError(`header "${name}" cannot have the value ${JSON.stringify(String(value))}`);
  return text;
}

/** All fields by lower-case name; one that came several times is an array. */
export function headersOf(flat: readonly string[], max: number, raw = false): { headers: Headers; truncated: boolean } {
  const headers: Headers = {};
  for (let i = 0; i < flat.length; i += 2) {
    if (max > 0 && i >= 2 * max) return { headers, truncated: true };
    append(headers, raw ? flat[i]! : lowerName(flat[i]!), decodeUtf8(flat[i + 1]!));
  }
  return { headers, truncated: false };
}

/** Reads a field of the response as it stands; several of a name are an array. */
export function getResponseHeader(request: Request, name: string): Repeated<string> | undefined {
  const { response } = request;
  const lower = lowerField(name);
  const own = response.known(lower);
  if (own !== undefined) return own;
  const all = response.headers.all(lower);
  if (all.length === 0) return undefined;
  return all.length === 1 ? decodeUtf8(all[0]!) : all.map(decodeUtf8);
}

const ownFields = ["content-type", "content-length", "last-modified", "etag", "content-encoding", "location"];

/** All fields that the response has by now, by lower-case name. */
export function responseHeaders(request: Request, max = 0): Headers {
  const headers: Headers = {};
  for (const name of ownFields) {
    const value = request.response.known(name);
    if (value !== undefined) headers[name] = value;
  }
  const { flat } = request.response.headers;
  for (let i = 0; i < flat.length && (max === 0 || i < 2 * max); i += 2)
    append(headers, flat[i]!.toLowerCase(), decodeUtf8(flat[i + 1]!));
  return headers;
}

/** Does the head keep this field apart, so that there is one of it at most? */
export function isSingle(field: string): boolean {
  return ownFields.includes(field.toLowerCase());
}

/** Sets a field, replacing all of that name; null, undefined and [] remove it. */
export function setResponseHeader(request: Request, name: string, value: HeaderValue): void {
  const { response } = request;
  const field = fieldName(name);
  if (typeof value === "string") {
    const text = safeValue(field, value);
    if (!setOwnField(response, lowerField(name), text)) response.headers.set(field, text);
    return;
  }
  const values = Array.isArray(value) ? value : value === null || value === undefined ? [] : [value];
  const texts = values.map((one) => safeValue(field, one));
  const lower = lowerField(name);
  if (setOwnField(response, lower, texts.at(-1))) return;
  response.headers.delete(lower);
  for (const text of texts) response.headers.add(field, text);
}

/** @returns Whether the field is one that the head keeps apart. */
function setOwnField(response: ResponseHead, lower: string, value: string | undefined): boolean {
  switch (lower) {
    case "content-type":
      setContentType(response, value);
      return true;
    case "content-length":
      response.contentLength = value === undefined ? -1 : lengthOf(value);
      return true;
    case "last-modified":
      response.lastModified = value === undefined ? -1 : (parseHttpTime(value) ?? -1);
      return true;
    case "etag":
      response.etag = value;
      return true;
    case "content-encoding":
      response.contentEncoding = value;
      return true;
    case "location":
      response.location = undefined;
      return false; // a script's stays as it was written; the head's own would be made absolute
    case "transfer-encoding":
    case "connection":
    case "keep-alive":
      return true; // framing is the server's
    default:
      return false;
  }
}

function lengthOf(value: string): number {
  if (!/^\d{1,15}$/.test(value)) throw new TypeError(`Content-Length cannot be ${JSON.stringify(value)}`);
  return Number(value);
}

/** The charset is kept apart, because filters ask for it. */
export function setContentType(response: ResponseHead, value: string | undefined): void {
  const match = value === undefined || !value.includes(";") ? null : /^([^;]*?)\s*;\s*charset=([^;\s]+)$/i.exec(value);
  response.contentType = match ? match[1]! : value;
  response.charset = match ? match[2]! : undefined;
}

/** `ngx.header`: fields of the response as properties, `_` for `-`, in any case. */
export type HeaderTable = { [name: string]: HeaderValue } & {
  get content_type(): string | undefined;
  set content_type(value: string | null | undefined);
};

const handler: ProxyHandler<{ readonly ngx: RequestNgx }> = {
  get({ ngx }, name) {
    if (typeof name !== "string") return undefined;
    mayUse("ngx.header", ngx.phase);
    return getResponseHeader(ngx.request, name);
  },
  set({ ngx }, name, value) {
    if (typeof name !== "string") return false;
    mayUse("ngx.header", ngx.phase);
    if (ngx.headersSent) {
      ngx.request.log("error", `attempt to set ngx.header.${name} after sending out response headers`);
      return true;
    }
    setResponseHeader(ngx.request, name, value as HeaderValue);
    return true;
  },
  deleteProperty({ ngx }, name) {
    return handler.set!({ ngx }, name, undefined, undefined) as boolean;
  },
  has({ ngx }, name) {
    return typeof name === "string" && getResponseHeader(ngx.request, name) !== undefined;
  },
};

export function headerTable(ngx: RequestNgx): HeaderTable {
  return new Proxy({ ngx }, handler) as unknown as HeaderTable;
}
