import type { Socket } from "bun";
import type { TunnelEvents } from "../core/exchange.ts";
import { describeErrno } from "../std/errno.ts";
import { type Timed, TimerWheel } from "../std/timer_wheel.ts";
import type { ResponseHandler, ResponseParser } from "./response_parser.ts";

export interface Address {
  /** Numeric address or name; a path for a UNIX-domain socket. */
  readonly host: string;
  /** 0 for a UNIX-domain socket. */
  readonly port: number;
  readonly unix: boolean;
}

export interface TlsOptions {
  readonly serverName: string | undefined;
  readonly rejectUnauthorized: boolean;
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

/** Which side of an exchange with an upstream failed, in nginx's words. */
export class UpstreamError extends Error {
  override readonly name = "UpstreamError";
  constructor(
    message: string,
    readonly kind: "connect" | "timeout" | "closed" | "invalid",
    /** Nothing of the request was sent: another peer may be tried whatever the method. */
    readonly beforeRequest: boolean,
  ) {
    super(message);
  }
}

/** What the user of a connection is told. */
export interface Events extends ResponseHandler {
  /** All that has come so far was told: what follows takes its time. */
  fed(): void;
  failed(error: UpstreamError): void;
  /** There is room again after `write` said false. */
  drain(): void;
}

const wheel = new TimerWheel();
/** The runtime writes a string as UTF-8: only of these are the bytes the same. */
const isAscii = /^[\x00-\x7f]*$/;

/** One connection to an upstream, for one request after the other, whatever protocol `parser` reads. */
export class UpstreamConnection implements ResponseHandler, Timed {
  #socket!: Socket<undefined>;
  #events: Events | undefined;
  #tunnel: TunnelEvents | undefined;
  /** What the socket did not take at once. */
  #backlog: Uint8Array[] = [];
  #corked: Uint8Array[] | undefined;
  #closed = false;
  deadlineMs = Number.POSITIVE_INFINITY;
  lookMs = Number.POSITIVE_INFINITY;
  readonly openedMs = Date.now();
  /** Requests it has carried, the current one included. */
  requests = 0;
  /** Of the current request. */
  bytesSent = 0;
  bytesReceived = 0;
  /** Called when an idle connection ends, or its time is over. */
  onIdleClose: (() => void) | undefined;

  private constructor(private readonly parser: ResponseParser) {}

