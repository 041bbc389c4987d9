import type { Body } from "../core/body.ts";
import { counter, counters } from "../core/counters.ts";
import type { Engine, SubrequestAnswer, SubrequestOptions } from "../core/engine.ts";
import { BodyMalformed, type Chunk, ClientGone, type Exchange, type RequestProblem } from "../core/exchange.ts";
import type { LogLevel } from "../core/log.ts";
import { DECLINED, DONE, ERROR, OK, type Verdict } from "../core/phase.ts";
import type { ListenerPlan, Plan, Step } from "../core/plan.ts";
import { Request } from "../core/request.ts";
import { BodyTimeout, BodyTooLarge } from "../core/request_body.ts";
import { core } from "../modules/core/core.ts";
import { accessLogFiles } from "../modules/log/log.ts";
import { filePath } from "../modules/core/path.ts";
import { answerStatus, clientClosedRequest, drop } from "./error_page.ts";
import type { ErrorLogs } from "./error_log.ts";
import { checkHead, isLineTooLong } from "./head_check.ts";
import { locate } from "./locate.ts";
import { respond, sendHead } from "./send.ts";
import { runSubrequest } from "./subrequest.ts";
import { parseHost, parseConnectTarget, parseTarget, type Target } from "./target.ts";
import { walk } from "./walk.ts";

/** The stages of a run; `find` chooses the location, to which a rewritten URI comes back. */
const enum Stage {
  serverRewrite,
  find,
  rewrite,
  lateRewrite,
  steps,
}

const invalidHost: RequestProblem = { status: 400, message: "client sent invalid host header" };
const noHost: RequestProblem = { status: 400, message: 'client sent HTTP/1.1 request without "Host" header' };

/** Takes requests through a Plan, one after the other or thousands at a time. */
export class HttpEngine implements Engine {
  /** Requests that are not finished. */
  active = 0;

  constructor(readonly logs: ErrorLogs) {}

  /** A new request from a client: answers it, logs it, never throws. */
  handle(exchange: Exchange, plan: Plan, listener: ListenerPlan): void {
    const { own } = counters;
    own[counter.requests]!++;
    own[counter.writing]!++;
    this.active++;
    plan.cycle.hold();
    const request = new Request(this, plan, listener, exchange, undefined, Date.now());
    let verdict: Verdict | Promise<Verdict>;
    try {
      verdict = this.#begin(request);
    } catch (error) {
      verdict = this.failed(request, error);
    }
    this.#conclude(request, verdict);
  }

