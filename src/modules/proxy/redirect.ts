import type { Arguments } from "../../core/arguments.ts";
import type { ComplexValue } from "../../core/complex.ts";
import { compilePattern } from "../../core/pattern.ts";
import type { Pattern } from "../../core/plan.ts";
import type { Request } from "../../core/request.ts";

/** One replacement of `proxy_redirect`, `proxy_cookie_domain` or `proxy_cookie_path`. */
export interface Replacement {
  readonly from: ComplexValue | Pattern;
  readonly to: ComplexValue;
}

/** "off" leaves everything, "default" is proxy_redirect's own rule. */
export type Replacements = readonly (Replacement | "default" | "off")[];

/** `~` and `~*` start a regular expression; anything else is a prefix (or, for domains, the whole). */
export function readReplacement(args: Arguments): Replacement | "default" | "off" {
  const first = args.text(0);
  if (args.count === 1) {
    if (first === "off" || first === "default") return first;
    throw args.wrong(0, `invalid parameter "${first}"`, "off, default, or two values");
  }
  const to = args.complex(1);
  if (!first.startsWith("~")) return { from: args.complex(0), to };
  const caseInsensitive = first.startsWith("~*");
  const source = first.slice(caseInsensitive ? 2 : 1);
  return { from: compilePattern(args, source, args.words[0]!.place, { caseInsensitive }), to };
}

/** The text after the first replacement that fits; undefined when none does. */
export function replacePrefix(request: Request, text: string, { from, to }: Replacement): string | undefined {
  if ("match" in from) {
    const captures = from.match(text, request);
    if (!captures) return undefined;
    const before = request.captures;
    request.captures = captures;
    const replaced = text.replace(captures[0]!, () => to.evaluate(request));
    request.captures = before;
    return replaced;
  }
  const prefix = from.evaluate(request);
  return text.startsWith(prefix) ? to.evaluate(request) + text.slice(prefix.length) : undefined;
}

/** As `replacePrefix` for a cookie's domain: the whole value, case and a leading dot aside. */
export function replaceDomain(request: Request, domain: string, { from, to }: Replacement): string | undefined {
  if ("match" in from) return replacePrefix(request, domain, { from, to });
  const wanted = from.evaluate(request).toLowerCase();
  return domain.toLowerCase() === wanted || domain.toLowerCase() === `.${wanted}` ? to.evaluate(request) : undefined;
}
