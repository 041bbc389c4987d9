import { METHODS } from "node:http";
import { type Chunk, ClientGone, type RequestProblem } from "../../core/exchange.ts";
import { type HeadFault, type HttpHead, readBody, readHead } from "../../std/http_head.ts";
import type { OnExchange, RawConnection, Turn } from "./raw_connection.ts";
import { nativeError } from "./serve_native.ts";

// The runtime takes less than nginx does. What it refuses is looked at once more here: a head that nginx would take is
// served, if all of it is in the packet that was refused, and any other is answered and logged as nginx does. The
// connection ends with the answer, since the runtime reads no more from it.

const registered = new Set(METHODS);
/** More header lines than this the runtime refuses. */
const nativeFieldsMax = 198;
const nothing = new Uint8Array(0);
const nudgeMs = 10;
/** A first line of which so much has come without an end is what makes a head too large. */
const longLineBytes = 16 * 1024;

/** What a refused packet asks for, or what is wrong with it. */
export function readPacket(
  connection: RawConnection,
  error: number,
  packet: Uint8Array,
): { head: HttpHead; body: Uint8Array } | HeadFault {
  const text = Buffer.from(packet.buffer, packet.byteOffset, packet.length).toString("latin1");
  const head = readHead(text);
  if (!head || connection.hadBody) return faultOf(error, text);
  // A head that is as the runtime wants it was not refused: what was came before or behind it.
  // And one that is too large may have begun in an earlier packet.
  if ("status" in head) return isStrange(text) && error !== nativeError.tooLarge ? head : faultOf(error, text);
  const fields = text.slice(text.indexOf("\n") + 1, head.length);
  const refused =
    error === nativeError.tooLarge
      ? head.headers.length > 2 * nativeFieldsMax
      : error === nativeError.headerToken || error === nativeError.lineFeed
        ? hasStrangeField(fields)
        : isStrange(text);
  if (!refused) return faultOf(error, text);
  const body = readBody(head, packet.subarray(head.length));
  return body ? { head, body } : { status: 400, message: "client sent a body that did not come with its head" };
}

/** Is the first line one that the runtime refuses? */
function isStrange(text: string): boolean {
  const match = /^([A-Z-]+) [!-~]+ HTTP\/1\.[01]\r\n/.exec(text);
  return !match || !registered.has(match[1]!);
}

/** Is there a header line without a colon, or one that ends or goes on as the runtime does not take it? */
function hasStrangeField(fields: string): boolean {
  return /(?:^|[^\r])\n|[^\t\r\n -~\x80-\xff]|(?:^|\n)[^:\r\n]+\r?\n/.test(fields);
}

function faultOf(error: number, text: string): HeadFault {
  const line = (message: string, status = 400): HeadFault => ({
    status,
    message: `client sent ${message} while reading client request line`,
  });
  const headers = (message: string, status = 400): HeadFault => ({
    status,
    message: `client sent ${message} while reading client request headers`,
  });
  switch (error) {
    case nativeError.method:
      return line("invalid method");
    case nativeError.tooLarge:
      return isEndless(text) ? line("too long URI", 414) : headers("too large request", 494);
    case nativeError.contentLength:
      return headers('invalid "Content-Length" header');
    case nativeError.transferEncoding:
    case nativeError.bothLengths:
      return headers('"Content-Length" and "Transfer-Encoding" headers that do not go together');
    case nativeError.headerToken:
    case nativeError.lineFeed:
      return headers("invalid header line");
    default:
      return line("invalid request");
  }
}

/** Is it the request line that is too long? The packet may begin within it. */
function isEndless(text: string): boolean {
  const end = text.indexOf("\n");
  const line = end < 0 ? text : text.slice(0, end);
  if (/ HTTP\/1\.\d\r?$/.test(line)) return line.length > longLineBytes || !/^[A-Z-]+ /.test(line);
  return line.length > longLineBytes && !/^[\w-]+:/.test(line);
}

