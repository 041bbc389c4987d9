import type { Arguments } from "./arguments.ts";
import type { Cycle } from "./cycle.ts";
import type { Level } from "./level.ts";
import type { Phase } from "./phase.ts";
import type { Hook, Step } from "./plan.ts";
import type { Request } from "./request.ts";
import type { Getter, VariableSpec } from "./variable.ts";

/** Where a directive may stand, as nginx's reference names the contexts. */
export type Context =
  "main" | "events" | "http" | "server" | "location" | "if in server" | "if in location" | "limit_except" | "upstream";

/** How a value of an outer level reaches an inner one. */
export type MergeRule =
  /** The inner value if there is one, else the outer one. For lists: nothing of the outer list is kept. */
  | "inherit"
  /** Stays where it was written. */
  | "none"
  /** Only into `if` and `limit_except`, which are the same location seen under a condition. */
  | "conditional";

export interface Field<T> {
  readonly initial: T;
  /** Of nothing written at any level, `initial` comes. */
  merge(outer: T, own: T | undefined, context: Context): T;
}

/** One directive: where it may stand, what it takes, what it means. */
export interface DirectiveSpec<T> extends Field<T> {
  readonly contexts: readonly Context[];
  /** How many arguments it takes. */
  readonly args: number | readonly [min: number, max: number];
  /** For messages and the reference page: what follows the name. */
  readonly syntax: string;
  /** May stand several times in one level; each reading is appended. */
  readonly repeated: boolean;
  /** What stands between its braces: directives of `opens`, free entries read by `read`, or a script. */
  readonly body: "none" | "directives" | "entries" | "script";
  readonly opens?: Context | ((context: Context) => Context);
  /** The field it writes, when not one of its own name; several directives may share one. */
  readonly field?: string;
  /** Turns the words into the value (for a repeated one, an item); undefined writes nothing. Throws ConfigError. */
  readonly read: (args: Arguments) => unknown;
}

export type Directives = Readonly<Record<string, DirectiveSpec<unknown>>>;
export type Fields = Readonly<Record<string, Field<unknown>>>;

type ValueOf<S> = S extends Field<infer T> ? T : never;
/** What a module's hooks get: a value for each of its directives and fields. */
export type ConfOf<D, F> = { [K in keyof D]: ValueOf<D[K]> } & { [K in keyof F]: ValueOf<F[K]> };

export type Hooks<Conf> = { readonly [P in Phase]?: Hook<Conf> };

export interface ModuleSpec<D extends Directives, F extends Fields> {
  readonly name: string;
  readonly directives?: D;
  /** Values that directives of another name write, or that `prepare` computes. */
  readonly fields?: F;
  readonly variables?: Readonly<Record<string, Getter | VariableSpec>>;
  /** Families of variables by their prefix: `http_` gets "user_agent" and answers how to read it. */
  readonly prefixes?: Readonly<Record<string, (rest: string) => Getter>>;
  readonly hooks?: Hooks<ConfOf<D, F>>;
  /** Is there anything to do under this configuration? Where not, the phase's hook costs nothing. Default: always. */
  readonly enabled?: (conf: ConfOf<D, F>, phase: Phase) => boolean;
  /** The content handler that this configuration gives its location, if any; at most one module may. */
  readonly handler?: (conf: ConfOf<D, F>) => Hook<ConfOf<D, F>> | undefined;
  /** A handler that stands for a tree: a request for `/x` is redirected to its location `/x/`. */
  readonly addsSlash?: boolean;
  /** Rules over the access phase's steps; undefined leaves them as they are, each one having to agree. */
  readonly composeAccess?: (conf: ConfOf<D, F>, steps: Step[]) => Step[] | undefined;
  /** Computes what can be settled once a level's values are merged. May write its own fields. */
  readonly prepare?: (conf: ConfOf<D, F>, level: Level) => void;
  /** Runs when everything is read: the place for checks across levels, and for `cycle.atStart`. */
  readonly finish?: (cycle: Cycle, main: Level) => void;
}

