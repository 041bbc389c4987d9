import { type Events, type UpstreamConnection, UpstreamError } from "../../clients/connection.ts";
import { ClientGone } from "../../core/exchange.ts";
import { DONE, OK, type Verdict } from "../../core/phase.ts";
import type { Request } from "../../core/request.ts";
import type { CacheUse } from "../cache/use.ts";
import type { PassConf } from "./pass_conf.ts";
import type { Destination, Protocol } from "./protocol.ts";
import { lengthOf, type RequestBytes } from "./request_bytes.ts";
import { applyHead, applyTrailers } from "./response.ts";
import { type Try, upstreamState } from "./state.ts";
import { tunnel } from "./tunnel.ts";

const nothing = new Uint8Array(0);

/** What one exchange came to. */
export type Passed = { readonly reusable: boolean } & (
  | { readonly kind: "answered"; readonly verdict: Verdict }
  | { readonly kind: "stored" }
  | { readonly kind: "refused"; readonly status: number }
  | { readonly kind: "failed"; readonly error: UpstreamError; readonly doing: string }
  | { readonly kind: "thrown"; readonly error: unknown }
);

/** What the exchanges of one request have in common. */
export interface Passing<C extends PassConf, D extends Destination> {
  readonly request: Request;
  readonly conf: C;
  readonly protocol: Protocol<C, D>;
  readonly to: D;
  readonly use: CacheUse | undefined;
  readonly detached: boolean;
}

/** One request and its answer over one connection. */
export class Passage<C extends PassConf, D extends Destination> implements Events {
  #doing = "sending request to upstream";
  #settled = false;
  /** The answer's head came and is not on its way yet: with a body that came along it leaves in one write. */
  #headPending = false;
  /** A part of the body that may turn out to be the last. */
  #held: Uint8Array | undefined;
  /** What the client has to take before more is read. */
  #pending: Promise<void> | undefined;
  #clientGone = false;
  #bodiless = false;
  #drain: PromiseWithResolvers<void> | undefined;

  constructor(
    private readonly passing: Passing<C, D>,
    private readonly connection: UpstreamConnection,
    private readonly body: RequestBytes,
    private readonly one: Try,
    private readonly startMs: number,
    /** May an answer of this status be refused for another peer's? */
    private readonly mayRefuse: (status: number) => boolean,
    private readonly done: (passed: Passed) => void,
  ) {}

  start(): void {
    const { passing, connection, body } = this;
    const { request, conf, to, protocol, use, detached } = passing;
    if (!conf.ignoreClientAbort && !detached) request.exchange.onAbort(() => this.#leave());
    if (this.#settled) return;
    const length = lengthOf(request, body);
    const whole = body instanceof Uint8Array ? body : undefined;
    const isStream = body !== undefined && !whole;
    if (isStream) connection.cork();
    protocol.send(connection, this, request, conf, to, use?.variation, length, whole);
    if (isStream) {
      connection.limit(conf.sendTimeoutMs);
      // What has come of the body already leaves with the head; the head does not wait for what has not.
      setImmediate(() => connection.uncork());
      void this.#stream((body as Exclude<typeof body, Uint8Array>).open(), length !== undefined).catch(
        (error: unknown) => this.#throw(error),
      );
      return;
    }
    this.#sent();
  }

  #sent(): void {
    if (this.#settled || this.one.headerMs !== undefined) return;
    this.#doing = "reading response header from upstream";
    this.connection.limit(this.passing.conf.readTimeoutMs);
  }

  async #stream(body: Iterable<Uint8Array> | AsyncIterable<Uint8Array>, isLengthKnown: boolean): Promise<void> {
    const { protocol, conf } = this.passing;
    for await (const chunk of body) {
      if (this.#settled) return;
      this.connection.limit(conf.sendTimeoutMs);
      this.connection.write(protocol.frame(chunk, isLengthKnown));
      if (this.connection.uncork()) continue;
      this.#drain = Promise.withResolvers<void>();
      await this.#drain.promise;
    }
    const ending = protocol.ending(isLengthKnown);
    if (ending) this.connection.write(ending);
    this.#sent();
  }

  drain(): void {
    this.#drain?.resolve();
    this.#drain = undefined;
  }

  /** The client has gone: nobody is there for the answer, unless the cache is. */
  #leave(): void {
    this.#clientGone = true;
    if (!this.passing.use?.records) this.#throw(new ClientGone());
  }

