import { BodyMalformed, ClientGone } from "../../core/exchange.ts";
import { DECLINED, DONE, ERROR, OK, type Verdict } from "../../core/phase.ts";
import type { Request } from "../../core/request.ts";
import { BodyTimeout, BodyTooLarge } from "../../core/request_body.ts";
import { answerWith } from "../../ngx/answer.ts";
import { calls } from "../../ngx/calls.ts";
import { describeFailure, stackOf } from "../../ngx/failure.ts";
import { host } from "../../ngx/host.ts";
import { type PhaseInfo, phaseInfo } from "../../ngx/phases.ts";
import { existingNgx, type Leave, ngxOf, type RequestNgx } from "../../ngx/request_ngx.ts";
import type { Handler, Script } from "../../ngx/script.ts";
import { HttpError, leaving } from "../../ngx/signals.ts";
import { asHost } from "../../std/host_context.ts";
import { setContentType } from "../core/content_type.ts";
import { requestId } from "../core/variables.ts";

host.setContentType = setContentType;

type Call = (ngx: RequestNgx) => unknown;

/** Runs a script of one phase; synchronous as long as the script is. */
export function runScript(
  request: Request,
  script: Script,
  phase: PhaseInfo,
  timeoutMs: number,
): Verdict | Promise<Verdict> {
  return call(ngxOf(request, phase), script.handler as Call, script, phase, timeoutMs);
}

/**
 * Runs a script of a filter, which has its turn while the handler that makes the answer is still at work: afterwards
 * `ngx` is the handler's again.
 */
export function runFilter(request: Request, script: Script, timeoutMs: number): Verdict | Promise<Verdict> {
  const before = existingNgx(request);
  // The page that tells of its failure is not to fail in the same way.
  if (before?.filterFailed) return DECLINED;
  const interrupted = before?.phase;
  const verdict = runScript(request, script, phaseInfo.header_filter, timeoutMs);
  return interrupted ? withPhaseAfter(ngxOf(request, phaseInfo.header_filter), interrupted, verdict) : verdict;
}

/** Puts `ngx` back into a phase once `value` is settled. */
export function withPhaseAfter<T>(ngx: RequestNgx, phase: PhaseInfo, value: T | Promise<T>): T | Promise<T> {
  if (!(value instanceof Promise)) {
    ngx.phase = phase;
    return value;
  }
  return value.finally(() => {
    ngx.phase = phase;
  });
}

/** Runs a content handler. */
export function runContent(
  ngx: RequestNgx,
  handler: Handler,
  script: Script,
  timeoutMs: number,
): Verdict | Promise<Verdict> {
  return call(ngx, handler as Call, script, phaseInfo.content, timeoutMs);
}

function call(
  ngx: RequestNgx,
  handler: Call,
  script: Script,
  phase: PhaseInfo,
  timeoutMs: number,
): Verdict | Promise<Verdict> {
  let result: unknown;
  calls.enter(script.where, ngx.request);
  try {
    result = ngx.generation.enter(handler, ngx);
  } catch (error) {
    return failed(ngx, error, script, phase);
  } finally {
    calls.leave();
  }
  if (isThenable(result)) return wait(ngx, result, script, phase, timeoutMs);
  let verdict: Verdict | Promise<Verdict>;
  try {
    verdict = guarded(ngx, settle(ngx, result, phase), script, phase);
  } catch (error) {
    return failed(ngx, error, script, phase);
  }
  if (typeof verdict === "number" || !ngx.pulling) return verdict;
  const pulling = new Waiting(ngx, script, phase, timeoutMs);
  pulling.conclude(() => verdict);
  return pulling.answer;
}

/** What goes wrong while an answer is sent, as in a stream that the handler returned, is the handler's failure too. */
function guarded(
  ngx: RequestNgx,
  verdict: Verdict | Promise<Verdict>,
  script: Script,
  phase: PhaseInfo,
): Verdict | Promise<Verdict> {
  if (typeof verdict === "number") return verdict;
  return verdict.catch((error: unknown) => failed(ngx, error, script, phase));
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";
}

