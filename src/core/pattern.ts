import { describePcreError, type PcreMatch, compilePcre, Matcher } from "../std/pcre/pcre.ts";
import type { Arguments } from "./arguments.ts";
import { ConfigError } from "./arguments.ts";
import type { Place } from "./diagnostic.ts";
import type { Pattern } from "./plan.ts";

/** What nginx's log line calls PCRE2_ERROR_MATCHLIMIT. */
const matchLimit = -47;

/**
 * Compiles a regular expression of the configuration; its named groups become variables.
 * Matching throws where a subject would take more work than one is worth: nginx answers 500 to that.
 */
export function compilePattern(
  args: Arguments,
  source: string,
  place: Place,
  options: { readonly caseInsensitive?: boolean } = {},
): Pattern {
  const matcher = compilePcre(source, options);
  if (!(matcher instanceof Matcher)) throw new ConfigError(describePcreError(matcher, source), place);
  const named = [...matcher.names].map(([name, group]) => ({ group, variable: args.cycle.variables.define(name, {}) }));
  return {
    source,
    match(subject, request): PcreMatch | undefined {
      const found = matcher.exec(subject);
      if (!found) return undefined;
      if (found === "match limit")
        throw new Error(`pcre2_match() failed: ${matchLimit} on "${subject.slice(0, 1000)}" using "${source}"`);
      if (request) for (const { group, variable } of named) request.values[variable.index] = found[group] ?? "";
      return found;
    },
  };
}