/** The first line of a packet, as far as it can be told apart. */
function lineOf(packet: Uint8Array): Pick<HttpHead, "method" | "target" | "httpVersion"> {
  const text = Buffer.from(packet.buffer, packet.byteOffset, Math.min(packet.length, 2048)).toString("latin1");
  const line = /^[\r\n]*([^\r\n]*)/.exec(text)![1]!;
  const [, method, target, version] = /^([!#-[\]-~]+) (.*?)(?: HTTP\/(\d+\.\d+))?$/.exec(line) ?? [];
  return { method: method ?? "-", target: target ?? line, httpVersion: version === "1.0" ? 10 : 11 };
}

/** A request that lies in one packet, and its answer, framed here. */
export class PacketExchange implements Turn {
  handle: OnExchange | undefined;
  readonly method: string;
  readonly target: string;
  readonly httpVersion: number;
  readonly hasBody: boolean;
  readonly requestLength: number;
  readonly isPipelined = false;
  readonly keepalive = false;
  readonly problem: RequestProblem | undefined;
  bodyBytesSent = 0;
  bytesSent = 0;
  readonly #headers: string[];
  readonly #body: Uint8Array | undefined;
  #chunked = false;
  /** The socket holds what the client has yet to take. */
  #full = false;
  #waiting: PromiseWithResolvers<void> | undefined;
  #onAbort: (() => void)[] = [];

  constructor(
    readonly connection: RawConnection,
    packet: Uint8Array,
    read: ReturnType<typeof readPacket>,
  ) {
    const { head, body } = "head" in read ? read : { head: undefined, body: undefined };
    const { method, target, httpVersion } = head ?? lineOf(packet);
    this.method = method;
    this.target = target;
    this.httpVersion = httpVersion;
    this.#headers = head?.headers ?? [];
    this.#body = body;
    this.hasBody = body !== undefined && body.length > 0;
    this.requestLength = head?.length ?? packet.length;
    this.problem = "head" in read ? undefined : read;
  }

  takeHeaders(): string[] {
    return this.#headers;
  }

  whole(status: number, reason: string, headers: string[], body: Chunk | undefined): void {
    this.#send(status, reason, headers, this.method === "HEAD" ? undefined : body);
  }

  head(status: number, reason: string, headers: string[]): void {
    const framed = status === 204 || status === 304 || headers.includes("Content-Length");
    this.#chunked = !framed && this.httpVersion === 11;
    this.#send(status, reason, this.#chunked ? [...headers, "Transfer-Encoding", "chunked"] : headers, undefined);
  }

  #send(status: number, reason: string, headers: readonly string[], body: Chunk | undefined): void {
    let head = `HTTP/1.1 ${status} ${reason}\r\n`;
    for (let i = 0; i < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`;
    // HTTP/0.9 has answers of a body alone.
    const parts: Uint8Array[] = this.httpVersion === 9 ? [] : [Buffer.from(`${head}\r\n`, "latin1")];
    if (body !== undefined) {
      parts.push(bytesOf(body));
      this.bodyBytesSent = parts.at(-1)!.length;
    }
    this.#put(Buffer.concat(parts));
  }

  #put(bytes: Uint8Array): boolean {
    if (this.aborted || bytes.length === 0) return !this.aborted;
    this.bytesSent += bytes.length;
    this.#full = !this.connection.socket.write(bytes);
    return !this.#full;
  }

  begin(): void {}
  interim(): void {}

  write(chunk: Chunk): boolean {
    const bytes = bytesOf(chunk);
    this.bodyBytesSent += bytes.length;
    if (!this.#chunked) return this.#put(bytes);
    return this.#put(Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from("\r\n")]));
  }

  drained(): Promise<void> {
    if (this.aborted) return Promise.reject(new ClientGone());
    this.#waiting ??= Promise.withResolvers<void>();
    const { promise } = this.#waiting;
    this.connection.due(this.connection.sendMs);
    this.#nudge();
    return promise;
  }

  /** Of a connection it has given up on, the runtime sends no more by itself, and does not tell when there is room. */
  #nudge(): void {
    setTimeout(() => {
      if (!this.#waiting) return;
      if (!this.connection.socket.write(nothing)) return this.#nudge();
      this.#full = false;
      this.connection.deadlineMs = Number.POSITIVE_INFINITY;
      this.#waiting.resolve();
      this.#waiting = undefined;
    }, nudgeMs);
  }

  end(trailers?: string[]): void {
    if (!this.#chunked) return;
    let last = "0\r\n";
    for (let i = 0; trailers && i < trailers.length; i += 2) last += `${trailers[i]}: ${trailers[i + 1]}\r\n`;
    this.#put(Buffer.from(`${last}\r\n`, "latin1"));
  }

  abort(reset = false): void {
    if (this.aborted) return;
    if (reset) this.connection.socket.reset();
    else this.connection.socket.close();
  }

  get aborted(): boolean {
    return this.connection.socket.closed;
  }

  onAbort(callback: () => void): void {
    if (this.aborted) callback();
    else this.#onAbort.push(callback);
  }

  gone(): void {
    this.#waiting?.reject(new ClientGone());
    this.#waiting = undefined;
    for (const callback of this.#onAbort.splice(0)) callback();
  }

  timedOut(): void {
    this.abort(this.connection.resets);
    this.gone();
  }

  broken(): void {} // nothing more is read

  readBody(onData: (chunk: Uint8Array, last: boolean) => void): void {
    onData(this.#body!, true);
  }

  pauseBody(): void {}
  resumeBody(): void {}

  limits(_keepaliveMs: number, sendMs: number, resets: boolean): void {
    this.connection.sendMs = sendMs;
    this.connection.resets = resets;
  }

  finished(): void {
    const { connection } = this;
    if (!this.#full || this.aborted) return connection.done(false);
    void this.drained().then(
      () => connection.done(false),
      () => undefined, // the client went away
    );
  }
}

function bytesOf(chunk: Chunk): Uint8Array {
  return typeof chunk === "string" ? Buffer.from(chunk) : chunk;
}
