import { asHost } from "../../std/host_context.ts";

/** Why an operation of a socket failed, in OpenResty's words: "timeout", "closed", or the system's. */
export class SocketError extends Error {
  override readonly name = "SocketError";

  constructor(
    message: string,
    /** What had come before it failed. */
    readonly partial: Uint8Array = new Uint8Array(0),
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

export interface ConnectOptions {
  /** Connections of one pool may stand in for each other; default is host and port. */
  readonly pool?: string;
  /** TLS, verified by the system's authorities. */
  readonly tls?:
    boolean | { readonly serverName?: string; readonly ca?: string; readonly rejectUnauthorized?: boolean };
}

/** Timeouts and pools where a script says nothing. */
export interface SocketOptions {
  readonly connectMs: number;
  readonly sendMs: number;
  readonly readMs: number;
  /** How long a connection may wait in its pool. */
  readonly idleMs: number;
  readonly poolSize: number;
}

export const defaultSocketOptions: SocketOptions = {
  connectMs: 60_000,
  sendMs: 60_000,
  readMs: 60_000,
  idleMs: 60_000,
  poolSize: 30,
};

interface Waiting {
  readonly ready: () => boolean;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** A connection that outlives the sockets that use it, in turn. */
class Link {
  socket: Bun.Socket<undefined> | undefined;
  buffer: Buffer = Buffer.alloc(0);
  closed = false;
  error: Error | undefined;
  uses = 0;
  #unsent: Buffer[] = [];
  #waiting: Waiting | undefined;
  #drained: (() => void)[] = [];

  static async open(host: string, port: number, { tls }: ConnectOptions, timeoutMs: number): Promise<Link> {
    const link = new Link();
    const handlers = {
      data: (_: unknown, chunk: Buffer) => link.#receive(chunk),
      drain: () => link.#flush(),
      close: () => link.#end(undefined),
      error: (_: unknown, error: Error) => link.#end(error),
      end: () => link.#end(undefined),
    };
    const where = host.startsWith("unix:") ? { unix: host.slice(5) } : { hostname: host, port };
    const secure =
      tls === undefined || tls === false
        ? {}
        : { tls: tls === true ? { serverName: host } : { serverName: tls.serverName ?? host, ...tls } };
    const connecting = asHost(() =>
      Bun.connect({ ...where, ...secure, socket: handlers } as unknown as Parameters<typeof Bun.connect>[0]),
    );
    link.socket = (await within(
      connecting,
      timeoutMs,
      () =>
        void connecting.then(
          (late) => late.end(),
          () => undefined,
        ),
    )) as Bun.Socket<undefined>;
    return link;
  }

  #receive(chunk: Buffer): void {
    this.buffer = this.buffer.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.buffer, chunk]);
    this.#settle();
  }

  #end(error: Error | undefined): void {
    this.closed = true;
    this.error ??= error;
    this.#settle();
    for (const resolve of this.#drained.splice(0)) resolve();
  }

