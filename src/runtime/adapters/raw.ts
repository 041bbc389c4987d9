import { BodyMalformed, type Chunk, ClientGone, type Tunnel, type TunnelEvents } from "../../core/exchange.ts";
import type { ListenSpec } from "../../core/plan.ts";
import type { OpenConnections } from "./connections.ts";
import { PacketExchange, readPacket } from "./packet.ts";
import type { NativeResponse, NativeSocket as AnySocket } from "./native.ts";
import type { ProxiedPeers } from "./proxied.ts";
import { type OnExchange, RawConnection, type Turn } from "./raw_connection.ts";
import { bodyErrors, nativeError, serveNative } from "./serve_native.ts";

type NativeSocket = AnySocket<RawConnection>;

/** Bit of the request's flags: the client asked for the connection to be closed. */
const connectionClose = 1;

class RawExchange implements Turn {
  handle: OnExchange | undefined;
  #headers: string[] | undefined;
  #status = 0;
  #reason = "";
  #sentHeaders: string[] | undefined;
  #whole: Chunk | undefined;
  #written = 0;
  #ended = false;
  #waiting: PromiseWithResolvers<void> | undefined;
  #onAbort: (() => void)[] | undefined;
  #onBodyError: ((error: Error) => void) | undefined;
  /** What came of the body before anyone read it. */
  #early: { chunk: Uint8Array; last: boolean }[] | undefined;
  #earlyPaused = false;
  #broken = false;

  constructor(
    readonly connection: RawConnection,
    private readonly native: NativeResponse,
    readonly method: string,
    readonly target: string,
    private readonly isHttp10: boolean,
    private readonly bits: number,
    readonly hasBody: boolean,
    readonly isPipelined: boolean,
  ) {
    if (!hasBody) return;
    // What nobody listens to is lost, and who will read may have to wait first: for its turn, or for another's word.
    const early: { chunk: Uint8Array; last: boolean }[] = [];
    this.#early = early;
    let bytes = 0;
    native.ondata = (chunk, last) => {
      early.push({ chunk: chunk?.slice() ?? nothing, last });
      bytes += chunk?.length ?? 0;
      if (bytes < earlyBytesMax || last || this.#earlyPaused) return;
      this.#earlyPaused = true;
      native.pause();
    };
  }

  get httpVersion(): number {
    return this.isHttp10 ? 10 : 11;
  }

  get keepalive(): boolean {
    return !this.isHttp10 && (this.bits & connectionClose) === 0;
  }

  takeHeaders(): string[] {
    // A request without any has none to take, and the runtime says so by undefined.
    return (this.#headers ??= this.native.takeRawHeaders() ?? []);
  }

  get requestLength(): number {
    return this.method.length + this.target.length + " HTTP/1.1\r\n".length + 1 + fieldsLength(this.takeHeaders());
  }

  begin(): void {
    this.connection.socket.startPipelinedResponse(this.native, this.isHttp10, !this.keepalive);
  }

  whole(status: number, reason: string, headers: string[], body: Chunk | undefined): void {
    this.#note(status, reason, headers);
    this.#whole = body;
    this.#ended = true;
    if (this.aborted) return;
    if (this.method === "HEAD" && isLengthMissing(status, headers)) this.#headAlone(status, reason, headers);
    else this.native.writeHeadAndEnd(status, reason, headers, body);
  }

  /**
   * Answers HEAD for a body of unknown length, of which the runtime would say that it has none: sends the head by the
   * way of interim answers and closes the connection, since the runtime still waits for the final one.
   */
  #headAlone(status: number, reason: string, headers: readonly string[]): void {
    let head = `HTTP/1.1 ${status} ${reason}\r\n`;
    for (let i = 0; i < headers.length; i += 2)
      if (headers[i] !== "Connection") head += `${headers[i]}: ${headers[i + 1]}\r\n`;
    this.native.writeInformational(`${head}Connection: close\r\n\r\n`);
    this.connection.closing = true;
    this.connection.socket.end();
  }

  head(status: number, reason: string, headers: string[]): void {
    this.#note(status, reason, headers);
    if (!this.aborted) this.native.writeHead(status, reason, headers);
  }

  #note(status: number, reason: string, headers: string[]): void {
    this.#status = status;
    this.#reason = reason;
    this.#sentHeaders = headers;
  }

