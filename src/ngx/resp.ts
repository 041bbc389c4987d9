import { encodeUtf8 } from "../std/bytestring.ts";
import {
  fieldName,
  type Headers,
  type HeaderValue,
  isSingle,
  responseHeaders,
  safeValue,
  setResponseHeader,
} from "./headers.ts";
import type { RequestNgx } from "./request_ngx.ts";

/** `ngx.resp`: the head of the response. */
export class ResponseApi {
  constructor(private readonly ngx: RequestNgx) {}

  /** All fields that the response has by now, by lower-case name; several of a name are an array. */
  getHeaders(max = 100): Headers {
    const { request } = this.ngx;
    const headers = responseHeaders(request, max);
    headers.connection = request.keepalive ? "keep-alive" : "close";
    return headers;
  }

  /** Adds a field beside those of its name. */
  addHeader(name: string, value: Exclude<HeaderValue, null | undefined>): void {
    const field = fieldName(name);
    if (isSingle(field)) return setResponseHeader(this.ngx.request, name, value);
    for (const one of Array.isArray(value) ? value : [value])
      this.ngx.request.response.headers.add(field, safeValue(field, one as string | number | boolean));
  }

  /** @param reason The phrase on the status line, where HTTP/1 has one. */
  setStatus(status: number, reason?: string): void {
    this.ngx.status = status;
    if (reason === undefined || this.ngx.headersSent) return;
    const phrase = encodeUtf8(reason);
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(phrase))
      throw new TypeError("a reason phrase cannot hold control characters");
    this.ngx.request.response.reason = phrase;
  }
}