export interface Module<D extends Directives = Directives, F extends Fields = Fields> {
  readonly name: string;
  readonly index: number;
  readonly directives: Readonly<Record<string, DirectiveSpec<unknown>>>;
  readonly fields: ReadonlyMap<string, Field<unknown>>;
  readonly variables?: Readonly<Record<string, Getter | VariableSpec>> | undefined;
  readonly prefixes?: Readonly<Record<string, (rest: string) => Getter>> | undefined;
  readonly hooks: Hooks<never>;
  readonly enabled?: ((conf: never, phase: Phase) => boolean) | undefined;
  readonly handler?: ((conf: never) => Hook<never> | undefined) | undefined;
  readonly addsSlash: boolean;
  readonly composeAccess?: ((conf: never, steps: Step[]) => Step[] | undefined) | undefined;
  readonly prepare?: ((conf: never, level: Level) => void) | undefined;
  readonly finish?: ((cycle: Cycle, main: Level) => void) | undefined;
  /** What is in force for a request, in the location it has reached. */
  of(request: Request): ConfOf<D, F>;
  /** What is in force at a level of the configuration. */
  at(level: Level): ConfOf<D, F>;
}

export type AnyModule = Module<any, any>;

let modulesDefined = 0;

/** Declares a module: its directives, variables and hooks, once, in its own folder. */
export function defineModule<D extends Directives = {}, F extends Fields = {}>(spec: ModuleSpec<D, F>): Module<D, F> {
  const index = modulesDefined++;
  const fields = new Map<string, Field<unknown>>();
  for (const [name, directive] of Object.entries(spec.directives ?? {}))
    if (!directive.field) fields.set(name, directive);
  for (const [name, field] of Object.entries(spec.fields ?? {})) fields.set(name, field);
  const module: Module<D, F> = {
    name: spec.name,
    index,
    directives: spec.directives ?? {},
    fields,
    variables: spec.variables,
    prefixes: spec.prefixes,
    hooks: (spec.hooks ?? {}) as Hooks<never>,
    enabled: spec.enabled,
    handler: spec.handler as Module["handler"],
    addsSlash: spec.addsSlash ?? false,
    composeAccess: spec.composeAccess,
    prepare: spec.prepare,
    finish: spec.finish,
    of: (request) => request.location.confs[index] as ConfOf<D, F>,
    at: (level) => level.conf(module) as ConfOf<D, F>,
  };
  return module;
}

function mergeBy<T>(rule: MergeRule, initial: T): Field<T>["merge"] {
  if (rule === "inherit") return (outer, own) => own ?? outer;
  if (rule === "none") return (_outer, own) => own ?? initial;
  return (outer, own, context) => own ?? (context === "if in location" || context === "limit_except" ? outer : initial);
}

interface Common<T> {
  readonly contexts: readonly Context[];
  readonly default: T;
  readonly merge?: MergeRule;
  readonly syntax?: string;
}

/** A value that no directive of its name writes. */
export function field<T>(initial: T, merge: MergeRule = "inherit"): Field<T> {
  return { initial, merge: mergeBy(merge, initial) };
}

export interface ValueOptions<T> extends Common<T> {
  readonly args?: number | readonly [min: number, max: number];
  readonly read: (args: Arguments) => NoInfer<T>;
}

/** A directive that may stand once in a level. */
export function value<T>(options: ValueOptions<T>): DirectiveSpec<T> {
  return {
    contexts: options.contexts,
    args: options.args ?? 1,
    syntax: options.syntax ?? "value",
    repeated: false,
    body: "none",
    initial: options.default,
    merge: mergeBy(options.merge ?? "inherit", options.default),
    read: options.read,
  };
}

/** `on` or `off`. */
export function flag(options: Common<boolean>): DirectiveSpec<boolean> {
  return value({ syntax: "on | off", ...options, read: (args) => args.flag(0) });
}

/** A directive without arguments that gives its location a handler, or another property of its own. */
export function mark(contexts: readonly Context[]): DirectiveSpec<boolean> {
  return value({ contexts, default: false, args: 0, syntax: "", merge: "conditional", read: () => true });
}