/** What becomes of the request once its handler has returned. */
function settle(ngx: RequestNgx, result: unknown, phase: PhaseInfo): Verdict | Promise<Verdict> {
  const { leave } = ngx;
  if (ngx.websocketInUse) {
    ngx.websocketInUse.end();
    return DONE;
  }
  if (leave) {
    ngx.leave = undefined;
    return left(ngx, leave, phase);
  }
  if (phase === phaseInfo.content) return answerWith(ngx, result);
  if ((phase.bit & answering) === 0) return DECLINED;
  if (result instanceof Response) return answerWith(ngx, result);
  return ngx.output ? ngx.output.finish() : passed(phase);
}

const answering =
  phaseInfo.server_rewrite.bit | phaseInfo.rewrite.bit | phaseInfo.access.bit | phaseInfo.precontent.bit;

/** Access checks agree by OK, so that `satisfy any` can count them; elsewhere the next module has its turn. */
function passed(phase: PhaseInfo): Verdict {
  return phase === phaseInfo.access ? OK : DECLINED;
}

function left(ngx: RequestNgx, leave: Leave, phase: PhaseInfo): Verdict | Promise<Verdict> {
  const { request } = ngx;
  switch (leave.kind) {
    case "phase":
      return DECLINED;
    case "exec":
      return leave.uri.startsWith("@") ? request.redirectNamed(leave.uri) : request.redirect(leave.uri, leave.args);
    case "redirect":
      request.response.headers.set("Location", leave.uri);
      return leave.status;
    case "exit":
      return exited(ngx, leave.status, phase);
  }
}

function exited(ngx: RequestNgx, status: number, phase: PhaseInfo): Verdict | Promise<Verdict> {
  const { request, output } = ngx;
  if (status === ERROR) return ERROR;
  if (status === OK || status === DECLINED) {
    if (phase === phaseInfo.content) return answerWith(ngx, undefined);
    return output && (phase.bit & answering) !== 0 ? output.finish() : passed(phase);
  }
  if (phase === phaseInfo.header_filter) return status;
  if (output) {
    if (status >= 300 && status !== request.response.status)
      request.log(
        "error",
        `attempt to set status ${status} via ngx.exit after sending out the response status ${request.response.status}`,
      );
    return output.finish();
  }
  if (status >= 300) return status;
  request.response.status = status;
  return answerWith(ngx, undefined);
}

function failed(ngx: RequestNgx, error: unknown, script: Script, phase: PhaseInfo): Verdict | Promise<Verdict> {
  if (error === leaving && ngx.leave) return settle(ngx, undefined, phase);
  // What was thrown after the handler had been left is not the client's business any more.
  if (ngx.leave) {
    logFailure(ngx.request, error, script, "error");
    return settle(ngx, undefined, phase);
  }
  const { request } = ngx;
  ngx.websocketInUse?.close(1011, "the server has failed");
  ngx.websocketInUse?.end();
  if (
    error instanceof ClientGone ||
    error instanceof BodyTooLarge ||
    error instanceof BodyTimeout ||
    error instanceof BodyMalformed ||
    request.exchange.aborted
  )
    throw error; // the engine knows what to say of these
  if (phase === phaseInfo.header_filter) ngx.filterFailed = true;
  const status = error instanceof HttpError && error.status >= 400 && error.status <= 599 ? error.status : 500;
  logFailure(request, error, script, status < 500 ? "info" : "error");
  if (!request.headSent) return discard(ngx, status);
  return request.ended ? DONE : ERROR; // what the client has whole is not taken from it
}

/** What was printed and not sent gives way to an error page. */
function discard(ngx: RequestNgx, status: number): Verdict {
  ngx.output = undefined;
  ngx.request.response.status = 0;
  return status;
}

/**
 * Logs what a script threw, with its place: of the calls that led there, or where these are not the script's, its own.
 */
export function logFailure(
  request: Request,
  error: unknown,
  { label, where }: Pick<Script, "label" | "where">,
  level: "error" | "info",
  when = "",
): void {
  const stack = stackOf(error);
  const name = stack === "" ? where : label;
  request.log(level, `${name}${when} failed: ${describeFailure(error)}, request id: ${requestId(request)}${stack}`);
}

/** What a script answers that others wait for; one that never ended would hold the request for ever. */
export function inTime(result: Promise<unknown>, script: Script, timeoutMs: number): Promise<unknown> {
  if (timeoutMs === 0) return result;
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = asHost(() =>
    setTimeout(() => reject(new Error(`${script.label} has not ended within ${timeoutMs} ms`)), timeoutMs),
  );
  return Promise.race([result, late]).finally(() => clearTimeout(timer));
}

