import { ClientGone } from "../../core/exchange.ts";
import { DECLINED, DONE, ERROR, OK, type Verdict } from "../../core/phase.ts";
import type { Request } from "../../core/request.ts";
import { BodyTimeout, BodyTooLarge } from "../../core/request_body.ts";
import { answerWith } from "../../ngx/answer.ts";
import { describeFailure, stackOf } from "../../ngx/failure.ts";
import { host } from "../../ngx/host.ts";
import { type PhaseInfo, phaseInfo } from "../../ngx/phases.ts";
import { type Leave, ngxOf, type RequestNgx } from "../../ngx/request_ngx.ts";
import type { Handler, Script } from "../../ngx/script.ts";
import { HttpError, leaving } from "../../ngx/signals.ts";
import { type Timed, TimerWheel } from "../../std/timer_wheel.ts";
import { setContentType } from "../core/content_type.ts";
import { requestId } from "../core/variables.ts";

host.setContentType = setContentType;

type Call = (ngx: RequestNgx) => unknown;

/** Runs a script of one phase; synchronous as long as the script is. */
export function runScript(request: Request, script: Script, phase: PhaseInfo, timeoutMs: number): Verdict | Promise<Verdict> {
  return call(ngxOf(request, phase), script.handler as Call, script.label, phase, timeoutMs);
}

/** Runs a content handler. */
export function runContent(ngx: RequestNgx, handler: Handler, label: string, timeoutMs: number): Verdict | Promise<Verdict> {
  return call(ngx, handler as Call, label, phaseInfo.content, timeoutMs);
}

function call(ngx: RequestNgx, handler: Call, label: string, phase: PhaseInfo, timeoutMs: number): Verdict | Promise<Verdict> {
  let result: unknown;
  try {
    result = ngx.generation.enter(handler, ngx);
    if (!isThenable(result)) return settle(ngx, result, phase);
  } catch (error) {
    return failed(ngx, error, label, phase);
  }
  return wait(ngx, result, label, phase, timeoutMs);
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";
}

/** What becomes of the request once its handler has returned. */
function settle(ngx: RequestNgx, result: unknown, phase: PhaseInfo): Verdict | Promise<Verdict> {
  const { leave } = ngx;
  if (leave) {
    ngx.leave = undefined;
    return left(ngx, leave, phase);
  }
  if (phase === phaseInfo.content) return answerWith(ngx, result);
  if ((phase.bit & answering) === 0) return DECLINED;
  if (result instanceof Response) return answerWith(ngx, result);
  return ngx.output ? ngx.output.finish() : passed(phase);
}

const answering = phaseInfo.server_rewrite.bit | phaseInfo.rewrite.bit | phaseInfo.access.bit | phaseInfo.precontent.bit;

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
      request.log("error", `attempt to set status ${status} via ngx.exit after sending out the response status ${request.response.status}`);
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
  if (error instanceof ClientGone || error instanceof BodyTooLarge || error instanceof BodyTimeout || request.exchange.aborted)
    throw error; // the engine knows what to say of these
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

const wheel = new TimerWheel();

/** A handler that has returned a promise, and the time until which it is waited for. */
class Waiting implements Timed {
  deadlineMs: number;
  lookMs = Number.POSITIVE_INFINITY;
  readonly late = Promise.withResolvers<Verdict>();

  constructor(
    private readonly ngx: RequestNgx,
    private readonly label: string,
    private readonly timeoutMs: number,
  ) {
    this.deadlineMs = Date.now() + timeoutMs;
    wheel.watch(this);
  }

  onDeadline(): void {
    const { request } = this.ngx;
    request.log("error", `${this.label} has not answered within ${this.timeoutMs} ms, request id: ${requestId(request)}`);
    const begun = request.headSent;
    this.ngx.phase = phaseInfo.timer; // what it does from now on comes too late
    this.late.resolve(begun ? ERROR : discard(this.ngx, 504));
  }
}

function wait(
  ngx: RequestNgx,
  promise: PromiseLike<unknown>,
  label: string,
  phase: PhaseInfo,
  timeoutMs: number,
): Promise<Verdict> {
  let over = false;
  const result = Promise.resolve(promise).then(
    (value) => {
      if (over) return DONE;
      return settle(ngx, value, phase);
    },
    (error: unknown) => {
      if (!over) return failed(ngx, error, label, phase);
      if (error !== leaving) logFailure(ngx.request, error, `${label}, after its time was over,`, "error");
      return DONE;
    },
  );
  if (timeoutMs === 0) return result;
  const waiting = new Waiting(ngx, label, timeoutMs);
  return Promise.race([result, waiting.late.promise]).finally(() => {
    over = true;
    wheel.forget(waiting);
  });
}
