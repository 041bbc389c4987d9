import { type Arguments, ConfigError } from "../../core/arguments.ts";
import type { Directive } from "../../core/directive.ts";
import { defineModule, entries } from "../../core/module.ts";
import { murmur2 } from "./murmur2.ts";

/** Hundredths of a percent in a whole. */
const whole = 10_000;

/** nginx's ngx_http_split_clients_module. */
export const splitClients = defineModule({
  name: "split_clients",
  directives: {
    split_clients: {
      ...entries<undefined>({ contexts: ["http"], args: 2, repeated: true, default: undefined, read: readSplit }),
      syntax: "string $variable { ... }",
    },
  },
});

function readSplit(args: Arguments): undefined {
  const source = args.complex(0);
  const name = args.text(1);
  if (!/^\$\w+$/.test(name)) throw args.wrong(1, `invalid variable name "${name}"`, "$ and letters, digits or _");
  let sum = 0;
  let bound = 0;
  const parts: { readonly below: number; readonly value: string }[] = [];
  for (const entry of args.directive.block!) {
    const share = readShare(entry);
    sum = share === undefined ? whole : sum + share;
    if (sum > whole) throw new ConfigError("percent total is greater than 100%", entry.place, "100% or less in all");
    bound += Math.floor(((share ?? 0) * 0xffffffff) / whole);
    // What makes the whole full takes all that is left, whatever rounding lost before it.
    parts.push({ below: sum === whole ? 2 ** 32 : bound, value: entry.args[0]!.text });
  }
  args.cycle.variables.define(name.slice(1), {
    get: (request) => {
      const hash = murmur2(source.evaluate(request));
      return parts.find(({ below }) => hash < below)?.value ?? "";
    },
  });
  return undefined;
}

/** In hundredths of a percent; undefined for `*`, all that is left. */
function readShare({ name, args, place, block }: Directive): number | undefined {
  if (args.length !== 1 || block) throw new ConfigError(`invalid number of arguments in "${name}" directive`, place);
  if (name === "*") return undefined;
  const match = /^(\d{1,3})(?:\.(\d{1,2}))?%$/.exec(name);
  const share = match ? Number(match[1]) * 100 + Number((match[2] ?? "").padEnd(2, "0")) : 0;
  if (share === 0) throw new ConfigError(`invalid percent value "${name}"`, place, "a percentage such as 0.5%, or *");
  return share;
}