  #settle(): void {
    const waiting = this.#waiting;
    if (!waiting) return;
    if (waiting.ready()) {
      this.#waiting = undefined;
      waiting.resolve();
    } else if (this.closed) {
      this.#waiting = undefined;
      waiting.reject(this.failure());
    }
  }

  failure(): SocketError {
    return new SocketError(this.error?.message ?? "closed", this.buffer);
  }

  async until(ready: () => boolean, timeoutMs: number): Promise<void> {
    if (ready()) return;
    if (this.closed) throw this.failure();
    if (this.#waiting) throw new SocketError("socket busy reading");
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting = { ready, resolve, reject };
    await within(
      promise,
      timeoutMs,
      () => {
        this.#waiting = undefined;
      },
      () => this.buffer,
    );
  }

  async write(bytes: Buffer, timeoutMs: number): Promise<void> {
    if (this.closed) throw this.failure();
    this.#unsent.push(bytes);
    this.#flush();
    if (this.#unsent.length === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#drained.push(resolve);
    await within(promise, timeoutMs);
    if (this.closed) throw this.failure();
  }

  #flush(): void {
    while (this.#unsent.length > 0) {
      const bytes = this.#unsent[0]!;
      const written = this.socket!.write(bytes);
      if (written < bytes.length) {
        this.#unsent[0] = bytes.subarray(Math.max(0, written));
        return;
      }
      this.#unsent.shift();
    }
    for (const resolve of this.#drained.splice(0)) resolve();
  }

  take(length: number): Buffer {
    const bytes = this.buffer.subarray(0, length);
    this.buffer = this.buffer.subarray(length);
    return bytes;
  }

  close(): void {
    if (!this.closed) this.socket?.end();
    this.closed = true;
  }
}

async function within<T>(
  promise: Promise<T>,
  ms: number,
  onTimeout?: () => void,
  partial?: () => Uint8Array,
): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    onTimeout?.();
    late.reject(new SocketError("timeout", partial?.()));
  }, ms);
  try {
    return await Promise.race([promise, late.promise]);
  } catch (error) {
    throw error instanceof SocketError ? error : new SocketError((error as Error).message, undefined, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

interface Idle {
  readonly link: Link;
  readonly timer: Timer;
}

/** Idle connections of this worker by pool. */
const pools = new Map<string, Idle[]>();

/** A TCP or UNIX-domain connection, with OpenResty's operations. What fails throws a SocketError. */
export class TcpSocket {
  #link: Link | undefined;
  #pool = "";
  #connectMs: number;
  #sendMs: number;
  #readMs: number;

  constructor(private readonly options: SocketOptions = defaultSocketOptions) {
    this.#connectMs = options.connectMs;
    this.#sendMs = options.sendMs;
    this.#readMs = options.readMs;
  }

  /** Milliseconds, for all that follows. */
  setTimeouts(connectMs: number, sendMs: number, readMs: number): void {
    [this.#connectMs, this.#sendMs, this.#readMs] = [connectMs, sendMs, readMs];
  }

  setTimeout(ms: number): void {
    this.setTimeouts(ms, ms, ms);
  }

  /** @param host A name, an address, or `unix:/path`. An idle connection of the pool is taken first. */
  async connect(host: string, port = 0, options: ConnectOptions = {}): Promise<void> {
    this.close();
    this.#pool = options.pool ?? `${host}:${port}${options.tls ? " tls" : ""}`;
    const idle = pools.get(this.#pool);
    for (let one = idle?.pop(); one; one = idle?.pop()) {
      clearTimeout(one.timer);
      if (one.link.closed || one.link.buffer.length > 0) continue;
      this.#link = one.link;
      return;
    }
    this.#link = await Link.open(host, port, options, this.#connectMs);
  }

  get #open(): Link {
    if (!this.#link) throw new SocketError("closed");
    return this.#link;
  }

  /** Resolves when the system has taken all of it. @returns how many bytes it were */
  async send(data: string | Uint8Array | readonly (string | Uint8Array)[]): Promise<number> {
    const parts = Array.isArray(data) ? (data as readonly (string | Uint8Array)[]) : [data as string | Uint8Array];
    const bytes = Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : part)));
    await this.#open.write(bytes, this.#sendMs);
    return bytes.length;
  }

  /** A number of bytes, "*l" a line without its end, "*a" all until the other side closes; as UTF-8 text. */
  async receive(what: number | "*l" | "*a" = "*l"): Promise<string> {
    return (await this.receiveBytes(what)).toString();
  }

  async receiveBytes(what: number | "*l" | "*a" = "*l"): Promise<Buffer> {
    const link = this.#open;
    if (typeof what === "number") {
      await link.until(() => link.buffer.length >= what, this.#readMs);
      return Buffer.from(link.take(what));
    }
    if (what === "*a") {
      await link.until(() => link.closed, this.#readMs);
      return Buffer.from(link.take(link.buffer.length));
    }
    const line = await this.#upTo(link, Buffer.from("\n"));
    return line.at(-1) === 13 ? line.subarray(0, -1) : line;
  }

  /** Whatever has come, at most `max` bytes. */
  async receiveAny(max: number): Promise<Buffer> {
    const link = this.#open;
    await link.until(() => link.buffer.length > 0, this.#readMs);
    return Buffer.from(link.take(Math.min(max, link.buffer.length)));
  }

  /** What comes before `pattern`, which is read too. */
  async receiveUntil(pattern: string): Promise<string> {
    return (await this.#upTo(this.#open, Buffer.from(pattern))).toString();
  }

  async #upTo(link: Link, end: Buffer): Promise<Buffer> {
    await link.until(() => link.buffer.includes(end), this.#readMs);
    const line = Buffer.from(link.take(link.buffer.indexOf(end)));
    link.take(end.length);
    return line;
  }

  /**
   * Gives the connection to the pool instead of closing it.
   * @param idleMs How long it may wait there.
   * @param size How many may; the oldest goes.
   */
  setKeepalive(idleMs = this.options.idleMs, size = this.options.poolSize): void {
    const link = this.#open;
    if (link.buffer.length > 0) throw new SocketError("unread data in buffer");
    this.#link = undefined;
    if (link.closed) return;
    link.uses++;
    let idle = pools.get(this.#pool);
    if (!idle) pools.set(this.#pool, (idle = []));
    const timer = asHost(() => setTimeout(() => link.close(), idleMs).unref());
    idle.push({ link, timer });
    while (idle.length > size) {
      const oldest = idle.shift()!;
      clearTimeout(oldest.timer);
      oldest.link.close();
    }
  }

  /** How often the connection came from the pool. */
  getReusedTimes(): number {
    return this.#open.uses;
  }

  close(): void {
    this.#link?.close();
    this.#link = undefined;
  }
}
