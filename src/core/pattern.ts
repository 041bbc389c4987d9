import type { Arguments } from "./arguments.ts";
import { ConfigError } from "./arguments.ts";
import type { Place } from "./diagnostic.ts";
import type { Pattern } from "./plan.ts";

/** Compiles a regular expression of the configuration; its named groups become variables. */
export function compilePattern(
  args: Arguments,
  source: string,
  place: Place,
  options: { readonly caseInsensitive?: boolean } = {},
): Pattern {
  let regex: RegExp;
  try {
    regex = new RegExp(source, options.caseInsensitive ? "i" : "");
  } catch (error) {
    throw new ConfigError(`pcre_compile() failed: ${(error as Error).message} in "${source}"`, place);
  }
  const names = [...source.matchAll(/\(\?P?<([A-Za-z_]\w*)>/g)].map((match) => match[1]!);
  const variables = names.map((name) => args.cycle.variables.define(name, {}));
  return {
    source,
    match(subject, request) {
      const found = regex.exec(subject);
      if (!found) return undefined;
      if (request) for (const [i, variable] of variables.entries()) request.values[variable.index] = found.groups?.[names[i]!] ?? "";
      return found;
    },
  };
}
