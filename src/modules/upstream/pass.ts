import type { UpstreamConnection } from "../../clients/connection.ts";
import { UpstreamError } from "../../clients/connection.ts";
import { DONE, ERROR, type Verdict } from "../../core/phase.ts";
import type { Request } from "../../core/request.ts";
import { type CacheUse, openCache } from "../cache/use.ts";
import type { Failure, PassConf } from "./pass_conf.ts";
import { type Passed, Passage } from "./passage.ts";
import type { Peer } from "./peer.ts";
import type { Destination, Protocol } from "./protocol.ts";
import { isRepeatable, type RequestBytes, requestBytes } from "./request_bytes.ts";
import { serveStored } from "./response.ts";
import { type Try, upstreamState } from "./state.ts";

/** Methods that may be sent twice (RFC 9110, section 9.2.2). */
const idempotent = new Set(["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "PROPFIND"]);

const untried: ReadonlySet<Peer> = new Set();

/** The content handler of a location that passes requests on: from the cache, or from one peer after the other. */
export function pass<C extends PassConf, D extends Destination>(
  request: Request,
  conf: C,
  protocol: Protocol<C, D>,
): Verdict | Promise<Verdict> {
  const to = protocol.destination(request, conf);
  if (!to) return 500;
  const resolving = to.group.ready();
  if (!resolving) return passTo(request, conf, protocol, to);
  return resolving.then(
    () => passTo(request, conf, protocol, to),
    (error: Error) => {
      request.log("error", error.message);
      return 502;
    },
  );
}

function passTo<C extends PassConf, D extends Destination>(
  request: Request,
  conf: C,
  protocol: Protocol<C, D>,
  to: D,
): Verdict | Promise<Verdict> {
  if (conf.cache) {
    const use = openCache(request, conf.cache, () => protocol.cacheKey(request, to));
    if (typeof use === "number") return use;
    if (use) {
      const ready = use.lookup();
      return ready
        ? ready.then(() => passCached(request, conf, protocol, to, use))
        : passCached(request, conf, protocol, to, use);
    }
  }
  return new Pass(request, conf, protocol, to, undefined, false).start();
}

function passCached<C extends PassConf, D extends Destination>(
  request: Request,
  conf: C,
  protocol: Protocol<C, D>,
  to: D,
  use: CacheUse,
): Verdict | Promise<Verdict> {
  const { stored } = use;
  if (!use.servesStored || !stored) {
    const verdict = new Pass(request, conf, protocol, to, use, false).start();
    return typeof verdict === "number" ? verdict : verdict.finally(() => use.close());
  }
  const update = use.updatesBehind;
  let verdict: Verdict | Promise<Verdict>;
  try {
    verdict = serveStored(request, conf, protocol, to, stored.take());
  } catch (error) {
    use.close();
    throw error;
  }
  if (!update) {
    use.close();
    return verdict;
  }
  // The client has its answer and goes; what the update comes to is only seen by those who ask later.
  const { cycle } = request.plan;
  cycle.hold();
  const renewal = new Pass(request, conf, protocol, to, use, true).start();
  const over = renewal
    .catch((error: unknown) => request.log("error", `background update failed: ${String(error)}`))
    .finally(() => {
      use.close();
      cycle.release();
    });
  if (request.body.exists) request.main.waitFor(over); // whose file goes with the request
  return verdict;
}

/** One request's way to an upstream: asks peers until one answers. */
class Pass<C extends PassConf, D extends Destination> {
  readonly #result = Promise.withResolvers<Verdict>();
  readonly #tries: Try[] = [];
  /** The one that is being asked, and those that were before it. */
  #peer: Peer | undefined;
  #tried: Set<Peer> | undefined;
  #body: RequestBytes;
  #startMs = 0;
  #kind = "";

  constructor(
    readonly request: Request,
    readonly conf: C,
    readonly protocol: Protocol<C, D>,
    readonly to: D,
    readonly use: CacheUse | undefined,
    /** It is asked for the cache's sake only: the client is not concerned. */
    readonly detached: boolean,
  ) {}

  start(): Promise<Verdict> {
    const { request, conf, protocol, to } = this;
    this.#kind = protocol.connectionKind(request, conf, to);
    if (!this.detached) {
      const state = request.get(upstreamState);
      if (state) state.groups.push(this.#tries);
      else request.set(upstreamState, { groups: [this.#tries], headers: [], trailers: [] });
    }
    const body = protocol.setBody(request, conf) ?? requestBytes(request, conf);
    if (body instanceof Promise) body.then((bytes) => this.#begin(bytes), this.#result.reject);
    else this.#begin(body);
    return this.#result.promise;
  }

  #begin(body: RequestBytes): void {
    this.#body = body;
    this.#startMs = Date.now();
    this.#next(502);
  }

  /** Asks the next peer. @param status what the last one came to */
  #next(status: number): void {
    const last = this.#tries.length > 0 ? this.#peer : undefined;
    if (last) (this.#tried ??= new Set()).add(last);
    const peer = this.to.group.pick(this.request, this.#tried ?? untried);
    if (peer instanceof Promise) peer.then((late) => this.#ask(late, status)).catch(this.#result.reject);
    else this.#ask(peer, status);
  }

  #ask(peer: Peer | undefined, status: number): void {
    const { request, to, protocol } = this;
    const { group } = to;
    if (!peer) {
      this.#tries.push(newTry(group.name, 502));
      request.log("error", "no live upstreams while connecting to upstream", protocol.url(to, group.name));
      return this.#giveUp("error", status);
    }
    this.#peer = peer;
    const one = newTry(peer.name, 0);
    this.#tries.push(one);
    const nowMs = Date.now();
    peer.chosen(nowMs);
    this.#attempt(peer, one, nowMs);
  }

  #attempt(peer: Peer, one: Try, startMs: number): void {
    const { pool } = this.to.group;
    const idle = pool.take(this.#key(peer));
    if (idle) return this.#send(peer, one, startMs, idle);
    this.protocol.connect(this.request, this.conf, this.to, peer).then(
      (connection) => this.#send(peer, one, startMs, connection),
      (error: UpstreamError) => {
        one.responseMs = Date.now() - startMs;
        this.#failed(peer, one, error, "connecting to upstream");
      },
    );
  }

  /** Under which the pool keeps connections that are alike. */
  #key(peer: Peer): string {
    return this.#kind === "" ? peer.name : `${this.#kind} ${peer.name}`;
  }

  #send(peer: Peer, one: Try, startMs: number, connection: UpstreamConnection): void {
    one.connectMs = Date.now() - startMs;
    const reused = connection.requests > 0;
    const mayRefuse = (status: number): boolean => this.#mayTryNext(`http_${status}` as Failure, false);
    const passage = new Passage(this, connection, this.#body, one, startMs, mayRefuse, (passed) =>
      this.#passed(peer, one, startMs, connection, reused, passed),
    );
    try {
      passage.start();
    } catch (error) {
      connection.close();
      peer.released(false);
      this.#result.reject(error);
    }
  }

  #passed(
    peer: Peer,
    one: Try,
    startMs: number,
    connection: UpstreamConnection,
    reused: boolean,
    passed: Passed,
  ): void {
    one.responseMs = Date.now() - startMs;
    one.bytesSent = connection.bytesSent;
    one.bytesReceived = connection.bytesReceived;
    if (passed.reusable) this.to.group.pool.give(this.#key(peer), connection);
    else if (!connection.tunnelling) connection.close();
    switch (passed.kind) {
      case "answered":
        peer.released(true);
        return this.#result.resolve(passed.verdict);
      case "thrown":
        peer.released(false);
        return this.#result.reject(passed.error);
      case "stored":
        peer.released(true);
        return this.#serveStored();
      case "refused":
        // What it answered is no failure to reach it, unless it says that it cannot answer.
        if (passed.status >= 500) peer.failed(Date.now());
        else peer.released(true);
        return this.#next(passed.status);
      case "failed":
        // The peer closed a kept connection just as it was taken up again: that says nothing of the peer.
        if (reused && passed.error.beforeRequest && isRepeatable(this.#body)) return this.#attempt(peer, one, startMs);
        return this.#failed(peer, one, passed.error, passed.doing);
    }
  }

  #failed(peer: Peer, one: Try, error: UpstreamError, doing: string): void {
    const { request, protocol, to } = this;
    peer.failed(Date.now());
    if (!(error instanceof UpstreamError)) return this.#result.reject(error);
    request.log("error", `${error.message} while ${doing}`, protocol.url(to, peer.name));
    if (request.headSent && !this.detached) return this.#result.resolve(ERROR);
    const isTimeout = error.kind === "timeout";
    const failure: Failure = isTimeout ? "timeout" : error.kind === "invalid" ? "invalid_header" : "error";
    const status = isTimeout ? 504 : 502;
    one.status ||= status;
    if (this.#mayTryNext(failure, error.beforeRequest)) this.#next(status);
    else this.#giveUp(failure, status);
  }

  #mayTryNext(failure: Failure, beforeRequest: boolean): boolean {
    const { request, conf, to } = this;
    const on = conf.nextUpstream;
    if (!on.includes(failure) || on.includes("off") || !isRepeatable(this.#body)) return false;
    if (request.headSent && !this.detached) return false;
    if (!beforeRequest && !idempotent.has(request.method) && !on.includes("non_idempotent")) return false;
    if (this.#tries.length >= to.group.peers.length) return false;
    if (conf.nextTries > 0 && this.#tries.length >= conf.nextTries) return false;
    return conf.nextTimeoutMs === 0 || Date.now() - this.#startMs < conf.nextTimeoutMs;
  }

  #giveUp(failure: Failure, status: number): void {
    if (this.detached) this.#result.resolve(DONE);
    else if (this.use?.mayServeStale(failure)) this.#serveStored();
    else this.#result.resolve(status);
  }

  #serveStored(): void {
    const { request, conf, protocol, to, use } = this;
    if (this.detached) return this.#result.resolve(DONE);
    try {
      this.#result.resolve(serveStored(request, conf, protocol, to, use!.stored!.take()));
    } catch (error) {
      this.#result.reject(error);
    }
  }
}

export type AnyPass = Pass<PassConf, Destination>;

function newTry(address: string, status: number): Try {
  return {
    address,
    status,
    connectMs: undefined,
    headerMs: undefined,
    responseMs: undefined,
    bytesSent: 0,
    bytesReceived: 0,
    responseLength: 0,
  };
}