  #conclude(request: Request, verdict: Verdict | Promise<Verdict>): void {
    if (typeof verdict !== "number") {
      verdict.then(
        (late) => this.#conclude(request, late),
        (error) => this.#conclude(request, this.failedOnce(request, error)),
      );
      return;
    }
    if (verdict === DONE || verdict === OK) return this.#finish(request);
    if (verdict === ERROR) {
      drop(request);
      return this.#finish(request);
    }
    let answer: Verdict | Promise<Verdict>;
    try {
      answer = answerStatus(request, verdict === DECLINED ? 404 : verdict);
    } catch (error) {
      answer = this.failedOnce(request, error);
    }
    this.#conclude(request, answer);
  }

  /** A second failure while answering the first one ends the connection instead of going round. */
  failedOnce(request: Request, error: unknown): Verdict {
    return request.response.status === 500 || request.headSent
      ? (this.failed(request, error), ERROR)
      : this.failed(request, error);
  }

  /** Logs what a hook threw and says what to answer. */
  failed(request: Request, error: unknown): Verdict {
    if (error instanceof ClientGone || request.exchange.aborted) {
      request.log("info", "client prematurely closed connection");
      return request.headSent ? ERROR : clientClosedRequest;
    }
    if (error instanceof BodyTooLarge) {
      request.log("error", `client intended to send too large body: ${request.body.receivedBytes} bytes`);
      return 413;
    }
    if (error instanceof BodyMalformed) {
      request.log("error", error.message);
      request.keepalive = false;
      return 400;
    }
    if (error instanceof BodyTimeout) {
      request.log("info", "client timed out while reading the request body");
      return 408;
    }
    request.log("error", error instanceof Error ? (error.stack ?? error.message) : `thrown: ${Bun.inspect(error)}`);
    return 500;
  }

  #begin(request: Request): Verdict | Promise<Verdict> {
    const target =
      request.method === "CONNECT"
        ? parseConnectTarget(request.target)
        : parseTarget(request.target, core.of(request).merge_slashes);
    const hostHeader = target?.authority ?? request.header("host");
    const host = hostHeader === undefined ? "" : hostHeader === "" ? undefined : parseHost(hostHeader);
    if (host !== undefined) {
      request.host = host;
      request.server = request.listener.find(host, request);
      request.location = request.server.base;
    }
    const refusal = this.#refusal(request, target, host);
    if (refusal !== OK) {
      request.keepalive = false; // nginx, too, trusts the rest of such a connection no more
      return refusal;
    }
    request.uri = target!.uri;
    request.args = target!.args;
    request.hasArgs = target!.hasArgs;
    const { postRead } = request.server;
    if (postRead.length === 0) return this.run(request, Stage.serverRewrite);
    const verdict = walk(request, postRead);
    if (typeof verdict !== "number") return verdict.then((late) => this.#afterPostRead(request, late));
    return this.#afterPostRead(request, verdict);
  }

  /** What is wrong with the head itself: a status, or OK. */
  #refusal(request: Request, target: Target | undefined, host: string | undefined): Verdict {
    const broken = request.exchange.problem;
    if (broken) {
      request.log("info", broken.message);
      return broken.status;
    }
    if (isLineTooLong(request)) {
      request.log("info", "client sent too long URI while reading client request line");
      return 414;
    }
    if (!target) {
      request.log("info", "client sent invalid request while reading client request line");
      return 400;
    }
    const problem = checkHead(request) ?? (host ? undefined : hostProblem(request, host));
    if (problem) {
      request.log("info", `${problem.message} while reading client request headers`);
      return problem.status;
    }
    if (request.method !== "TRACE" && request.method !== "CONNECT") return OK;
    request.log("info", `client sent ${request.method} method while reading client request headers`);
    return 405;
  }

  #afterPostRead(request: Request, verdict: Verdict): Verdict | Promise<Verdict> {
    return verdict === DECLINED ? this.run(request, Stage.serverRewrite) : verdict;
  }

  /** Runs a subrequest, whose server is known, from its first phase. */
  start(request: Request): Verdict | Promise<Verdict> {
    return this.run(request, Stage.serverRewrite);
  }

  /** Goes on from `stage` to the end of the content phase. */
  run(request: Request, stage: Stage): Verdict | Promise<Verdict> {
    while (stage <= Stage.steps) {
      if (stage === Stage.find) {
        const refusal = this.#find(request);
        if (refusal !== OK) return refusal;
        stage++;
        continue;
      }
      const steps = stepsAt(request, stage);
      if (steps.length > 0) {
        const verdict = walk(request, steps);
        if (typeof verdict !== "number") {
          const at = stage;
          return verdict.then((late) => (late === DECLINED ? this.run(request, next(request, at)) : late));
        }
        if (verdict !== DECLINED) return verdict;
      }
      stage = next(request, stage);
    }
    return this.#nothingFound(request);
  }

  /** Chooses the location for the URI as it is now and applies what it says of the request itself. */
  #find(request: Request): Verdict {
    if (request.uriChanged) {
      request.uriChanged = false;
      if (--request.uriChangesLeft <= 0) {
        request.log("error", `rewrite or internal redirection cycle while processing "${request.uri}"`);
        return 500;
      }
    }
    request.location = locate(request.server.locations, request.uri, request) ?? request.server.base;
    return this.enter(request);
  }

  /** What a location says of every request that reaches it, before its own phases. */
  enter(request: Request): Verdict {
    const { limitExcept } = request.location;
    if (limitExcept && !limitExcept.methods.has(request.method)) request.location = limitExcept.plan;
    const conf = core.of(request);
    if (conf.internal && !request.internal) return 404;
    if (request.parent) return OK;
    if (!request.exchange.hasBody) return OK;
    const { body } = request;
    if (body.state !== "unread") return OK;
    body.rules = conf.bodyRules;
    const { limitBytes } = body.rules;
    const length = Number(request.header("content-length") ?? 0);
    if (limitBytes > 0 && length > limitBytes && request.errorStatus === 0) {
      request.log("error", `client intended to send too large body: ${length} bytes`);
      return 413;
    }
    return OK;
  }

  #nothingFound(request: Request): Verdict {
    if (request.uri.endsWith("/")) {
      request.log("error", `directory index of "${filePath(request)}" is forbidden`);
      return 403;
    }
    return 404;
  }

  redirect(request: Request, uri: string, args: string | undefined): Verdict | Promise<Verdict> {
    request.uri = uri;
    request.args = args ?? "";
    request.hasArgs = args !== undefined;
    if (!this.#mayStartOver(request)) return 500;
    return this.run(request, Stage.serverRewrite);
  }

  redirectNamed(request: Request, name: string): Verdict | Promise<Verdict> {
    const location = request.server.named.get(name);
    if (!location) {
      request.log("error", `could not find named location "${name}"`);
      return 500;
    }
    if (!this.#mayStartOver(request)) return 500;
    request.location = location;
    const refusal = this.enter(request);
    return refusal === OK ? this.run(request, Stage.rewrite) : refusal;
  }

  #mayStartOver(request: Request): boolean {
    if (--request.uriChangesLeft < 0) {
      request.log("error", `rewrite or internal redirection cycle while internally redirecting to "${request.uri}"`);
      return false;
    }
    request.internal = true;
    request.uriChanged = false;
    request.filters = undefined;
    request.clearUriState();
    return true;
  }

  respond(request: Request, body: Body | undefined): Verdict | Promise<Verdict> {
    return respond(request, body);
  }

  sendHead(request: Request): Verdict | Promise<Verdict> {
    return sendHead(request);
  }

  send(request: Request, chunk: Chunk, last: boolean): void | Promise<void> {
    return request.sink!(chunk, last);
  }

  subrequest(parent: Request, options: SubrequestOptions): Promise<SubrequestAnswer> {
    return runSubrequest(this, parent, options);
  }

  hasErrorPage(request: Request, status: number): boolean {
    return core.of(request).errorPages.has(status);
  }

  log(request: Request, level: LogLevel, message: string, upstream?: string): void {
    this.logs.writeFor(request, level, message, upstream);
  }

  #finish(request: Request): void {
    const { pending } = request;
    if (pending) {
      request.pending = undefined;
      void Promise.all(pending).then(() => this.#finish(request));
      return;
    }
    const verdict = this.#log(request);
    if (verdict) void verdict.finally(() => this.#end(request));
    else this.#end(request);
  }

  /** The request is logged: lets go of what it held. */
  #end(request: Request): void {
    const { exchange } = request;
    counters.own[counter.writing]!--;
    this.active--;
    request.releaseBody();
    request.end();
    request.plan.cycle.release();
    // Who waits for the connection to close finds the request in the log: a line of its own costs little beside that.
    if (!request.keepalive) {
      accessLogFiles.flush();
      this.logs.flush();
    }
    if (request.endPending) exchange.end(request.response.trailers?.length ? request.response.trailers : undefined);
    exchange.finished(request.keepalive);
  }

  #log(request: Request): Promise<unknown> | undefined {
    if (request.response.status === 0 && request.exchange.aborted) request.response.status = clientClosedRequest;
    try {
      const verdict = walk(request, request.location.log);
      if (typeof verdict === "number") return undefined;
      return verdict.catch((error: unknown) => this.failed(request, error));
    } catch (error) {
      this.failed(request, error);
      return undefined;
    }
  }
}

/** What is wrong with a host that is not there ("") or none (undefined). */
function hostProblem({ exchange, headers }: Request, host: string | undefined): RequestProblem | undefined {
  if (host === undefined) return invalidHost;
  return exchange.httpVersion === 11 && headers.get("host") === undefined ? noHost : undefined;
}

function stepsAt(request: Request, stage: Stage): readonly Step[] {
  const { location } = request;
  if (stage === Stage.steps) return request.parent ? location.subrequestSteps : location.steps;
  if (stage === Stage.rewrite) return location.rewrite;
  if (stage === Stage.lateRewrite) return location.lateRewrite;
  return request.server.serverRewrite;
}

function next(request: Request, stage: Stage): Stage {
  return request.uriChanged && stage !== Stage.serverRewrite ? Stage.find : stage + 1;
}
