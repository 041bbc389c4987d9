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
  for (const module of withHook(modules, phase)) {
    const conf = confs[module.index];
    if (module.enabled && !module.enabled(conf as never, phase)) continue;
    steps.push({ hook: module.hooks[phase] as Hook, conf, module: module.name, nextPhase: steps.length + 1 });
  }
  return steps;
}

const hooked = new WeakMap<readonly AnyModule[], Map<Phase, readonly AnyModule[]>>();

/** The few modules that have a hook in the phase: every location asks for each of them. */
function withHook(modules: readonly AnyModule[], phase: Phase): readonly AnyModule[] {
  let phases = hooked.get(modules);
  if (!phases) hooked.set(modules, (phases = new Map()));
  let found = phases.get(phase);
  if (!found) phases.set(phase, (found = modules.filter(({ hooks }) => hooks[phase])));
  return found;
}

/** A location's own handler answers alone; without one the modules that serve files are asked in turn. */
function contentSteps(modules: readonly AnyModule[], confs: readonly unknown[]): Step[] {
  for (const module of modules) {
    const conf = confs[module.index];
    const hook = module.handler?.(conf as never) as Hook | undefined;
    if (hook) return [{ hook, conf, module: module.name, nextPhase: 1 }];
  }
  return phaseSteps(modules, confs, "content");
}

/** A module may rule over the steps of the access phase, as `satisfy any` does. */
function composed(modules: readonly AnyModule[], confs: readonly unknown[], steps: Step[]): Step[] {
  for (const module of modules) {
    const compose = module.composeAccess?.(confs[module.index] as never, steps);
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
