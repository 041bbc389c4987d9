import { choice, type Context, defineModule, time } from "../../core/module.ts";
import { DECLINED, ERROR, OK, type Verdict } from "../../core/phase.ts";
import type { Hook, Step } from "../../core/plan.ts";
import type { Request } from "../../core/request.ts";

const contexts: readonly Context[] = ["http", "server", "location"];

/**
 * How the checks of the access phase add up: the directives `satisfy` and `auth_delay`, which nginx has in its core
 * module.
 */
export const satisfy = defineModule({
  name: "satisfy",
  directives: {
    satisfy: choice({ contexts, default: "all", of: ["all", "any"] }),
    auth_delay: time({ contexts, default: 0 }),
  },
  composeAccess(conf, steps) {
    if (steps.length === 0 || (conf.satisfy === "all" && conf.auth_delay === 0)) return undefined;
    const check: Hook =
      conf.satisfy === "any" ? (request) => anyOf(request, steps, 0, 0) : (request) => allOf(request, steps, 0);
    const hook: Hook =
      conf.auth_delay === 0 ? check : (request) => delayed(request, check(request, undefined), conf.auth_delay);
    return [{ hook, conf, module: "satisfy", nextPhase: 1 }];
  },
});

/** Each check has to agree or to have no opinion. */
function allOf(request: Request, steps: readonly Step[], at: number): Verdict | Promise<Verdict> {
  for (; at < steps.length; at++) {
    const step = steps[at]!;
    const verdict = step.hook(request, step.conf);
    if (typeof verdict !== "number")
      return verdict.then((late) => (late === OK || late === DECLINED ? allOf(request, steps, at + 1) : late));
    if (verdict !== OK && verdict !== DECLINED) return verdict;
  }
  return DECLINED;
}

/** 401, and 407 to a client that takes this server for its proxy: it can do something about these. */
function mayTryAgain(status: number): boolean {
  return status === 401 || status === 407;
}

function isRefusal(status: number): boolean {
  return status === 403 || mayTryAgain(status);
}

/**
 * One check that agrees is enough; without one, the refusals decide, of which 401 and 407 weigh more than 403.
 * @param refused 401, 403 or 407 of the checks before `at`, else 0.
 */
function anyOf(request: Request, steps: readonly Step[], at: number, refused: number): Verdict | Promise<Verdict> {
  for (; at < steps.length; at++) {
    const step = steps[at]!;
    const verdict = step.hook(request, step.conf);
    if (typeof verdict !== "number") return verdict.then((late) => goOn(request, steps, at, refused, late));
    if (verdict === DECLINED) continue;
    if (!isRefusal(verdict)) return verdict === OK ? agreed(request) : verdict;
    if (!mayTryAgain(refused)) refused = verdict;
  }
  if (refused === 0) return DECLINED;
  if (refused === 403) request.log("error", "access forbidden by rule");
  return refused;
}

function goOn(
  request: Request,
  steps: readonly Step[],
  at: number,
  refused: number,
  verdict: Verdict,
): Verdict | Promise<Verdict> {
  if (verdict === DECLINED) return anyOf(request, steps, at + 1, refused);
  if (!isRefusal(verdict)) return verdict === OK ? agreed(request) : verdict;
  return anyOf(request, steps, at + 1, mayTryAgain(refused) ? refused : verdict);
}

/** What an earlier check asked of the client is of no matter any more. */
function agreed(request: Request): Verdict {
  request.response.headers.delete("WWW-Authenticate");
  request.response.headers.delete("Proxy-Authenticate");
  return DECLINED;
}

/** Lets a client whose password was wrong wait, so that guessing takes time. */
function delayed(request: Request, verdict: Verdict | Promise<Verdict>, delayMs: number): Verdict | Promise<Verdict> {
  if (typeof verdict !== "number") return verdict.then((late) => delayed(request, late, delayMs));
  if (!mayTryAgain(verdict)) return verdict;
  request.log("info", "delaying unauthorized request");
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(verdict), delayMs);
    request.exchange.onAbort(() => {
      clearTimeout(timer);
      resolve(ERROR);
    });
  });
}