const lookMs = 250;
const waiting = new Set<Waiting>();
let looking: Timer | undefined;

/** A handler that has returned a promise or a stream, and the time until which it is waited for. */
class Waiting {
  readonly answer: Promise<Verdict>;
  /** The request has its answer, from the handler or without it. */
  over = false;
  readonly #resolve: (verdict: Verdict | Promise<Verdict>) => void;
  #deadlineMs: number;
  /** What the handler had done when it was last looked at. */
  #moves = 0;
  /** The handler has ended; what it answered with may go on. */
  #returned = false;
  readonly #entry: number;

  constructor(
    private readonly ngx: RequestNgx,
    private readonly script: Script,
    private readonly phase: PhaseInfo,
    private readonly timeoutMs: number,
  ) {
    ({ promise: this.answer, resolve: this.#resolve } = Promise.withResolvers<Verdict>());
    this.#deadlineMs = Date.now() + timeoutMs;
    this.#entry = calls.wait(script.where, ngx.request);
    // Most are done before anybody looks: adding to a set and deleting costs a tenth of what a timer each would.
    waiting.add(this);
    looking ??= setInterval(lookForLate, lookMs).unref();
  }

  /** The handler has ended: `make` answers. A stream that it returned is waited for as the handler was. */
  conclude(make: () => Verdict | Promise<Verdict>): void {
    let verdict: Verdict | Promise<Verdict>;
    try {
      verdict = make();
    } catch (error) {
      return this.end(Promise.reject(error as Error));
    }
    if (typeof verdict === "number" || !this.ngx.pulling) return this.end(verdict);
    this.#returned = true;
    const end = (): void => this.end(verdict);
    verdict.then(end, end);
  }

  end(verdict: Verdict | Promise<Verdict>): void {
    if (this.over) return;
    this.over = true;
    waiting.delete(this);
    calls.end(this.#entry);
    this.#resolve(verdict);
  }

  /** Has it had its time? Each piece that the client sends or is sent gives it more, and a WebSocket has no end. */
  look(nowMs: number): void {
    const { ngx } = this;
    const { exchange, main } = ngx.request;
    const moves = ngx.moves + (exchange.hasBody ? main.body.receivedBytes : 0);
    const othersTurn = ngx.sending > 0 || ngx.websocketInUse !== undefined || (this.#returned && !ngx.pulling);
    if (othersTurn || moves !== this.#moves) {
      this.#moves = moves;
      this.#deadlineMs = nowMs + this.timeoutMs;
    } else if (nowMs >= this.#deadlineMs && this.timeoutMs > 0) this.#late();
  }

  #late(): void {
    const { ngx, script, phase, timeoutMs } = this;
    const { request } = ngx;
    const what = !request.headSent ? "answered within" : request.ended ? "ended within" : "sent anything for";
    request.log("error", `${script.where} has not ${what} ${timeoutMs} ms, request id: ${requestId(request)}`);
    ngx.giveUp();
    // The page that says so is not to wait for the same filter.
    if (phase === phaseInfo.header_filter) ngx.filterFailed = true;
    if (!request.headSent) this.end(discard(ngx, 504));
    // Half an answer must not be taken for a whole one; a whole one is none the worse for a handler that goes on.
    else this.end(request.ended ? DONE : ERROR);
  }
}

function lookForLate(): void {
  const nowMs = Date.now();
  for (const one of waiting) one.look(nowMs);
  if (waiting.size > 0) return;
  clearInterval(looking);
  looking = undefined;
}

function wait(
  ngx: RequestNgx,
  promise: PromiseLike<unknown>,
  script: Script,
  phase: PhaseInfo,
  timeoutMs: number,
): Promise<Verdict> {
  const one = new Waiting(ngx, script, phase, timeoutMs);
  promise.then(
    (value) => {
      if (!one.over) one.conclude(() => attempt(ngx, value, script, phase));
    },
    (error: unknown) => {
      if (!one.over) one.conclude(() => failed(ngx, error, script, phase));
      else if (error !== leaving) logFailure(ngx.request, error, script, "error", ", after its time was over,");
    },
  );
  return one.answer;
}

function attempt(ngx: RequestNgx, value: unknown, script: Script, phase: PhaseInfo): Verdict | Promise<Verdict> {
  return guarded(ngx, settle(ngx, value, phase), script, phase);
}
