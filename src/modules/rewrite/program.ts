import type { Verdict } from "../../core/phase.ts";
import type { Request } from "../../core/request.ts";

/** Go on with the next operation; `leave` skips the rest, as `break` does. */
export const next = -100;
export const leave = -101;

/** One directive of the rewrite module, compiled. A verdict other than `next` and `leave` ends the phase with it. */
export type Operation = (request: Request) => Verdict;

/** Runs the operations of a level in the order of the configuration. */
export function run(request: Request, program: readonly Operation[]): Verdict {
  for (let i = 0; i < program.length; i++) {
    const verdict = program[i]!(request);
    if (verdict !== next) return verdict;
  }
  return next;
}
