import type { AnyModule } from "../core/module.ts";
import type { Phase } from "../core/phase.ts";
import type { Hook, LocationPlan, Step } from "../core/plan.ts";

type Steps = Pick<LocationPlan, "rewrite" | "lateRewrite" | "steps" | "subrequestSteps" | "headerFilters" | "log">;

/** The hooks that have something to do under `confs`, phase by phase, in the modules' order. */
export function stepsOf(modules: readonly AnyModule[], confs: readonly unknown[]): Steps {
  const access = composed(modules, confs, phaseSteps(modules, confs, "access"));
  const content = contentSteps(modules, confs);
  return {
    rewrite: phaseSteps(modules, confs, "rewrite"),
    lateRewrite: phaseSteps(modules, confs, "late_rewrite"),
    steps: flatten(modules, confs, access, content),
    subrequestSteps: flatten(modules, confs, [], content),
    headerFilters: phaseSteps(modules, confs, "header_filter"),
    log: phaseSteps(modules, confs, "log"),
  };
}

export function phaseSteps(modules: readonly AnyModule[], confs: readonly unknown[], phase: Phase): Step[] {
  const steps: Step[] = [];
  for (const module of having(modules, phase)) {
    const conf = confs[module.index];
    if (module.enabled && !module.enabled(conf as never, phase)) continue;
    steps.push({ hook: module.hooks[phase] as Hook, conf, module: module.name, nextPhase: steps.length + 1 });
  }
  return steps;
}

type Part = Phase | "handler" | "composeAccess";

const found = new WeakMap<readonly AnyModule[], Map<Part, readonly AnyModule[]>>();

/** The few modules that have something for a part of the steps: every location asks for each of them. */
function having(modules: readonly AnyModule[], part: Part): readonly AnyModule[] {
  let parts = found.get(modules);
  if (!parts) found.set(modules, (parts = new Map()));
  let few = parts.get(part);
  if (!few) {
    const has = ({ hooks, handler, composeAccess }: AnyModule): unknown =>
      part === "handler" ? handler : part === "composeAccess" ? composeAccess : hooks[part];
    parts.set(part, (few = modules.filter(has)));
  }
  return few;
}

/** A location's own handler answers alone; without one the modules that serve files are asked in turn. */
function contentSteps(modules: readonly AnyModule[], confs: readonly unknown[]): Step[] {
  for (const module of having(modules, "handler")) {
    const conf = confs[module.index];
    const hook = module.handler!(conf as never) as Hook | undefined;
    if (hook) return [{ hook, conf, module: module.name, nextPhase: 1 }];
  }
  return phaseSteps(modules, confs, "content");
}

/** A module may rule over the steps of the access phase, as `satisfy any` does. */
function composed(modules: readonly AnyModule[], confs: readonly unknown[], steps: Step[]): Step[] {
  for (const module of having(modules, "composeAccess")) {
    const compose = module.composeAccess!(confs[module.index] as never, steps);
    if (compose) return compose;
  }
  return steps;
}

/** One array; in preaccess and precontent OK ends the phase, in access each check has to agree. */
function flatten(
  modules: readonly AnyModule[],
  confs: readonly unknown[],
  access: readonly Step[],
  content: readonly Step[],
): Step[] {
  const all: Step[] = [];
  const append = (steps: readonly Step[], each: boolean): void => {
    const end = all.length + steps.length;
    for (const step of steps) all.push({ ...step, nextPhase: each ? all.length + 1 : end });
  };
  append(phaseSteps(modules, confs, "preaccess"), false);
  append(access, true);
  append(phaseSteps(modules, confs, "precontent"), false);
  append(content, false);
  return all;
}
