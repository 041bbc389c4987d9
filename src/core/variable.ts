import type { Place } from "./diagnostic.ts";
import type { Diagnostics } from "./diagnostic.ts";
import type { Request } from "./request.ts";

/** Reads a variable of a request; undefined is nginx's "not found", which logs print as "-". */
export type Getter = (request: Request) => string | undefined;
export type Setter = (request: Request, value: string) => void;

/** How a module declares a variable that needs more than a getter. */
export interface VariableSpec {
  readonly get: Getter;
  /** What `set $name` and `ngx.var.name = …` do; without it the variable cannot be written. */
  readonly set?: Setter;
  /** Its values never hold what a log would have to escape: digits, dates, addresses. */
  readonly plain?: boolean;
}

/** What the configuration itself declares: `set $x`, `map … $x`, a named capture. */
export interface Definition {
  /** Computes the value; a variable without it is empty until something sets it. */
  readonly get?: Getter;
  /** Compute again at each use, instead of once a request. */
  readonly volatile?: boolean;
}

/** A variable as compiled values see it: found once by name, then called. */
export class Variable {
  get: Getter = () => undefined;
  set: Setter | undefined;
  plain = false;
  defined = false;

  constructor(
    readonly name: string,
    /** Its place in `request.values`. */
    readonly index: number,
  ) {}
}

export interface VariableSource {
  readonly variables?: Readonly<Record<string, Getter | VariableSpec>> | undefined;
  readonly prefixes?: Readonly<Record<string, (rest: string) => Getter>> | undefined;
}

/** Every variable of one configuration. Names may be mentioned before they are defined, as nginx allows. */
export class VariableTable {
  readonly #byName = new Map<string, Variable>();
  readonly #mentions = new Map<Variable, Place | undefined>();

  constructor(private readonly sources: readonly VariableSource[]) {}

  /** How many value slots a request needs. */
  get size(): number {
    return this.#byName.size;
  }

  /** The variable of that name, whether or not it is defined yet; `check` complains of those that never are. */
  mention(name: string, place?: Place): Variable {
    const variable = this.#lookup(name);
    if (!variable.defined && !this.#mentions.has(variable)) this.#mentions.set(variable, place);
    return variable;
  }

  /**
   * Declares a variable of the configuration. A second definition adds to the first, as several `set` of one name do.
   */
  define(name: string, definition: Definition): Variable {
    const variable = this.#lookup(name);
    const { index } = variable;
    const compute = definition.get;
    if (compute && definition.volatile) variable.get = (request) => request.values[index] ?? compute(request);
    else if (compute) variable.get = (request) => (request.values[index] ??= compute(request));
    else if (!variable.defined) variable.get = (request) => request.values[index] ?? "";
    variable.set ??= (request, value) => {
      request.values[index] = value;
    };
    variable.defined = true;
    return variable;
  }

  /** The variable for a script that names one at run time; undefined when no configuration defines it. */
  find(name: string): Variable | undefined {
    const variable = this.#lookup(name);
    return variable.defined ? variable : undefined;
  }

  /** Names that are defined now, without the prefix families. */
  names(): string[] {
    const names = new Set<string>();
    for (const source of this.sources) for (const name in source.variables) names.add(name);
    for (const [name, variable] of this.#byName) if (variable.defined) names.add(name);
    return [...names];
  }

  check(diagnostics: Diagnostics): void {
    for (const [variable, place] of this.#mentions)
      if (!variable.defined) diagnostics.error(`unknown "${variable.name}" variable`, place);
  }

  #lookup(name: string): Variable {
    const known = this.#byName.get(name);
    if (known) return known;
    const variable = new Variable(name, this.#byName.size);
    this.#byName.set(name, variable);
    this.#bind(variable);
    return variable;
  }

  #bind(variable: Variable): void {
    const { name } = variable;
    for (const source of this.sources) {
      const spec = source.variables && Object.hasOwn(source.variables, name) ? source.variables[name] : undefined;
      if (!spec) continue;
      variable.get = typeof spec === "function" ? spec : spec.get;
      variable.set = typeof spec === "function" ? undefined : spec.set;
      variable.plain = typeof spec !== "function" && (spec.plain ?? false);
      variable.defined = true;
      return;
    }
    for (const source of this.sources)
      for (const prefix in source.prefixes) {
        if (!name.startsWith(prefix) || name.length === prefix.length) continue;
        variable.get = source.prefixes[prefix]!(name.slice(prefix.length));
        variable.defined = true;
        return;
      }
  }
}
