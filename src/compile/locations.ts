import { Arguments, ConfigError } from "../core/arguments.ts";
import type { Cycle } from "../core/cycle.ts";
import type { Place } from "../core/diagnostic.ts";
import type { Directive } from "../core/directive.ts";
import type { Level } from "../core/level.ts";
import type { AnyModule } from "../core/module.ts";
import { compilePattern } from "../core/pattern.ts";
import type { LocationKind, LocationPlan, LocationTree, Pattern, Step } from "../core/plan.ts";
import type { Request } from "../core/request.ts";
import { escapeUri } from "../std/uri_escape.ts";
import { report } from "./read.ts";
import { stepsOf } from "./steps.ts";

export interface LocationName {
  readonly kind: LocationKind;
  readonly name: string;
  readonly caseInsensitive: boolean;
  readonly place: Place;
}

/** `= /x`, `^~ /x`, `~ x`, `~* x`, `@x`, `/x`; the modifier may be glued to the name, as nginx allows. */
export function readLocationName(directive: Directive): LocationName {
  const [first, second] = directive.args;
  const modifiers: Record<string, Omit<LocationName, "name" | "place">> = {
    "=": { kind: "exact", caseInsensitive: false },
    "^~": { kind: "no-regex prefix", caseInsensitive: false },
    "~*": { kind: "regex", caseInsensitive: true },
    "~": { kind: "regex", caseInsensitive: false },
  };
  if (second) {
    const modifier = modifiers[first!.text];
    if (!modifier) throw new ConfigError(`invalid location modifier "${first!.text}"`, first!.place, "=, ~, ~* or ^~");
    return { ...modifier, name: second.text, place: second.place };
  }
  const { text, place } = first!;
  for (const sign of ["=", "^~", "~*", "~"]) {
    if (text.startsWith(sign) && text.length > sign.length)
      return { ...modifiers[sign]!, name: text.slice(sign.length), place };
  }
  return { kind: text.startsWith("@") ? "named" : "prefix", name: text, caseInsensitive: false, place };
}

interface Parent {
  readonly kind: LocationKind;
  readonly name: string;
}

/** Compiles the locations of a server or of another location, and what is conditional within them. */
export function compileLocations(
  levels: readonly Level[],
  parent: Parent,
  modules: readonly AnyModule[],
  cycle: Cycle,
): { tree: LocationTree; named: Map<string, LocationPlan> } {
  const exact = new Map<string, LocationPlan>();
  const named = new Map<string, LocationPlan>();
  const prefixes: LocationPlan[] = [];
  const regexes: LocationPlan[] = [];
  const declared = new Map<string, Place>();
  for (const level of levels) {
    try {
      const location = readLocationName(level.directive!);
      checkNesting(location, parent);
      checkDuplicate(location, declared, cycle);
      const plan = compileLocation(level, location, modules, cycle);
      if (location.kind === "exact") exact.set(location.name, plan);
      else if (location.kind === "named") named.set(location.name, plan);
      else if (location.kind === "regex") regexes.push(plan);
      else prefixes.push(plan);
    } catch (error) {
      report(error, cycle);
    }
  }
  for (const plan of prefixes) {
    const bare = plan.name.slice(0, -1);
    if (plan.name.length < 2 || !plan.name.endsWith("/") || declared.has(bare) || declared.has(`= ${bare}`)) continue;
    if (modules.some((module) => module.addsSlash && module.handler?.(plan.confs[module.index] as never)))
      exact.set(bare, slashRedirect(plan));
  }
  prefixes.sort((a, b) => b.name.length - a.name.length);
  return { tree: { exact, prefixes, regexes }, named };
}

/** Stands beside a prefix location `/x/` that is handled as a tree, and sends `/x` there. */
function slashRedirect(plan: LocationPlan): LocationPlan {
  const hook = (request: Request): number => {
    const path = escapeUri(plan.name);
    request.response.location = request.args === "" ? path : `${path}?${request.args}`;
    return 301;
  };
  const step: Step = { hook, conf: undefined, module: "core", nextPhase: 1 };
  const steps = [step];
  return {
    ...plan,
    kind: "exact",
    name: plan.name.slice(0, -1),
    rewrite: [],
    lateRewrite: [],
    steps,
    subrequestSteps: steps,
  };
}

function checkNesting({ kind, name, place }: LocationName, parent: Parent): void {
  if (parent.kind === "server") return;
  const inner = `location "${name}"`;
  if (parent.kind === "exact")
    throw new ConfigError(`${inner} cannot be inside the exact location "${parent.name}"`, place);
  if (parent.kind === "named")
    throw new ConfigError(`${inner} cannot be inside the named location "${parent.name}"`, place);
  if (kind === "named") throw new ConfigError(`named ${inner} can be on the server level only`, place);
  if (kind !== "regex" && parent.kind !== "regex" && !name.startsWith(parent.name))
    throw new ConfigError(`${inner} is outside location "${parent.name}"`, place, `a name that starts with it`);
}

function checkDuplicate({ kind, name, place }: LocationName, declared: Map<string, Place>, cycle: Cycle): void {
  // `/x` and `^~ /x` are the same prefix; regular expressions may repeat.
  if (kind === "regex") return;
  const key = kind === "exact" ? `= ${name}` : name;
  const before = declared.get(key);
  if (!before) {
    declared.set(key, place);
    return;
  }
  cycle.diagnostics.add({
    severity: "emerg",
    message: `duplicate location "${name}"`,
    place,
    notes: [{ message: "first declared here", place: before }],
  });
}

function compileLocation(
  level: Level,
  location: LocationName,
  modules: readonly AnyModule[],
  cycle: Cycle,
): LocationPlan {
  const pattern =
    location.kind === "regex"
      ? (level.pattern ??
        compilePattern(new Arguments(level.directive!, level, cycle), location.name, location.place, location))
      : undefined;
  return compileLevel(level, location.kind, location.name, pattern, modules, cycle);
}

/** Settles one level: its configuration, its steps, and the levels inside it. */
export function compileLevel(
  level: Level,
  kind: LocationKind,
  name: string,
  pattern: Pattern | undefined,
  modules: readonly AnyModule[],
  cycle: Cycle,
): LocationPlan {
  const confs: unknown[] = [];
  for (const module of modules) {
    try {
      confs[module.index] = level.conf(module);
    } catch (error) {
      report(error, cycle);
    }
  }
  const inner = level.children.filter((child) => child.context === "location");
  const nested = kind === "server" ? undefined : compileLocations(inner, { kind, name }, modules, cycle);
  const limitExcept = level.children.find((child) => child.context === "limit_except");
  const plan: LocationPlan = {
    kind,
    name,
    pattern,
    origin: level.directive ? `${level.directive.place.file}:${level.directive.place.line}` : "",
    confs,
    ...stepsOf(modules, confs),
    locations: nested?.tree ?? { exact: new Map(), prefixes: [], regexes: [] },
    limitExcept: limitExcept && {
      methods: allowedMethods(limitExcept.directive!),
      plan: compileLevel(limitExcept, "limit_except", name, undefined, modules, cycle),
    },
  };
  level.plan = plan;
  for (const child of level.children)
    if (child.context === "if in location") compileLevel(child, "if", name, undefined, modules, cycle);
  return plan;
}

function allowedMethods(directive: Directive): Set<string> {
  const methods = new Set(directive.args.map((word) => word.text.toUpperCase()));
  if (methods.has("GET")) methods.add("HEAD");
  return methods;
}
