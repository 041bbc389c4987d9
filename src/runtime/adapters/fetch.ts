import { counter, counters } from "../../core/counters.ts";
import { type Chunk, ClientGone, type Connection, type Exchange } from "../../core/exchange.ts";
import type { ListenSpec } from "../../core/plan.ts";
import type { OnExchange } from "./raw.ts";

// The documented Bun.serve({ fetch }): HTTP/2 and HTTP/3, and HTTP/1 should the raw mode ever be gone. What it costs:
// the target arrives normalised, header names in lower case and sorted, and the version is not told.

/** Not a connection of its own: the runtime tells of requests only. */
class FetchConnection implements Connection {
  requests = 1;
  /** The documented interface does not tell of client certificates. */
  readonly tlsVerify = "NONE";
  closing = false;

  constructor(
    readonly number: number,
    readonly startMs: number,
    readonly remoteAddress: string,
    readonly remotePort: number,
    readonly localAddress: string,
    readonly localPort: number,
    readonly tls: boolean,
    readonly tlsServerName: string | undefined,
  ) {}
}

class FetchExchange implements Exchange {
  readonly method: string;
  readonly target: string;
  readonly hasBody: boolean;
  readonly isPipelined = false;
  readonly keepalive = true;
  readonly answer = Promise.withResolvers<Response>();
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #waiting: PromiseWithResolvers<void> | undefined;
  #written = 0;
  #headBytes = 0;
  #paused: PromiseWithResolvers<void> | undefined;
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;

  constructor(
    readonly connection: Connection,
    private readonly request: globalThis.Request,
    readonly httpVersion: number,
  ) {
    this.method = request.method;
    const start = request.url.indexOf("/", request.url.indexOf("://") + 3);
    this.target = start < 0 ? "/" : request.url.slice(start);
    this.hasBody = request.body !== null;
  }

  takeHeaders(): string[] {
    const flat: string[] = [];
    this.request.headers.forEach((value, name) => flat.push(name, value));
    return flat;
  }

  get requestLength(): number {
    return this.method.length + this.target.length + this.takeHeaders().reduce((sum, text) => sum + text.length + 2, 14);
  }

  whole(status: number, _reason: string, headers: string[], body: Chunk | undefined): void {
    this.#note(headers);
    this.#written = body === undefined ? 0 : Buffer.byteLength(body);
    this.#answer(status, headers, body === undefined || this.method === "HEAD" ? null : (body as BodyInit));
  }

  head(status: number, _reason: string, headers: string[]): void {
    this.#note(headers);
    const stream = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => this.#drained(),
        cancel: () => this.#gone(),
      },
      { highWaterMark: 64 * 1024, size: (chunk) => chunk?.byteLength ?? 0 },
    );
    this.#answer(status, headers, stream);
  }

  #answer(status: number, flat: readonly string[], body: BodyInit | null): void {
    const headers = new Headers();
    for (let i = 0; i < flat.length; i += 2) {
      const name = flat[i]!.toLowerCase();
      // HTTP/2 has no connection fields (RFC 9113, section 8.2.2), and the runtime frames the body itself.
      if (name !== "connection" && name !== "keep-alive" && name !== "transfer-encoding") headers.append(flat[i]!, flat[i + 1]!);
    }
    const bodiless = status === 204 || status === 304 || status < 200;
    try {
      this.answer.resolve(new Response(bodiless ? null : body, { status, headers }));
    } catch (error) {
      this.answer.reject(error);
    }
  }

  #note(headers: readonly string[]): void {
    for (const text of headers) this.#headBytes += text.length + 2;
  }

  interim(): void {} // the runtime has no way to send one

  write(chunk: Chunk): boolean {
    if (this.aborted) return false;
    const bytes = typeof chunk === "string" ? Buffer.from(chunk) : new Uint8Array(chunk);
    this.#written += bytes.length;
    this.#controller!.enqueue(bytes);
    return (this.#controller!.desiredSize ?? 1) > 0;
  }

  drained(): Promise<void> {
    if (this.aborted) return Promise.reject(new ClientGone());
    return (this.#waiting ??= Promise.withResolvers<void>()).promise;
  }

  #drained(): void {
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }

  #gone(): void {
    this.#waiting?.reject(new ClientGone());
    this.#waiting = undefined;
  }

  end(): void {
    try {
      this.#controller?.close();
    } catch {
      return; // the client cancelled it first
    }
  }

  /** A stream that fails is reset; without one, the answer that never comes is. */
  abort(): void {
    const error = new ClientGone();
    if (this.#controller) this.#controller.error(error);
    else this.answer.reject(error);
  }

  get bodyBytesSent(): number {
    return this.#written;
  }

  get bytesSent(): number {
    return this.#headBytes + this.#written;
  }

  get aborted(): boolean {
    return this.request.signal.aborted;
  }

  onAbort(callback: () => void): void {
    if (this.aborted) callback();
    else this.request.signal.addEventListener("abort", callback, { once: true });
  }

  readBody(onData: (chunk: Uint8Array, last: boolean) => void, onError: (error: Error) => void): void {
    this.#reader = this.request.body!.getReader();
    void this.#pump(onData).catch(() => onError(new ClientGone()));
  }

  async #pump(onData: (chunk: Uint8Array, last: boolean) => void): Promise<void> {
    for (;;) {
      await this.#paused?.promise;
      const { done, value } = await this.#reader!.read();
      onData(value ?? new Uint8Array(0), done);
      if (done) return;
    }
  }

  pauseBody(): void {
    this.#paused ??= Promise.withResolvers<void>();
  }

  resumeBody(): void {
    this.#paused?.resolve();
    this.#paused = undefined;
  }

  limits(): void {} // streams share a connection that is not ours to time

  finished(): void {}
}

export interface FetchListenerOptions {
  readonly spec: ListenSpec;
  /** Where to listen, TLS, and the protocols: what `Bun.serve` takes. */
  readonly options: Record<string, unknown>;
  readonly tls: boolean;
  /** What `$server_protocol` says: 20 where HTTP/2 is spoken, 30 for HTTP/3 alone, else 11. */
  readonly httpVersion: number;
  readonly onExchange: OnExchange;
}

let exchanges = 0;

/** Serves one address through the documented interface. */
export function serveFetch({ spec, options, tls, httpVersion, onExchange }: FetchListenerOptions): Bun.Server<undefined> {
  const server = Bun.serve({
    ...options,
    idleTimeout: 0,
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    fetch(request: globalThis.Request, own: Bun.Server<undefined>) {
      const peer = own.requestIP(request);
      const { number, now } = { number: ++exchanges, now: Date.now() };
      const remote = spec.family === "unix" ? "unix:" : (peer?.address.replace(/^::ffff:/, "") ?? "");
      const connection = new FetchConnection(number, now, remote, peer?.port ?? 0, spec.address, spec.port, tls, undefined);
      counters.own[counter.accepted]!++;
      counters.own[counter.handled]!++;
      const exchange = new FetchExchange(connection, request, httpVersion);
      onExchange(exchange);
      return exchange.answer.promise;
    },
    error: () => new Response(null, { status: 500 }),
  } as unknown as Parameters<typeof Bun.serve>[0]);
  return server as Bun.Server<undefined>;
}
