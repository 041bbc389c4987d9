import type { Cycle } from "./cycle.ts";
import type { Directive } from "./directive.ts";
import type { AnyModule, Context } from "./module.ts";
import type { LocationPlan, Pattern } from "./plan.ts";

/**
 * One level of the configuration: `http`, a `server`, a `location`, an `if`. It holds what was written at that level;
 * `conf` answers with what is in force there, after inheritance.
 */
export class Level {
  readonly children: Level[] = [];
  /** Of a location with a regular expression; where no directive made it, what decides in the place of one. */
  pattern: Pattern | undefined;
  /** What the level became, once compiled. */
  plan: LocationPlan | undefined;
  readonly #own = new Map<AnyModule, Map<string, unknown>>();
  readonly #confs = new Map<AnyModule, unknown>();
  /** What is in force in the levels inside that say nothing of a module: the same in all of one context. */
  readonly #inside = new Map<Context, Map<AnyModule, unknown>>();

  constructor(
    readonly context: Context,
    readonly parent: Level | undefined,
    /** The block that made it; undefined for the main level. */
    readonly directive: Directive | undefined,
    readonly cycle: Cycle,
    /** The level it is a child of, where that is not the one it inherits from. */
    home: Level | undefined = parent,
  ) {
    home?.children.push(this);
  }

  /** What was written here under a field of `module`, or undefined. */
  own(module: AnyModule, field: string): unknown {
    return this.#own.get(module)?.get(field);
  }

  write(module: AnyModule, field: string, value: unknown): void {
    let fields = this.#own.get(module);
    if (!fields) this.#own.set(module, (fields = new Map()));
    fields.set(field, value);
  }

  /** Appends to a list field, keeping the order of the configuration across directives that share it. */
  append(module: AnyModule, field: string, item: unknown): void {
    const list = this.own(module, field) as unknown[] | undefined;
    if (list) list.push(item);
    else this.write(module, field, [item]);
  }

  /** What is in force here for `module`: own values, else the outer level's, else the defaults. */
  conf(module: AnyModule): unknown {
    let conf = this.#confs.get(module) ?? this.#outerConf(module);
    if (conf !== undefined) return conf;
    conf = this.#merge(module);
    this.#confs.set(module, conf);
    module.prepare?.(conf as never, this);
    if (this.parent && !this.#own.has(module)) this.parent.#share(this.context, module, conf);
    return conf;
  }

  /** What was settled further out, or for another level inside the same one, and is no different here. */
  #outerConf(module: AnyModule): unknown {
    if (!this.parent || this.#own.has(module)) return undefined;
    const { parent } = this;
    const asInitially = !module.prepare && !parent.#isWritten(module);
    const conf = asInitially ? parent.conf(module) : parent.#inside.get(this.context)?.get(module);
    if (conf !== undefined) this.#confs.set(module, conf);
    return conf;
  }

  /** Has anything been written of it, here or further out? */
  #isWritten(module: AnyModule): boolean {
    return this.#own.has(module) || (this.parent !== undefined && this.parent.#isWritten(module));
  }

  #share(context: Context, module: AnyModule, conf: unknown): void {
    let confs = this.#inside.get(context);
    if (!confs) this.#inside.set(context, (confs = new Map()));
    confs.set(module, conf);
  }

  /** The nearest level of that context, this one included. */
  enclosing(context: Context): Level | undefined {
    return this.context === context ? this : this.parent?.enclosing(context);
  }

  #merge(module: AnyModule): Record<string, unknown> {
    const outer = this.parent?.conf(module) as Record<string, unknown> | undefined;
    const conf: Record<string, unknown> = {};
    for (const [field, rule] of module.fields) {
      const own = this.own(module, field);
      conf[field] = outer ? rule.merge(outer[field], own, this.context) : own !== undefined ? own : rule.initial;
    }
    return conf;
  }
}
