import { type Events, Http1Connection, UpstreamError } from "../../clients/http1.ts";
import { ClientGone } from "../../core/exchange.ts";
import { DONE, ERROR, OK, type Verdict } from "../../core/phase.ts";
import type { Request } from "../../core/request.ts";
import type { Peer } from "../upstream/peer.ts";
import { type Try, upstreamState } from "../upstream/state.ts";
import { requestHead } from "./headers.ts";
import type { Failure, ProxyConf } from "./proxy.ts";
import { applyHead, applyTrailers } from "./response.ts";
import type { Destination } from "./target.ts";
import { tunnel } from "./tunnel.ts";

/** Methods that may be sent twice (RFC 9110, section 9.2.2). */
const idempotent = new Set(["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "PROPFIND"]);

/** What a try came to: the request's verdict, or a failure after which another peer may be asked. */
type Outcome = { readonly verdict: Verdict } | { readonly failure: Failure; readonly status: number; readonly error: UpstreamError };

/** `proxy_pass`: asks one peer after the other until one answers. */
export async function pass(request: Request, conf: ProxyConf): Promise<Verdict> {
  const to = conf.proxy_pass!(request);
  if (!to) return 500;
  const body = await bodyOf(request, conf);
  const tries: Try[] = [];
  const state = request.get(upstreamState) ?? { groups: [], headers: [], trailers: [] };
  state.groups.push(tries);
  request.set(upstreamState, state);

  const tried = new Set<Peer>();
  const startMs = Date.now();
  let status = 502;
  for (;;) {
    const peer = to.group.pick(request, tried);
    if (!peer) {
      if (tries.length === 0) {
        tries.push(newTry(to.group.name));
        request.log("error", `no live upstreams while connecting to upstream, upstream: "${urlOf(to, to.group.name)}"`);
      }
      if (tries.length > 0) tries.at(-1)!.status ||= status;
      return status;
    }
    tried.add(peer);
    const one = newTry(peer.name);
    tries.push(one);
    const outcome = await attempt(request, conf, to, peer, body, one);
    if ("verdict" in outcome) return outcome.verdict;
    status = outcome.status;
    one.status = status;
    if (!mayTryNext(request, conf, outcome, tries.length, startMs, body)) return status;
  }
}

function newTry(address: string): Try {
  return {
    address,
    status: 0,
    connectMs: undefined,
    headerMs: undefined,
    responseMs: undefined,
    bytesSent: 0,
    bytesReceived: 0,
    responseLength: 0,
  };
}

function mayTryNext(
  request: Request,
  conf: ProxyConf,
  { failure, error }: { readonly failure: Failure; readonly error: UpstreamError },
  tries: number,
  startMs: number,
  body: RequestBytes,
): boolean {
  const on = conf.proxy_next_upstream;
  if (request.headSent || on.includes("off") || !on.includes(failure) || !isRepeatable(body)) return false;
  if (!error.beforeRequest && !idempotent.has(request.method) && !on.includes("non_idempotent")) return false;
  if (conf.proxy_next_upstream_tries > 0 && tries >= conf.proxy_next_upstream_tries) return false;
  return conf.proxy_next_upstream_timeout === 0 || Date.now() - startMs < conf.proxy_next_upstream_timeout;
}

/** The body to send: bytes, a stream of them, or nothing. */
type RequestBytes = Uint8Array | BodyStream | undefined;

interface BodyStream {
  /** -1: not known before it ends. */
  readonly sizeBytes: number;
  /** Can it be sent again, to another peer? */
  readonly repeatable: boolean;
  open(): Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

async function bodyOf(request: Request, conf: ProxyConf): Promise<RequestBytes> {
  if (conf.proxy_set_body) return Buffer.from(conf.proxy_set_body.evaluate(request), "latin1");
  if (!conf.proxy_pass_request_body || !request.body.exists) return undefined;
  const { body } = request;
  if (!conf.proxy_request_buffering && body.state === "unread")
    return { sizeBytes: Number(request.header("content-length") ?? -1), repeatable: false, open: () => body.stream() };
  await body.read();
  const { file } = body;
  return file ? { sizeBytes: file.sizeBytes, repeatable: true, open: () => file.chunks() } : body.buffered;
}

/** The idle connection that was used last, or a new one. */
async function connect(request: Request, conf: ProxyConf, to: Destination, peer: Peer, key: string): Promise<Http1Connection> {
  const idle = to.group.pool.take(key);
  if (idle) return idle;
  const name = conf.proxy_ssl_name?.evaluate(request) ?? to.host;
  const tls = to.tls
    ? { ...conf.tls, serverName: conf.proxy_ssl_server_name || conf.proxy_ssl_verify ? name.replace(/:\d+$/, "") : undefined }
    : undefined;
  const connection = await Http1Connection.connect(peer.address, conf.proxy_connect_timeout, tls);
  to.group.pool.opened(connection);
  return connection;
}

async function attempt(
  request: Request,
  conf: ProxyConf,
  to: Destination,
  peer: Peer,
  body: RequestBytes,
  one: Try,
): Promise<Outcome> {
  const key = `${to.tls ? "tls" : "tcp"} ${peer.name}`;
  const startMs = Date.now();
  peer.active++;
  try {
    for (;;) {
      let connection: Http1Connection;
      try {
        connection = await connect(request, conf, to, peer, key);
      } catch (error) {
        one.responseMs = Date.now() - startMs;
        return failed(request, to, peer, error as UpstreamError, "connecting to upstream");
      }
      const reused = connection.requests > 0;
      one.connectMs = Date.now() - startMs;
      const result = await new Passage(request, conf, to, connection, body, one, startMs).run();
      one.responseMs = Date.now() - startMs;
      one.bytesSent = connection.bytesSent;
      one.bytesReceived = connection.bytesReceived;
      if ("verdict" in result) {
        peer.succeeded(Date.now());
        if (result.reusable) to.group.pool.give(key, connection);
        else if (!connection.tunnelling) connection.close();
        return result;
      }
      connection.close();
      if ("status" in result) return { failure: `http_${result.status}` as Failure, status: result.status, error: result.error };
      // The peer closed a kept connection just as it was taken up again: that says nothing of the peer.
      if (reused && result.error.beforeRequest && isRepeatable(body)) continue;
      return failed(request, to, peer, result.error, result.doing);
    }
  } finally {
    peer.active--;
  }
}

function failed(request: Request, to: Destination, peer: Peer, error: UpstreamError, doing: string): Outcome {
  peer.failed(Date.now());
  request.log("error", `${error.message.includes(" while ") ? error.message : `${error.message} while ${doing}`}, upstream: "${urlOf(to, peer.name)}"`);
  if (request.headSent) return { verdict: ERROR };
  const timeout = error.kind === "timeout";
  const failure: Failure = timeout ? "timeout" : error.kind === "invalid" ? "invalid_header" : "error";
  return { failure, status: timeout ? 504 : 502, error };
}

function urlOf(to: Destination, peer: string): string {
  return `${to.tls ? "https" : "http"}://${peer}${to.uri}`;
}

type Passed =
  | { readonly verdict: Verdict; readonly reusable: boolean }
  | { readonly error: UpstreamError; readonly doing: string }
  | { readonly error: UpstreamError; readonly status: number };

/** One request and its answer over one connection. */
class Passage implements Events {
  readonly #done = Promise.withResolvers<Passed>();
  #doing = "reading response header from upstream";
  #timer: Timer | undefined;
  /** What the client has to take before more is read. */
  #pending: Promise<void> = Promise.resolve();
  #paused = false;
  #settled = false;
  /** Something else is answered: what the upstream still sends is nobody's. */
  #abandoned = false;
  #drain: PromiseWithResolvers<void> | undefined;

  constructor(
    private readonly request: Request,
    private readonly conf: ProxyConf,
    private readonly to: Destination,
    private readonly connection: Http1Connection,
    private readonly body: RequestBytes,
    private readonly one: Try,
    private readonly startMs: number,
  ) {}

  run(): Promise<Passed> {
    const { request, conf, to, body, connection } = this;
    if (!conf.proxy_ignore_client_abort) request.exchange.onAbort(() => this.#clientGone());
    const length = lengthOf(request, body);
    this.#await(conf.proxy_read_timeout);
    connection.start(request.method, requestHead(request, conf, to, length), this);
    if (body instanceof Uint8Array) connection.write(body);
    else if (body) void this.#stream(body.open(), length === undefined).catch((error: unknown) => this.#bodyFailed(error));
    return this.#done.promise;
  }

  async #stream(body: Iterable<Uint8Array> | AsyncIterable<Uint8Array>, chunked: boolean): Promise<void> {
    for await (const chunk of body) {
      if (this.#settled) return;
      this.#await(this.conf.proxy_send_timeout);
      const piece = chunked ? Buffer.concat([Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from("\r\n")]) : chunk;
      if (this.connection.write(piece)) continue;
      this.#drain = Promise.withResolvers<void>();
      await this.#drain.promise;
    }
    if (chunked) this.connection.write(Buffer.from("0\r\n\r\n"));
    this.#await(this.conf.proxy_read_timeout);
  }

  /** The client's side of the body failed: its error decides the answer. */
  #bodyFailed(error: unknown): void {
    if (this.#settled) return;
    this.#settled = true;
    clearTimeout(this.#timer);
    this.connection.close();
    this.#done.reject(error);
  }

  drain(): void {
    this.#drain?.resolve();
    this.#drain = undefined;
  }

  #await(timeoutMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(
      () => this.failed(new UpstreamError("upstream timed out (110: Connection timed out)", "timeout", false)),
      timeoutMs,
    );
  }

  #clientGone(): void {
    if (this.#settled) return;
    this.#settled = true;
    clearTimeout(this.#timer);
    this.connection.close();
    this.#done.reject(new ClientGone());
  }

  #settle(passed: Passed): void {
    if (this.#settled) return;
    this.#settled = true;
    clearTimeout(this.#timer);
    this.#done.resolve(passed);
  }

  interim(status: number, reason: string, headers: string[]): void {
    if (status !== 100) this.request.exchange.interim(status, reason, headers);
  }

  head(status: number, reason: string, headers: string[]): void {
    const { request, conf, one, connection } = this;
    one.status = status;
    one.headerMs = Date.now() - this.startMs;
    this.#doing = "reading upstream";
    request.get(upstreamState)!.headers = headers;
    this.#await(conf.proxy_read_timeout);
    if (status === 101) {
      clearTimeout(this.#timer);
      tunnel(request, connection, reason, headers, conf.proxy_read_timeout, () => this.#settle({ verdict: DONE, reusable: false }));
      return;
    }
    if (this.#refused(status)) {
      const error = new UpstreamError(`upstream answered ${status}`, "invalid", false);
      this.#settle({ error, status });
      return;
    }
    const elsewhere = applyHead(request, conf, this.to, status, reason, headers);
    if (elsewhere !== undefined) {
      this.#abandoned = true;
      connection.close();
      this.#settleLater(elsewhere);
      return;
    }
    const verdict = request.sendHead();
    if (typeof verdict === "number") this.#headSent(verdict);
    else {
      this.#hold();
      verdict.then(
        (late) => {
          this.#headSent(late);
          this.#release();
        },
        (error) => this.#bodyFailed(error),
      );
    }
  }

  /** A status for which another peer is to be asked, if there is one. */
  #refused(status: number): boolean {
    const wanted = this.conf.proxy_next_upstream.includes(`http_${status}` as Failure);
    return wanted && this.to.group.peers.length > 1 && !this.request.headSent;
  }

  #settleLater(verdict: Verdict | Promise<Verdict>): void {
    clearTimeout(this.#timer);
    Promise.resolve(verdict).then(
      (late) => this.#settle({ verdict: late, reusable: false }),
      (error: unknown) => this.#bodyFailed(error),
    );
  }

  #headSent(verdict: Verdict): void {
    if (verdict === OK) return;
    this.connection.close();
    this.#settle({ verdict, reusable: false });
  }

  data(chunk: Uint8Array): void {
    if (this.#settled || this.#abandoned) return;
    this.one.responseLength += chunk.length;
    this.#await(this.conf.proxy_read_timeout);
    if (this.#paused) {
      const copy = chunk.slice(); // a socket gives what it had read already even after it was paused
      this.#pending = this.#pending.then(() => this.request.send(copy));
      return;
    }
    const pending = this.request.send(chunk);
    if (!pending) return;
    this.#hold();
    this.#pending = pending.then(
      () => this.#release(),
      (error: unknown) => this.#bodyFailed(error),
    );
  }

  /** The client is slower than the upstream: read no more until it has caught up. */
  #hold(): void {
    this.#paused = true;
    clearTimeout(this.#timer);
    this.connection.pause();
  }

  #release(): void {
    if (this.#settled) return;
    this.#paused = false;
    this.#await(this.conf.proxy_read_timeout);
    this.connection.resume();
  }

  end(trailers: string[], reusable: boolean): void {
    const { request } = this;
    if (this.#settled || this.#abandoned) return;
    clearTimeout(this.#timer);
    request.get(upstreamState)!.trailers = trailers;
    if (this.conf.proxy_pass_trailers) applyTrailers(request, trailers);
    this.#pending
      .then(() => request.send("", true))
      .then(
        () => this.#settle({ verdict: DONE, reusable }),
        (error: unknown) => this.#bodyFailed(error),
      );
  }

  failed(error: UpstreamError): void {
    this.#settle({ error, doing: this.#doing });
  }
}

/** Methods that are expected to carry a body say so even when it is empty (RFC 9110, section 8.6). */
function emptyLength(request: Request): number {
  return request.method === "POST" || request.method === "PUT" || request.method === "PATCH" ? 0 : -1;
}

/** Bytes of the body; undefined: chunked; -1: the request has none and says nothing of it. */
function lengthOf(request: Request, body: RequestBytes): number | undefined {
  if (body === undefined) return emptyLength(request);
  if (body instanceof Uint8Array) return body.length;
  return body.sizeBytes < 0 ? undefined : body.sizeBytes;
}

function isRepeatable(body: RequestBytes): boolean {
  return body === undefined || body instanceof Uint8Array || body.repeatable;
}
