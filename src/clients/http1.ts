import type { Socket } from "bun";
import { describeErrno } from "../std/errno.ts";
import { Http1Parser, type ResponseHandler } from "./http1_parser.ts";

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
  failed(error: UpstreamError): void;
  /** There is room again after `write` said false. */
  drain?(): void;
}

/** One connection to an HTTP/1 server, for one request after the other. */
export class Http1Connection {
  #socket!: Socket<undefined>;
  readonly #parser = new Http1Parser();
  #events: Events | undefined;
  /** What the socket did not take at once. */
  #backlog: Uint8Array[] = [];
  #closed = false;
  #tunnel: Events | undefined;
  requests = 0;
  bytesSent = 0;
  bytesReceived = 0;
  /** Called when an idle connection ends. */
  onIdleClose: (() => void) | undefined;

  /** @throws UpstreamError */
  static async connect(address: Address, timeoutMs: number, tls: TlsOptions | undefined): Promise<Http1Connection> {
    const connection = new Http1Connection();
    const handlers = {
      data: (_: Socket<undefined>, chunk: Uint8Array) => connection.#received(chunk),
      drain: () => connection.#drained(),
      close: () => connection.#ended("upstream prematurely closed connection"),
      end: () => connection.#ended("upstream prematurely closed connection"),
      error: (_: Socket<undefined>, error: Error) => connection.#ended(`recv() failed (${describeErrno(error)})`),
      binaryType: "buffer" as const,
    };
    const { promise, resolve, reject } = Promise.withResolvers<Socket<undefined>>();
    const open = (socket: Socket<undefined>): void => {
      if (!tls) resolve(socket);
    };
    const handshake = (socket: Socket<undefined>, success: boolean, error: Error | null): void => {
      if (success || !tls!.rejectUnauthorized) resolve(socket);
      else reject(new UpstreamError(`SSL_do_handshake() failed (${error?.message ?? "unknown"})`, "connect", true));
    };
    const options = {
      socket: { ...handlers, open, ...(tls ? { handshake } : {}), connectError: (_: unknown, error: Error) => reject(error) },
      ...(tls ? { tls: { ...(tls.serverName ? { serverName: tls.serverName } : {}), rejectUnauthorized: tls.rejectUnauthorized, ...(tls.ca ? { ca: tls.ca } : {}), ...(tls.cert ? { cert: tls.cert } : {}), ...(tls.key ? { key: tls.key } : {}) } } : {}),
    };
    const timer = setTimeout(
      () => reject(new UpstreamError(`upstream timed out (110: Connection timed out) while connecting to upstream`, "timeout", true)),
      timeoutMs,
    );
    const connecting = (
      address.unix ? Bun.connect({ ...options, unix: address.host }) : Bun.connect({ ...options, hostname: address.host, port: address.port })
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

  get tunnelling(): boolean {
    return this.#parser.tunnelling;
  }

  /** Sends a request head and listens for the answer. */
  start(method: string, head: string, events: Events): boolean {
    this.requests++;
    this.bytesSent = 0;
    this.bytesReceived = 0;
    this.#events = events;
    this.#parser.expect(method, {
      interim: (status, reason, headers) => events.interim?.(status, reason, headers),
      head: (status, reason, headers) => events.head(status, reason, headers),
      data: (chunk) => events.data(chunk),
      end: (trailers, reusable) => {
        this.#events = undefined;
        events.end(trailers, reusable && !this.#closed && this.#backlog.length === 0);
      },
    });
    return this.write(Buffer.from(head, "latin1"));
  }

  /** @returns false when the kernel would take no more; `drain` tells when it will. */
  write(chunk: Uint8Array): boolean {
    if (this.#closed) return true;
    this.bytesSent += chunk.length;
    if (this.#backlog.length > 0) {
      this.#backlog.push(chunk);
      return false;
    }
    const taken = this.#socket.write(chunk);
    if (taken >= chunk.length) return true;
    this.#backlog.push(chunk.slice(Math.max(0, taken)));
    return false;
  }

  /** From now on bytes are just bytes: after 101. */
  tunnelled(onData: (chunk: Uint8Array) => void, onClose: () => void): void {
    const ignore = (): void => undefined;
    this.#events = { head: ignore, data: onData, end: onClose, failed: onClose };
    this.#tunnel = this.#events;
  }

  pause(): void {
    if (!this.#closed) this.#socket.pause();
  }

  resume(): void {
    if (!this.#closed) this.#socket.resume();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#events = undefined;
    this.#socket.terminate();
  }

  #received(chunk: Uint8Array): void {
    if (!this.#events) return this.close(); // nothing was asked: an answer to nobody is a broken peer
    this.bytesReceived += chunk.length;
    if (this.#tunnel) return this.#tunnel.data(chunk);
    try {
      this.#parser.feed(chunk);
    } catch (error) {
      this.#fail(new UpstreamError((error as Error).message, "invalid", false));
    }
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
    this.#events?.drain?.();
  }

  #ended(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    const events = this.#events;
    if (!events) {
      this.onIdleClose?.();
      return;
    }
    if (this.#tunnel) return this.#tunnel.end([], false);
    if (this.#parser.closed()) return;
    // A reused connection that ends before any byte came was closed while idle: the request can go elsewhere.
    this.#fail(new UpstreamError(reason, "closed", this.requests > 1 && !this.#parser.started));
  }

  #fail(error: UpstreamError): void {
    const events = this.#events;
    this.#events = undefined;
    this.close();
    this.#closed = true;
    events?.failed(error);
  }
}