  /**
   * @param timeoutMs For the connection and its TLS handshake.
   * @throws UpstreamError
   */
  static async connect(
    address: Address,
    timeoutMs: number,
    tls: TlsOptions | undefined,
    parser: ResponseParser,
  ): Promise<UpstreamConnection> {
    const connection = new UpstreamConnection(parser);
    const { promise, resolve, reject } = Promise.withResolvers<Socket<undefined>>();
    const options = {
      socket: {
        binaryType: "buffer" as const,
        open: (socket: Socket<undefined>) => {
          if (!tls) resolve(socket);
        },
        ...(tls ? { handshake: handshake(tls, resolve, reject) } : {}),
        data: (_: Socket<undefined>, chunk: Uint8Array) => connection.#received(chunk),
        drain: () => connection.#drained(),
        close: () => connection.#ended("upstream prematurely closed connection"),
        end: () => connection.#ended("upstream prematurely closed connection"),
        error: (_: Socket<undefined>, error: Error) => connection.#ended(`recv() failed (${describeErrno(error)})`),
        connectError: (_: unknown, error: Error) => reject(error),
      },
      ...(tls ? { tls: tlsSettings(tls) } : {}),
    };
    const late = new UpstreamError("upstream timed out (110: Connection timed out)", "timeout", true);
    const timer = setTimeout(() => reject(late), timeoutMs);
    const connecting = (
      address.unix
        ? Bun.connect({ ...options, unix: address.host })
        : Bun.connect({ ...options, hostname: address.host, port: address.port })
    ) as Promise<Socket<undefined>>;
    connecting.catch(reject);
    try {
      connection.#socket = await promise;
      return connection;
    } catch (error) {
      // A connection that comes after all must not stay.
      connecting.then((socket) => socket.terminate()).catch(() => undefined);
      if (error instanceof UpstreamError) throw error;
      throw new UpstreamError(`connect() failed (${describeErrno(error)})`, "connect", true);
    } finally {
      clearTimeout(timer);
    }
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** The last answer made a tunnel of the connection: it is not ours to close. */
  get tunnelling(): boolean {
    return this.parser.tunnelling;
  }

  /** Listens for the answer to the request that the next `write` begins. */
  expect(method: string, events: Events): void {
    this.requests++;
    this.bytesSent = 0;
    this.bytesReceived = 0;
    this.#events = events;
    this.parser.expect(method, this);
  }

  /** Holds back what is written until `uncork`: a head and the first of the body leave together. */
  cork(): void {
    this.#corked ??= [];
  }

  /** @returns as `write` */
  uncork(): boolean {
    const parts = this.#corked;
    this.#corked = undefined;
    if (!parts || parts.length === 0) return this.#backlog.length === 0;
    const all = Buffer.concat(parts);
    this.bytesSent -= all.length; // counted when they were held back
    return this.write(all);
  }

  /** @returns false when the kernel would take no more; `drain` tells when it will. */
  write(chunk: Uint8Array | string): boolean {
    if (this.#closed) return true;
    this.bytesSent += chunk.length;
    if (this.#corked) {
      this.#corked.push(typeof chunk === "string" ? Buffer.from(chunk, "latin1") : chunk);
      return true;
    }
    if (typeof chunk === "string" && this.#backlog.length === 0 && isAscii.test(chunk)) {
      const taken = this.#socket.write(chunk);
      if (taken >= chunk.length) return true;
      this.#backlog.push(Buffer.from(chunk.slice(Math.max(0, taken)), "latin1"));
      return false;
    }
    const bytes = typeof chunk === "string" ? Buffer.from(chunk, "latin1") : chunk;
    if (this.#backlog.length > 0) {
      this.#backlog.push(bytes.slice());
      return false;
    }
    const taken = this.#socket.write(bytes);
    if (taken >= bytes.length) return true;
    this.#backlog.push(bytes.slice(Math.max(0, taken)));
    return false;
  }

  /** From now on bytes are just bytes: after 101. */
  tunnelled(events: TunnelEvents): void {
    this.#tunnel = events;
  }

  /** The request fails, or the idle connection ends, unless this is called again within `ms`. */
  limit(ms: number): void {
    this.deadlineMs = Date.now() + ms;
    if (this.deadlineMs < this.lookMs && !this.#closed) wheel.watch(this);
  }

  unlimited(): void {
    this.deadlineMs = Number.POSITIVE_INFINITY;
  }

  onDeadline(): void {
    if (this.#events) this.#fail(new UpstreamError("upstream timed out (110: Connection timed out)", "timeout", false));
    else this.onIdleClose?.();
  }

  pause(): void {
    if (!this.#closed) this.#socket.pause();
  }

  resume(): void {
    if (!this.#closed) this.#socket.resume();
  }

  close(): void {
    this.#events = undefined;
    if (this.#closed) return;
    this.#closed = true;
    wheel.forget(this);
    this.#socket.terminate();
  }

  interim(status: number, reason: string, headers: string[]): void {
    this.#events?.interim?.(status, reason, headers);
  }

  head(status: number, reason: string, headers: string[]): void {
    this.#events?.head(status, reason, headers);
  }

  data(chunk: Uint8Array): void {
    if (this.#tunnel) this.#tunnel.onData(chunk);
    else this.#events?.data(chunk);
  }

  stderr(text: string): void {
    this.#events?.stderr?.(text);
  }

  end(trailers: string[], reusable: boolean): void {
    const events = this.#events;
    this.#events = undefined;
    this.unlimited();
    events?.end(trailers, reusable && !this.#closed && this.#backlog.length === 0);
  }

  #received(chunk: Uint8Array): void {
    if (!this.#events) {
      // Nothing was asked: an answer to nobody is a broken peer.
      this.onIdleClose?.();
      return this.close();
    }
    this.bytesReceived += chunk.length;
    try {
      this.parser.feed(chunk);
    } catch (error) {
      return this.#fail(new UpstreamError((error as Error).message, "invalid", false));
    }
    this.#events?.fed();
  }

  #drained(): void {
    while (this.#backlog.length > 0) {
      const chunk = this.#backlog[0]!;
      const taken = this.#socket.write(chunk);
      if (taken < chunk.length) {
        this.#backlog[0] = chunk.subarray(Math.max(0, taken));
        return;
      }
      this.#backlog.shift();
    }
    if (this.#tunnel) this.#tunnel.onDrain();
    else this.#events?.drain();
  }

  #ended(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    wheel.forget(this);
    if (this.#tunnel) return this.#tunnel.onClose();
    if (!this.#events) return this.onIdleClose?.();
    try {
      if (this.parser.closed()) return;
    } catch (error) {
      return this.#fail(new UpstreamError((error as Error).message, "invalid", false));
    }
    // A reused connection that ends before any byte came was closed while idle: the request can go elsewhere.
    this.#fail(new UpstreamError(reason, "closed", this.requests > 1 && !this.parser.started));
  }

  #fail(error: UpstreamError): void {
    const events = this.#events;
    this.close();
    events?.failed(error);
  }
}

function handshake(tls: TlsOptions, resolve: (socket: Socket<undefined>) => void, reject: (error: Error) => void) {
  return (socket: Socket<undefined>, success: boolean, error: Error | null): void => {
    if (success || !tls.rejectUnauthorized) resolve(socket);
    else reject(new UpstreamError(`SSL_do_handshake() failed (${error?.message ?? "unknown"})`, "connect", true));
  };
}

function tlsSettings({ serverName, rejectUnauthorized, ca, cert, key }: TlsOptions) {
  return {
    rejectUnauthorized,
    ...(serverName ? { serverName } : {}),
    ...(ca ? { ca } : {}),
    ...(cert ? { cert } : {}),
    ...(key ? { key } : {}),
  };
}
