import { counter, counters } from "../../core/counters.ts";
import { type Chunk, ClientGone, type Connection, type Exchange } from "../../core/exchange.ts";
import type { ListenSpec } from "../../core/plan.ts";
import { plainAddress } from "../../std/address.ts";
import type { ProxyHeader } from "../../std/proxy_protocol.ts";
import type { ProxiedPeers } from "./proxied.ts";
import type { OnExchange } from "./raw_connection.ts";

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
    readonly proxy: ProxyHeader | undefined,
  ) {}
}

/** What a stream of the runtime's own "direct" type is written through. */
interface DirectController {
  write(chunk: Uint8Array): unknown;
  /** Resolves when the socket has taken what was written. */
  flush(wait: boolean): unknown;
  end(): unknown;
}

/**
 * How much may be under way before the next chunk waits. On HTTP/2 the runtime tells a tenth of a second late that a
 * client has caught up (Bun 1.4.5), so waiting often is slow: 30 MB take 0.2 s this way, 40 s with 128 KB.
 */
const unconfirmedBytesMax = 4 * 1024 * 1024;

class FetchExchange implements Exchange {
  readonly method: string;
  readonly target: string;
  readonly hasBody: boolean;
  readonly isPipelined = false;
  readonly keepalive = true;
  readonly answer = Promise.withResolvers<Response>();
  #controller: DirectController | undefined;
  /** Chunks that came before the runtime asked for the first one. */
  #early: Uint8Array[] = [];
  readonly #started = Promise.withResolvers<void>();
  readonly #finished = Promise.withResolvers<void>();
  #ended = false;
  /** Bytes since it was last known that the client had taken all. */
  #unconfirmed = 0;
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
    return (
      this.method.length + this.target.length + this.takeHeaders().reduce((sum, text) => sum + text.length + 2, 14)
    );
  }

  whole(status: number, _reason: string, headers: string[], body: Chunk | undefined): void {
    this.#note(headers);
    this.#written = body === undefined ? 0 : Buffer.byteLength(body);
    this.#answer(status, headers, body === undefined || this.method === "HEAD" ? null : (body as BodyInit));
  }

  head(status: number, _reason: string, headers: string[]): void {
    this.#note(headers);
    // A "direct" stream: a default one waits a quarter of a second for each chunk on HTTP/2 (Bun 1.4.5: 30 MB in 20 s).
    const source = {
      type: "direct",
      pull: (controller: DirectController) => this.#start(controller),
      cancel: () => this.#started.reject(new ClientGone()),
    };
    this.#started.promise.catch(() => undefined);
    this.#finished.promise.catch(() => undefined);
    const stream = new ReadableStream(source as unknown as UnderlyingDefaultSource<Uint8Array>);
    this.#answer(status, headers, stream);
  }

  #answer(status: number, flat: readonly string[], body: BodyInit | null): void {
    const headers = new Headers();
    for (let i = 0; i < flat.length; i += 2) {
      const name = flat[i]!.toLowerCase();
      // HTTP/2 has no connection fields (RFC 9113, section 8.2.2), and the runtime frames the body itself.
      if (name !== "connection" && name !== "keep-alive" && name !== "transfer-encoding")
        headers.append(flat[i]!, flat[i + 1]!);
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

  #start(controller: DirectController): Promise<void> {
    this.#controller = controller;
    for (const chunk of this.#early) controller.write(chunk);
    this.#early = [];
    if (this.#ended) void controller.end();
    this.#started.resolve();
    return this.#finished.promise;
  }

  write(chunk: Chunk): boolean {
    if (this.aborted) return false;
    const bytes = typeof chunk === "string" ? Buffer.from(chunk) : new Uint8Array(chunk);
    this.#written += bytes.length;
    if (!this.#controller) {
      this.#early.push(bytes);
      return false;
    }
    this.#controller.write(bytes);
    void this.#controller.flush(false);
    this.#unconfirmed += bytes.length;
    return this.#unconfirmed < unconfirmedBytesMax;
  }

  async drained(): Promise<void> {
    if (this.aborted) throw new ClientGone();
    await this.#started.promise;
    await this.#controller!.flush(true);
    this.#unconfirmed = 0;
    if (this.aborted) throw new ClientGone();
  }

  end(): void {
    this.#ended = true;
    if (this.#controller) void this.#controller.end();
    this.#finished.resolve();
  }

  /** A stream that fails is reset; without one, the answer that never comes is. */
  abort(): void {
    this.#finished.reject(undefined); // for an error the runtime would print its stack on standard error
    this.answer.reject(new ClientGone());
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
  /** Set: whoever connects is one of these, see proxied.ts. */
  readonly peers: ProxiedPeers | undefined;
}

let exchanges = 0;

/** Serves one address through the documented interface. */
export function serveFetch({
  spec,
  options,
  tls,
  httpVersion,
  onExchange,
  peers,
}: FetchListenerOptions): Bun.Server<undefined> {
  const server = Bun.serve({
    ...options,
    idleTimeout: 0,
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    fetch(request: globalThis.Request, own: Bun.Server<undefined>) {
      const peer = own.requestIP(request);
      const { number, now } = { number: ++exchanges, now: Date.now() };
      const passed = peers?.get(peer?.port ?? 0);
      if (peers && !passed) return Response.error();
      const remote = spec.family === "unix" ? "unix:" : plainAddress(peer?.address ?? "");
      const connection = new FetchConnection(
        number,
        now,
        passed?.remoteAddress ?? remote,
        passed?.remotePort ?? peer?.port ?? 0,
        passed?.localAddress ?? spec.address,
        spec.port,
        tls,
        undefined,
        passed?.header,
      );
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
