import { HeaderList } from "../core/header_list.ts";
import { decodeUtf8, encodeUtf8 } from "../std/bytestring.ts";
import { type Args, type ArgsInput, decodeArgs, encodeArgs, firstOf } from "./args.ts";
import { fieldName, type Headers, headersOf, type HeaderValue, lowerField, safeValue } from "./headers.ts";
import { mayUse } from "./phases.ts";
import type { RequestNgx } from "./request_ngx.ts";
import { HttpError, leaving } from "./signals.ts";

/** `ngx.req`: the request as it came and as the configuration has changed it. */
export class RequestApi {
  /** Whether the last `getUriArgs`, `getPostArgs` or `getHeaders` left something out because of its limit. */
  truncated = false;
  #params: Readonly<Record<string, string>> | undefined;
  /** Of a body that is being made. */
  #pieces: Uint8Array[] | undefined;

  constructor(private readonly ngx: RequestNgx) {}

  get method(): string {
    return this.ngx.request.method;
  }

  /** The decoded path, `$uri`. */
  get uri(): string {
    return decodeUtf8(this.ngx.request.uri);
  }

  /** The request target as it came, `$request_uri`. */
  get target(): string {
    return decodeUtf8(this.ngx.request.main.target);
  }

  /** What stands behind the "?", `$args`. */
  get queryString(): string {
    return decodeUtf8(this.ngx.request.args);
  }

  /** What the brackets in a file route's name stand for, decoded. */
  get params(): Readonly<Record<string, string>> {
    return (this.#params ??= this.ngx.route?.params(this.ngx.request.uri) ?? {});
  }

  getMethod(): string {
    return this.method;
  }

  setMethod(method: string): void {
    mayUse("ngx.req.setMethod", this.ngx.phase);
    if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(method)) throw new TypeError(`"${method}" is no method`);
    this.ngx.request.method = method;
  }

  /** 0.9, 1, 1.1, 2 or 3. */
  httpVersion(): number {
    return this.ngx.request.main.exchange.httpVersion / 10;
  }

  /** Seconds since 1970, with milliseconds. */
  startTime(): number {
    return this.ngx.request.startMs / 1000;
  }

  isInternal(): boolean {
    return this.ngx.request.internal;
  }

  isSubrequest(): boolean {
    return this.ngx.request.isSubrequest;
  }

  /** The head as it came. @param noRequestLine Leaves out the first line. */
  rawHeader(noRequestLine = false): string {
    const { main } = this.ngx.request;
    if (main.exchange.httpVersion >= 20) throw new Error("there is no raw header in HTTP/2 and HTTP/3");
    const version = main.exchange.httpVersion === 10 ? "1.0" : "1.1";
    let text = noRequestLine ? "" : `${main.exchange.method} ${main.target} HTTP/${version}\r\n`;
    const { flat } = main.headers;
    for (let i = 0; i < flat.length; i += 2) text += `${flat[i]}: ${flat[i + 1]}\r\n`;
    return decodeUtf8(`${text}\r\n`);
  }

  /** The first value of a request header, in any case, `_` for `-`. */
  header(name: string): string | undefined {
    mayUse("ngx.req", this.ngx.phase);
    const value = this.ngx.request.header(lowerField(name));
    return value === undefined ? undefined : decodeUtf8(value);
  }

  /**
   * All request headers by lower-case name; one that came several times is an array.
   * @param max How many to take; 0 is all.
   * @param raw Keeps the names as they came.
   */
  getHeaders(max = 100, raw = false): Headers {
    mayUse("ngx.req", this.ngx.phase);
    const { headers, truncated } = headersOf(this.ngx.request.headers.flat, max, raw);
    this.truncated = truncated;
    return headers;
  }

  /** Changes the request as later phases, subrequests and upstreams see it. */
  setHeader(name: string, value: HeaderValue): void {
    mayUse("ngx.req.setHeader", this.ngx.phase);
    const field = fieldName(name);
    const values = Array.isArray(value) ? value : value === null || value === undefined ? [] : [value];
    const texts = values.map((one) => safeValue(field, one));
    const { request } = this.ngx;
    // A list of its own: a subrequest may have the parent's.
    const list = new HeaderList([...request.headers.flat]);
    list.delete(field);
    for (const text of texts) list.add(field, text);
    request.headers = list;
  }

  clearHeader(name: string): void {
    mayUse("ngx.req.clearHeader", this.ngx.phase);
    this.setHeader(name, undefined);
  }

  /** The first value of an argument of the query string, decoded; "" for one without "=". */
  arg(name: string): string | undefined {
    return firstOf(this.getUriArgs(0)[name]);
  }

  /**
   * Arguments of the query string. `a` is true, `a=` is "", `a=1&a=2` an array.
   * @param max How many to take; 0 is all. `truncated` tells when some were left.
   */
  getUriArgs(max = 100): Args {
    mayUse("ngx.req", this.ngx.phase);
    const { args, truncated } = decodeArgs(this.ngx.request.args, max);
    this.truncated = truncated;
    return args;
  }

  setUriArgs(args: string | ArgsInput): void {
    mayUse("ngx.req.setUriArgs", this.ngx.phase);
    const { request } = this.ngx;
    request.args = typeof args === "string" ? escapedArgs(encodeUtf8(args)) : encodeArgs(args);
    request.hasArgs = request.args !== "";
  }

