import { ClientGone } from "../../core/exchange.ts";
import { DECLINED, DONE, ERROR, OK, type Verdict } from "../../core/phase.ts";
import type { Request } from "../../core/request.ts";
import { BodyTimeout, BodyTooLarge } from "../../core/request_body.ts";
import { answerWith } from "../../ngx/answer.ts";
import { describeFailure, stackOf } from "../../ngx/failure.ts";
import { host } from "../../ngx/host.ts";
import { type PhaseInfo, phaseInfo } from "../../ngx/phases.ts";
import { existingNgx, type Leave, ngxOf, type RequestNgx } from "../../ngx/request_ngx.ts";
import type { Handler, Script } from "../../ngx/script.ts";
import { HttpError, leaving } from "../../ngx/signals.ts";
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
  return call(ngxOf(request, phase), script.handler as Call, script.label, phase, timeoutMs);
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
  label: string,
  timeoutMs: number,
): Verdict | Promise<Verdict> {
  return call(ngx, handler as Call, label, phaseInfo.content, timeoutMs);
}

function call(
  ngx: RequestNgx,
  handler: Call,
  label: string,
  phase: PhaseInfo,
  timeoutMs: number,
): Verdict | Promise<Verdict> {
  let result: unknown;
  try {
    result = ngx.generation.enter(handler, ngx);
    if (!isThenable(result)) return guarded(ngx, settle(ngx, result, phase), label, phase);
  } catch (error) {
    return failed(ngx, error, label, phase);
  }
  return wait(ngx, result, label, phase, timeoutMs);
}

/** What goes wrong while an answer is sent, as in a stream that the handler returned, is the handler's failure too. */
function guarded(
  ngx: RequestNgx,
  verdict: Verdict | Promise<Verdict>,
  label: string,
  phase: PhaseInfo,
): Verdict | Promise<Verdict> {
  if (typeof verdict === "number") return verdict;
  return verdict.catch((error: unknown) => failed(ngx, error, label, phase));
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

function failed(ngx: RequestNgx, error: unknown, label: string, phase: PhaseInfo): Verdict | Promise<Verdict> {
  if (error === leaving && ngx.leave) return settle(ngx, undefined, phase);
  // What was thrown after the handler had been left is not the client's business any more.
  if (ngx.leave) {
    logFailure(ngx.request, error, label, "error");
    return settle(ngx, undefined, phase);
  }
  const { request } = ngx;
  ngx.websocketInUse?.close(1011, "the server has failed");
  ngx.websocketInUse?.end();
  if (
    error instanceof ClientGone ||
    error instanceof BodyTooLarge ||
    error instanceof BodyTimeout ||
    request.exchange.aborted
  )
    throw error; // the engine knows what to say of these
  if (phase === phaseInfo.header_filter) ngx.filterFailed = true;
  const status = error instanceof HttpError && error.status >= 400 && error.status <= 599 ? error.status : 500;
  logFailure(request, error, label, status < 500 ? "info" : "error");
  return request.headSent ? ERROR : discard(ngx, status);
}

/** What was printed and not sent gives way to an error page. */
function discard(ngx: RequestNgx, status: number): Verdict {
  ngx.output = undefined;
  ngx.request.response.status = 0;
  return status;
}

export function logFailure(request: Request, error: unknown, label: string, level: "error" | "info"): void {
  request.log(level, `${label} failed: ${describeFailure(error)}, request id: ${requestId(request)}${stackOf(error)}`);
}

const lookMs = 250;
const waiting = new Set<Waiting>();
let looking: Timer | undefined;

/** A handler that has returned a promise, and the time until which it is waited for. */
class Waiting {
  readonly deadlineMs: number;
  /** The request has its answer, from the handler or without it. */
  over = false;

  constructor(
    private readonly ngx: RequestNgx,
    private readonly label: string,
    private readonly timeoutMs: number,
    private readonly answer: (verdict: Verdict | Promise<Verdict>) => void,
  ) {
    this.deadlineMs = timeoutMs === 0 ? Number.POSITIVE_INFINITY : Date.now() + timeoutMs;
    // Most are done before anybody looks: adding to a set and deleting costs a tenth of what a timer each would.
    waiting.add(this);
    looking ??= setInterval(lookForLate, lookMs).unref();
  }

  /** Whoever has begun to answer, or holds a WebSocket, has no time limit: `send_timeout` sees to clients. */
  get isStreaming(): boolean {
    return this.ngx.request.headSent;
  }

  end(verdict: Verdict | Promise<Verdict>): void {
    this.over = true;
    waiting.delete(this);
    this.answer(verdict);
  }

  late(): void {
    const { request } = this.ngx;
    request.log(
      "error",
      `${this.label} has not answered within ${this.timeoutMs} ms, request id: ${requestId(request)}`,
    );
    this.ngx.phase = phaseInfo.timer; // what it does from now on comes too late
    this.end(discard(this.ngx, 504));
  }
}

function lookForLate(): void {
  const nowMs = Date.now();
  for (const one of waiting) if (one.deadlineMs <= nowMs && !one.isStreaming) one.late();
  if (waiting.size > 0) return;
  clearInterval(looking);
  looking = undefined;
}

function wait(
  ngx: RequestNgx,
  promise: PromiseLike<unknown>,
  label: string,
  phase: PhaseInfo,
  timeoutMs: number,
): Promise<Verdict> {
  const { promise: answer, resolve, reject } = Promise.withResolvers<Verdict>();
  const one = new Waiting(ngx, label, timeoutMs, resolve);
  const attempt = (verdict: () => Verdict | Promise<Verdict>): void => {
    try {
      one.end(verdict());
    } catch (error) {
      waiting.delete(one);
      reject(error as Error);
    }
  };
  promise.then(
    (value) => {
      if (!one.over) attempt(() => guarded(ngx, settle(ngx, value, phase), label, phase));
    },
    (error: unknown) => {
      if (!one.over) attempt(() => failed(ngx, error, label, phase));
      else if (error !== leaving) logFailure(ngx.request, error, `${label}, after its time was over,`, "error");
    },
  );
  return answer;
}