export function number(
  options: Common<number> & { readonly min?: number; readonly max?: number },
): DirectiveSpec<number> {
  return value({ syntax: "number", ...options, read: (args) => args.integer(0, options) });
}

/** Bytes, with `k` or `m`. */
export function size(options: Common<number>): DirectiveSpec<number> {
  return value({ syntax: "size", ...options, read: (args) => args.size(0) });
}

/** Milliseconds of a time with units; a number alone is seconds. */
export function time(options: Common<number>): DirectiveSpec<number> {
  return value({ syntax: "time", ...options, read: (args) => args.timeMs(0) });
}

export function text(options: Common<string>): DirectiveSpec<string> {
  return value({ syntax: "string", ...options, read: (args) => args.text(0) });
}

export function choice<const T extends string>(options: Common<T> & { readonly of: readonly T[] }): DirectiveSpec<T> {
  return value<T>({ syntax: options.of.join(" | "), ...options, read: (args) => args.choice(0, options.of) });
}

export interface ListOptions<Item> {
  readonly contexts: readonly Context[];
  readonly merge?: MergeRule;
  readonly syntax?: string;
  readonly args?: number | readonly [min: number, max: number];
  /** The field to append to, where several directives share one. */
  readonly into?: string;
  readonly read: (args: Arguments) => Item;
}

/** A directive that may stand several times; a level with its own inherits none from above. */
export function list<Item>(options: ListOptions<Item>): DirectiveSpec<readonly Item[]> {
  return {
    contexts: options.contexts,
    args: options.args ?? 1,
    syntax: options.syntax ?? "value",
    repeated: true,
    body: "none",
    initial: [],
    merge: mergeBy(options.merge ?? "inherit", []),
    ...(options.into ? { field: options.into } : {}),
    read: options.read,
  };
}

export interface BlockOptions {
  readonly contexts: readonly Context[];
  readonly args?: number | readonly [min: number, max: number];
  readonly syntax?: string;
  /** The context of the directives inside. */
  readonly opens: Context | ((context: Context) => Context);
  /** May it stand once only? */
  readonly once?: boolean;
  /** Called when the block's directives have been read; `args.opened` is their level. */
  readonly read?: (args: Arguments) => void;
}

/** A directive with directives in braces, which make a level of their own. */
export function block(options: BlockOptions): DirectiveSpec<undefined> {
  return {
    contexts: options.contexts,
    args: options.args ?? 0,
    syntax: options.syntax ?? "{ ... }",
    repeated: !options.once,
    body: "directives",
    opens: options.opens,
    initial: undefined,
    merge: () => undefined,
    read: options.read ?? (() => undefined),
  };
}

export interface EntriesOptions<T> extends Omit<Common<T>, "default"> {
  readonly default: T;
  readonly args?: number | readonly [min: number, max: number];
  readonly repeated?: boolean;
  /** `args.directive.block` holds the entries, as words not yet understood. */
  readonly read: (args: Arguments) => unknown;
}

/** A directive whose braces hold entries of its own making: `map`, `geo`, `types`. */
export function entries<T>(options: EntriesOptions<T>): DirectiveSpec<T> {
  return {
    contexts: options.contexts,
    args: options.args ?? 0,
    syntax: options.syntax ?? "{ ... }",
    repeated: options.repeated ?? false,
    body: "entries",
    initial: options.default,
    merge: mergeBy(options.merge ?? "inherit", options.default),
    read: options.read,
  };
}

/** A directive that is accepted so that configurations load, and has nothing to set in resty; said once as a notice. */
export function accepted(options: {
  readonly contexts: readonly Context[];
  readonly why: string;
  readonly args?: number | readonly [min: number, max: number];
}): DirectiveSpec<undefined> {
  return {
    contexts: options.contexts,
    args: options.args ?? 1,
    syntax: "value",
    repeated: true,
    body: "none",
    initial: undefined,
    merge: () => undefined,
    read: (args) => {
      args.cycle.diagnostics.notice(`"${args.name}" has no effect in resty: ${options.why}`, args.place);
    },
  };
}