  /**
   * Changes the path, not the arguments.
   * @param jump Looks for a location again at once; never returns.
   */
  setUri(uri: string, jump = false): void {
    mayUse("ngx.req.setUri", this.ngx.phase);
    if (jump) mayUse("ngx.req.setUri with jump", this.ngx.phase);
    if (uri === "") throw new Error("a URI cannot be empty");
    if (/[\0-\x1f\x7f]/.test(uri)) throw new Error(`a URI cannot hold control characters: ${JSON.stringify(uri)}`);
    const { request } = this.ngx;
    request.uri = encodeUtf8(uri);
    if (!jump) return;
    request.uriChanged = true;
    this.ngx.leave = { kind: "phase" };
    throw leaving;
  }

  /** Reads the whole body into memory; what it is bounded by is `client_max_body_size`. */
  async readBody(): Promise<void> {
    mayUse("ngx.req.readBody", this.ngx.phase);
    await this.ngx.request.main.body.bytes();
  }

  /** Reads the body and throws it away. */
  discardBody(): Promise<void> {
    mayUse("ngx.req.readBody", this.ngx.phase);
    return this.ngx.request.main.body.discard();
  }

  /**
   * The body as text where it has been read, undefined where it has not or is empty; unlike OpenResty's, also one that
   * was large enough to go to a file.
   * @param maxBytes No more of it than this.
   */
  getBodyData(maxBytes = Number.POSITIVE_INFINITY): string | undefined {
    mayUse("ngx.req.getBodyData", this.ngx.phase);
    const bytes = this.#received;
    return bytes && bytes.length > 0 ? utf8(bytes.subarray(0, maxBytes)) : undefined;
  }

  /** The temporary file that holds a body above `client_body_buffer_size`; gone when the request has ended. */
  getBodyFile(): string | undefined {
    mayUse("ngx.req.getBodyData", this.ngx.phase);
    return this.#body.file?.path;
  }

  /** Puts the bytes in the body's place, for later phases, subrequests and upstreams. */
  setBodyData(data: string | Uint8Array): void {
    mayUse("ngx.req.readBody", this.ngx.phase);
    const bytes = bytesOf(data);
    this.#body.replace(bytes);
    this.setHeader("Content-Length", bytes.length);
    this.clearHeader("Transfer-Encoding");
  }

  /**
   * As `setBodyData`, with what is in a file.
   * @param autoClean The file goes when the request has ended.
   * @throws a system error for a file that cannot be read.
   */
  async setBodyFile(path: string, autoClean = false): Promise<void> {
    mayUse("ngx.req.readBody", this.ngx.phase);
    const file = Bun.file(path);
    this.setBodyData(await file.bytes());
    if (autoClean) this.ngx.request.onEnd(() => void file.delete().catch(() => undefined));
  }

  /** Begins a new body, which `appendBody` makes and `finishBody` puts in the body's place. */
  initBody(): void {
    mayUse("ngx.req.readBody", this.ngx.phase);
    this.#pieces = [];
  }

  appendBody(data: string | Uint8Array): void {
    if (!this.#pieces) throw new Error("ngx.req.appendBody needs ngx.req.initBody before it");
    this.#pieces.push(bytesOf(data).slice());
  }

  finishBody(): void {
    if (!this.#pieces) throw new Error("ngx.req.finishBody needs ngx.req.initBody before it");
    this.setBodyData(Buffer.concat(this.#pieces));
    this.#pieces = undefined;
  }

  /** Arguments of a form in the body, which must have been read. */
  getPostArgs(max = 100): Args {
    mayUse("ngx.req.getPostArgs", this.ngx.phase);
    const bytes = this.#received;
    if (!bytes && this.#body.exists) throw new Error("no request body found; await ngx.req.readBody() first");
    const { args, truncated } = decodeArgs(bytes ? Buffer.from(bytes).toString("latin1") : "", max);
    this.truncated = truncated;
    return args;
  }

  async bytes(): Promise<Uint8Array> {
    mayUse("ngx.req.readBody", this.ngx.phase);
    return this.#body.bytes();
  }

  async text(): Promise<string> {
    return utf8(await this.bytes());
  }

  /** @throws HttpError with 400 for a body that is not JSON. */
  async json<T = unknown>(): Promise<T> {
    const text = await this.text();
    try {
      return JSON.parse(text) as T;
    } catch (cause) {
      throw new HttpError(400, "the request body is not JSON", { cause });
    }
  }

  /** Fields of a form, `application/x-www-form-urlencoded` or `multipart/form-data`, with its files. */
  async form(): Promise<FormData> {
    const type = this.header("content-type") ?? "";
    const bytes = await this.bytes();
    try {
      return await new Response(new Uint8Array(bytes), { headers: { "Content-Type": type } }).formData();
    } catch (cause) {
      throw new HttpError(
        /^multipart\/form-data|^application\/x-www-form-urlencoded/i.test(type) ? 400 : 415,
        "the request body is no form",
        { cause },
      );
    }
  }

  /** The body's chunks as they come, at the reader's pace. */
  stream(): AsyncGenerator<Uint8Array, void, void> {
    mayUse("ngx.req.readBody", this.ngx.phase);
    return this.#body.stream();
  }

  /** The whole body, where it has been read. */
  get #received(): Uint8Array | undefined {
    return this.#body.buffered ?? this.#body.file?.bytes();
  }

  get #body() {
    // A subrequest without a body of its own sees its parent's, as in nginx.
    const { request } = this.ngx;
    return request.body.exists ? request.body : request.main.body;
  }
}

function bytesOf(data: string | Uint8Array): Uint8Array {
  return typeof data === "string" ? Buffer.from(data) : data;
}

function utf8(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");
}

function escapedArgs(args: string): string {
  return args.replace(/[\0-\x20\x7f]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`);
}