  interim(status: number, reason: string, headers: string[]): void {
    let head = `HTTP/1.1 ${status} ${reason}\r\n`;
    for (let i = 0; i < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`;
    if (!this.isHttp10 && !this.aborted) this.native.writeInformational(`${head}\r\n`);
  }

  write(chunk: Chunk): boolean {
    if (this.aborted) return false;
    this.#written += typeof chunk === "string" ? Buffer.byteLength(chunk) : chunk.length;
    return this.native.write(chunk) >= 0;
  }

  drained(): Promise<void> {
    if (this.aborted) return Promise.reject(new ClientGone());
    if (!this.#waiting) {
      this.#waiting = Promise.withResolvers<void>();
      this.connection.due(this.connection.sendMs);
      this.native.onwritable = () => this.#wake();
    }
    return this.#waiting.promise;
  }

  #wake(): void {
    this.connection.deadlineMs = Number.POSITIVE_INFINITY;
    this.native.onwritable = undefined;
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }

  end(trailers?: string[]): void {
    this.#ended = true;
    if (this.aborted) return;
    if (trailers && !this.isHttp10) {
      let text = "";
      for (let i = 0; i < trailers.length; i += 2) text += `${trailers[i]}: ${trailers[i + 1]}\r\n`;
      this.connection.socket.setResponseTrailers(text);
    }
    this.native.end();
  }

  abort(reset = false): void {
    this.connection.closing = true;
    if (this.connection.socket.closed) return;
    if (reset) this.connection.socket.reset();
    else this.connection.socket.close();
  }

  get bodyBytesSent(): number {
    const whole = this.#whole;
    if (whole === undefined) return this.#written;
    return typeof whole === "string" ? Buffer.byteLength(whole) : whole.length;
  }

  get bytesSent(): number {
    if (!this.#sentHeaders) return 0;
    const statusLine = `HTTP/1.1 ${this.#status} \r\n`.length + this.#reason.length;
    return statusLine + fieldsLength(this.#sentHeaders) + this.bodyBytesSent;
  }

  get aborted(): boolean {
    return this.connection.socket.closed || (!this.#ended && this.native.aborted);
  }

  onAbort(callback: () => void): void {
    if (this.aborted) return callback();
    (this.#onAbort ??= []).push(callback);
    this.native.onabort ??= () => this.gone();
  }

  /** The client closed the connection, or half of it, before the answer was complete. */
  gone(): void {
    const error = new ClientGone();
    this.#waiting?.reject(error);
    this.#waiting = undefined;
    const onBodyError = this.#onBodyError;
    this.#onBodyError = undefined;
    onBodyError?.(error);
    const callbacks = this.#onAbort;
    this.#onAbort = undefined;
    if (callbacks) for (const callback of callbacks) callback();
  }

  /** Amid the body: who reads it is told, now or when it begins to. */
  broken(): void {
    this.#broken = true;
    const onBodyError = this.#onBodyError;
    this.#onBodyError = undefined;
    onBodyError?.(new BodyMalformed());
  }

  /** The client has taken nothing for `send_timeout`. */
  timedOut(): void {
    this.abort(this.connection.resets);
    this.gone();
  }

  readBody(onData: (chunk: Uint8Array, last: boolean) => void, onError: (error: Error) => void): void {
    this.#onBodyError = onError;
    this.native.onabort ??= () => this.gone();
    const deliver = (chunk: Uint8Array | undefined, last: boolean): void => {
      if (last) this.#onBodyError = undefined;
      onData(chunk ?? nothing, last);
    };
    this.native.ondata = deliver;
    const early = this.#early;
    this.#early = undefined;
    if (early) for (const { chunk, last } of early) deliver(chunk, last);
    if (this.#broken) this.broken();
  }

  /** Nobody has read the body, and nobody will: the rest of it must not hold up the next request. */
  #dropEarly(): void {
    this.#early = undefined;
    this.native.ondata = undefined;
    if (this.#earlyPaused && !this.connection.socket.closed) this.native.resume();
  }

  pauseBody(): void {
    this.native.pause();
  }

  resumeBody(): void {
    this.native.resume();
  }

  limits(keepaliveMs: number, sendMs: number, resets: boolean): void {
    this.connection.keepaliveMs = keepaliveMs;
    this.connection.sendMs = sendMs;
    this.connection.resets = resets;
  }

  finished(keepalive: boolean): void {
    if (this.#early) this.#dropEarly();
    this.connection.done(keepalive && this.keepalive && this.#ended);
  }

  tunnel({ onData, onClose, onDrain }: TunnelEvents): Tunnel {
    const { socket } = this.connection;
    socket.upgradeToTunnel(false, this.native);
    let closed = false;
    const close = (): void => {
      if (!closed) onClose();
      closed = true;
    };
    // A client that ends with FIN alone sends an empty chunk that is the last; only a reset is an abort at once.
    socket.ondata = (chunk, last) => {
      if (chunk.length > 0) onData(chunk);
      if (last) close();
    };
    socket.ondrain = onDrain;
    this.onAbort(close);
    return {
      write: (chunk) => socket.write(chunk),
      pause: () => socket.readStop(),
      resume: () => socket.readStart(),
      end: () => socket.end(),
    };
  }
}

const nothing = new Uint8Array(0);
/** As much of a body waits in memory for its reader; what is more waits in the socket. */
const earlyBytesMax = 64 * 1024;

function isLengthMissing(status: number, headers: readonly string[]): boolean {
  if (status === 204 || status === 304) return false;
  for (let i = 0; i < headers.length; i += 2) if (headers[i] === "Content-Length") return false;
  return true;
}

/** Bytes of header fields and of the empty line behind them. */
function fieldsLength(flat: readonly string[]): number {
  let sum = 2;
  for (const text of flat) sum += text.length + 2; // ": " behind a name, CR LF behind a value
  return sum;
}

export interface RawListenerOptions {
  readonly spec: ListenSpec;
  /** What `Bun.serve` needs to know of where to listen and of TLS. */
  readonly binding: Record<string, unknown>;
  readonly tls: boolean;
  readonly connections: OpenConnections;
  readonly onExchange: OnExchange;
  /** Set: whoever connects is one of these, see proxied.ts. */
  readonly peers: ProxiedPeers | undefined;
}

/** Serves HTTP/1 on one address. */
export function serveRaw(listener: RawListenerOptions): Bun.Server<undefined> {
  const { spec, binding, tls, connections, onExchange, peers } = listener;
  const connectionOf = (socket: NativeSocket): RawConnection | undefined => {
    if (socket.resty) return socket.resty;
    const peer = peers?.get(socket.remoteAddress?.port ?? 0);
    if (peers && !peer) return undefined;
    return (socket.resty = new RawConnection(socket, spec, connections, tls, peer));
  };
  const onMalformed = (any: AnySocket, error: number, packet: Uint8Array): void => {
    const socket = any as NativeSocket;
    const connection = connectionOf(socket);
    if (!connection) return socket.close();
    if (error === nativeError.afterClose) return; // nobody would have answered it
    if (bodyErrors.has(error)) return connection.bodyBroken();
    const bytes = new Uint8Array(packet);
    connection.arrived(new PacketExchange(connection, bytes, readPacket(connection, error, bytes)), onExchange);
  };
  const onNodeHTTPRequest = (
    _server: unknown,
    target: string,
    method: string,
    bits: number,
    response: NativeResponse,
    hasBody: boolean,
    socket: NativeSocket,
    _isNew: boolean,
    _nodeSocket: unknown,
    isHttp10: boolean,
    _connectHead: unknown,
    isPipelined: boolean,
  ): void => {
    const connection = connectionOf(socket);
    if (!connection) return response.abort();
    const exchange = new RawExchange(connection, response, method, target, isHttp10, bits, hasBody, isPipelined);
    connection.arrived(exchange, onExchange);
  };
  // Timeouts are ours: the runtime's own count in steps of 4 s and cut slow uploads (maxRequestBodySize likewise).
  const options = { ...binding, idleTimeout: 0, maxRequestBodySize: Number.MAX_SAFE_INTEGER, onNodeHTTPRequest };
  return serveNative(options, onMalformed);
}