  #settle(passed: Passed): void {
    if (this.#settled) return;
    this.#settled = true;
    this.drain();
    if (!passed.reusable && !this.connection.tunnelling) this.connection.close();
    this.done(passed);
  }

  #throw(error: unknown): void {
    this.#settle({ kind: "thrown", error, reusable: false });
  }

  interim(status: number, reason: string, headers: string[]): void {
    const { request, detached } = this.passing;
    if (status !== 100 && !detached) request.exchange.interim(status, reason, headers);
  }

  head(status: number, reason: string, headers: string[]): void {
    if (this.#settled) return;
    const { passing, one, connection } = this;
    const { request, conf, use, detached, protocol, to } = passing;
    one.status = status;
    one.headerMs = Date.now() - this.startMs;
    this.#doing = "reading upstream";
    if (!detached) request.get(upstreamState)!.headers = headers;
    if (status === 101 && !detached) {
      connection.unlimited();
      const ended = (): void => this.#settle({ kind: "answered", verdict: DONE, reusable: false });
      return tunnel(request, connection, reason, headers, conf.readTimeoutMs, ended);
    }
    if (use?.revalidates(status)) {
      use.renew(headers);
      return this.#settle({ kind: "stored", reusable: false });
    }
    if (status >= 400 && this.mayRefuse(status)) return this.#settle({ kind: "refused", status, reusable: false });
    if (use?.prefersStale(status)) return this.#settle({ kind: "stored", reusable: false });
    if (detached) {
      use!.record(status, reason, headers, false);
      return;
    }
    this.#apply(status, reason, headers, protocol, to);
  }

  #apply(status: number, reason: string, headers: string[], protocol: Protocol<C, D>, to: D): void {
    const { request, conf, use } = this.passing;
    let elsewhere: Verdict | Promise<Verdict> | undefined;
    try {
      const isIntercepted = conf.interceptErrors && status >= 300 && request.hasErrorPage(status);
      use?.record(status, reason, headers, isIntercepted);
      elsewhere = applyHead(request, conf, protocol, to, status, reason, headers);
    } catch (error) {
      return this.#throw(error);
    }
    if (elsewhere === undefined) {
      if (use?.records && status === 200) request.response.allowRanges = true;
      this.#headPending = true;
      this.#bodiless = request.headerOnly || status === 204 || status === 304;
      return;
    }
    use?.finish();
    this.connection.close();
    if (typeof elsewhere === "number") this.#settle({ kind: "answered", verdict: elsewhere, reusable: false });
    else
      elsewhere.then(
        (verdict) => this.#settle({ kind: "answered", verdict, reusable: false }),
        (error) => this.#throw(error),
      );
  }

  stderr(text: string): void {
    const { request, protocol, conf, to } = this.passing;
    const url = protocol.url(to, this.one.address);
    request.log("error", `FastCGI sent in stderr: "${text.trimEnd()}" while ${this.#doing}`, url);
    if (protocol.isFatal(conf, text) && !request.headSent)
      this.failed(new UpstreamError("FastCGI application reported a failure", "invalid", false));
  }

  data(chunk: Uint8Array): void {
    if (this.#settled) return;
    this.one.responseLength += chunk.length;
    this.passing.use?.append(chunk);
    if (this.passing.detached || this.#clientGone) return;
    if (this.#held) this.#flush();
    this.#held = chunk;
  }

  /** Sends what is held back, and the head before it. */
  #flush(): void {
    if (this.#headPending) {
      this.#headPending = false;
      const verdict = this.passing.request.sendHead();
      if (typeof verdict === "number") this.#headSent(verdict);
      else this.#wait(verdict.then((late) => this.#headSent(late)));
    }
    const held = this.#held;
    this.#held = undefined;
    if (this.#settled) return;
    if (this.#pending) {
      const copy = held?.slice() ?? nothing; // a socket gives what it had read already even after it was paused
      this.#wait(this.#pending.then(() => this.#forward(copy)));
    } else {
      // Without a chunk too: it takes the head along.
      const pending = this.#forward(held ?? nothing);
      if (pending) this.#wait(pending);
    }
  }

  #forward(chunk: Uint8Array): void | Promise<void> {
    if (!this.#clientGone && !this.#settled) return this.passing.request.send(chunk);
  }

  /** A filter may have answered something else in the head's place. */
  #headSent(verdict: Verdict): void {
    if (verdict !== OK) this.#settle({ kind: "answered", verdict, reusable: false });
  }

  /** The client is slower than the upstream: read no more until it has caught up. */
  #wait(taken: Promise<void>): void {
    const { conf, use } = this.passing;
    if (!this.#pending) {
      this.connection.unlimited();
      this.connection.pause();
    }
    const pending: Promise<void> = taken.then(
      () => {
        if (this.#pending !== pending) return;
        this.#pending = undefined;
        if (this.#settled) return;
        this.connection.limit(conf.readTimeoutMs);
        this.connection.resume();
      },
      (error: unknown) => {
        if (!(error instanceof ClientGone) || !use?.records) return this.#throw(error);
        this.#clientGone = true;
        this.#pending = undefined;
        this.connection.resume();
      },
    );
    this.#pending = pending;
  }

  fed(): void {
    if (this.#settled) return;
    this.connection.limit(this.passing.conf.readTimeoutMs);
    if (this.#headPending || this.#held) this.#flush();
  }

  end(trailers: string[], reusable: boolean): void {
    if (this.#settled) return;
    const { request, conf, use, detached, protocol } = this.passing;
    use?.finish();
    if (detached) return this.#settle({ kind: "answered", verdict: DONE, reusable });
    request.get(upstreamState)!.trailers = trailers;
    if (this.#clientGone) return this.#settle({ kind: "thrown", error: new ClientGone(), reusable });
    if (trailers.length > 0 && protocol.passesTrailers(conf)) applyTrailers(request, trailers);
    try {
      const verdict = this.#finish();
      if (typeof verdict === "number") this.#settle({ kind: "answered", verdict, reusable });
      else
        verdict.then(
          (late) => this.#settle({ kind: "answered", verdict: late, reusable }),
          (error) => this.#throw(error),
        );
    } catch (error) {
      this.#throw(error);
    }
  }

  /** Sends the end of the answer; all of it, where it came at once. */
  #finish(): Verdict | Promise<Verdict> {
    const { request } = this.passing;
    const held = this.#held;
    this.#held = undefined;
    if (this.#headPending && !this.#bodiless && !request.response.trailers) {
      this.#headPending = false;
      return request.respond(held ?? "");
    }
    if (this.#headPending) {
      this.#headPending = false;
      const verdict = request.sendHead();
      if (typeof verdict !== "number") return verdict.then((late) => (late === OK ? this.#last(held) : late));
      if (verdict !== OK) return verdict;
    }
    return this.#last(held);
  }

  #last(held: Uint8Array | undefined): Verdict | Promise<Verdict> {
    const { request } = this.passing;
    if (this.#pending) {
      const copy = held?.slice() ?? "";
      return this.#pending.then(() => request.send(copy, true)).then(() => DONE);
    }
    const pending = request.send(held ?? "", true);
    return pending ? pending.then(() => DONE) : DONE;
  }

  failed(error: UpstreamError): void {
    const { request, use, detached } = this.passing;
    if (this.#settled) return;
    use?.discard();
    if (!detached && this.#headPending) {
      // A head is an answer: what is wrong with the body is for the client to see.
      this.#flush();
    }
    if (this.#pending && request.headSent) {
      // What came before the failure is the client's still.
      this.#pending.finally(() => this.#settle({ kind: "failed", error, doing: this.#doing, reusable: false }));
      return;
    }
    this.#settle({ kind: "failed", error, doing: this.#doing, reusable: false });
  }
}
