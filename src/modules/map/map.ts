import type { Arguments } from "../../core/arguments.ts";
import { ConfigError } from "../../core/arguments.ts";
import { type ComplexValue, constantValue } from "../../core/complex.ts";
import type { Directive } from "../../core/directive.ts";
import { accepted, defineModule, entries } from "../../core/module.ts";
import { compilePattern } from "../../core/pattern.ts";
import type { Pattern } from "../../core/plan.ts";
import type { Request } from "../../core/request.ts";
import { WildcardMap } from "../../std/wildcard.ts";

const why = "tables grow as needed";

/** nginx's ngx_http_map_module. */
export const map = defineModule({
  name: "map",
  directives: {
    map: {
      ...entries<undefined>({ contexts: ["http"], args: 2, repeated: true, default: undefined, read: readMap }),
      syntax: "string $variable { ... }",
    },
    map_hash_max_size: accepted({ contexts: ["http"], why }),
    map_hash_bucket_size: accepted({ contexts: ["http"], why }),
  },
});

/** What one `map` block says, while it is read and while it answers. */
class MapTable {
  hostnames = false;
  volatile = false;
  default: ComplexValue | undefined;
  /** Without `hostnames`: by the key in lower case. */
  readonly #exact = new Map<string, ComplexValue>();
  readonly #names = new WildcardMap<ComplexValue>();
  readonly #patterns: { readonly pattern: Pattern; readonly value: ComplexValue }[] = [];

  /** @returns false for a key that is there already. @throws RangeError for a wildcard that no host name has. */
  add(key: string, value: ComplexValue): boolean {
    const lower = key.toLowerCase();
    if (this.hostnames) return this.#names.add(lower, value);
    if (this.#exact.has(lower)) return false;
    this.#exact.set(lower, value);
    return true;
  }

  addPattern(pattern: Pattern, value: ComplexValue): void {
    this.#patterns.push({ pattern, value });
  }

  /** The value of the exact key, else of a wildcard, of the first regular expression that matches, or the default. */
  value(request: Request, source: string): string {
    const subject = this.hostnames && source.endsWith(".") ? source.slice(0, -1) : source;
    const found = this.#literal(subject) ?? this.#matching(request, subject) ?? this.default;
    return found === undefined ? "" : (found.constant ?? found.evaluate(request));
  }

  #literal(subject: string): ComplexValue | undefined {
    if (this.#exact.size > 0) {
      const found = this.#exact.get(subject) ?? this.#exact.get(subject.toLowerCase());
      if (found) return found;
    }
    return this.#names.size > 0 ? this.#names.find(subject.toLowerCase()) : undefined;
  }

  #matching(request: Request, subject: string): ComplexValue | undefined {
    for (const { pattern, value } of this.#patterns) {
      const captures = pattern.match(subject, request);
      if (!captures) continue;
      request.captures = captures;
      return value;
    }
    return undefined;
  }
}

function readMap(args: Arguments): undefined {
  const source = args.complex(0);
  const name = args.text(1);
  if (!/^\$\w+$/.test(name)) throw args.wrong(1, `invalid variable name "${name}"`, "$ and letters, digits or _");
  const table = new MapTable();
  for (const entry of args.directive.block!) {
    try {
      readEntry(args, entry, table);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      args.cycle.diagnostics.error(error.message, error.place, error.expected);
    }
  }
  args.cycle.variables.define(name.slice(1), {
    get: (request) => table.value(request, source.evaluate(request)),
    volatile: table.volatile,
  });
  return undefined;
}

function readEntry(args: Arguments, entry: Directive, table: MapTable): void {
  const { name, place } = entry;
  const [word, more] = entry.args;
  if (!word && (name === "hostnames" || name === "volatile")) {
    table[name] = true;
    return;
  }
  if (!word || more || entry.block)
    throw new ConfigError("invalid number of the map parameters", place, "a value and what it becomes");
  const value = args.compile(word.text, word.place);
  if (name === "default") {
    if (table.default) throw new ConfigError("duplicate default map parameter", place);
    table.default = value.constant === undefined ? value : constantValue(value.constant);
    return;
  }
  if (name.startsWith("~")) {
    const caseInsensitive = name.startsWith("~*");
    table.addPattern(compilePattern(args, name.slice(caseInsensitive ? 2 : 1), place, { caseInsensitive }), value);
    return;
  }
  const key = name.startsWith("\\") ? name.slice(1) : name;
  if (!addKey(table, key, value, entry)) throw new ConfigError(`conflicting parameter "${key}"`, place);
}

function addKey(table: MapTable, key: string, value: ComplexValue, { place }: Directive): boolean {
  try {
    return table.add(key, value);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new ConfigError(`invalid hostname or wildcard "${key}"`, place, "name, *.name, .name or name.*");
  }
}
