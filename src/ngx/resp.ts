import { type Headers, fieldName, getResponseHeader, type HeaderValue, safeValue, setResponseHeader } from "./headers.ts";
import { append } from "./args.ts";
import type { RequestNgx } from "./request_ngx.ts";
import { decodeUtf8, encodeUtf8 } from "../std/bytestring.ts";

const ownFields = ["content-type", "content-length", "last-modified", "etag", "content-encoding", "location"];

/** `ngx.resp`: the head of the response. */
export class ResponseApi {
  constructor(private readonly ngx: RequestNgx) {}

  /** All fields that the response has by now, by lower-case name; several of a name are an array. */
  getHeaders(max = 100): Headers {
    const { request } = this.ngx;
    const headers: Headers = {};
    for (const name of ownFields) {
      const value = getResponseHeader(request, name);
      if (value !== undefined) headers[name] = value;
    }
    const { flat } = request.response.headers;
    for (let i = 0; i < flat.length && (max === 0 || i < 2 * max); i += 2)
      if (!ownFields.includes(flat[i]!.toLowerCase())) append(headers, flat[i]!.toLowerCase(), decodeUtf8(flat[i + 1]!));
    headers.connection = request.keepalive ? "keep-alive" : "close";
    return headers;
  }

  /** Adds a field beside those of its name. */
  addHeader(name: string, value: Exclude<HeaderValue, null | undefined>): void {
    const field = fieldName(name);
    if (ownFields.includes(field.toLowerCase())) return setResponseHeader(this.ngx.request, name, value);
    for (const one of Array.isArray(value) ? value : [value])
      this.ngx.request.response.headers.add(field, safeValue(field, one as string | number | boolean));
  }

  /** @param reason The phrase on the status line, where HTTP/1 has one. */
  setStatus(status: number, reason?: string): void {
    this.ngx.status = status;
    if (reason === undefined || this.ngx.headersSent) return;
    const phrase = encodeUtf8(reason);
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(phrase)) throw new TypeError("a reason phrase cannot hold control characters");
    this.ngx.request.response.reason = phrase;
  }
}
