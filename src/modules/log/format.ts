import { splitVariables } from "../../core/complex.ts";
import type { Place } from "../../core/diagnostic.ts";
import type { Request } from "../../core/request.ts";
import type { Variable, VariableTable } from "../../core/variable.ts";

export type Escape = "default" | "json" | "none";
export type LogFormat = (request: Request) => string;

const forbidden: Readonly<Record<Escape, RegExp>> = {
  default: /["\\\0-\x1f\x7f-\xff]/,
  json: /["\\\0-\x1f]/,
  none: /(?!)/,
};

const jsonEscapes: Readonly<Record<string, string>> = {
  '"': '\\"',
  "\\": "\\\\",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\b": "\\b",
  "\f": "\\f",
};

const escapes: Readonly<Record<Escape, (text: string) => string>> = {
  default: (text) =>
    text.replace(/["\\\0-\x1f\x7f-\xff]/g, (c) => `\\x${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`),
  json: (text) =>
    text.replace(
      /["\\\0-\x1f]/g,
      (c) => jsonEscapes[c] ?? `\\u${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`,
    ),
  none: (text) => text,
};

/** Compiles a `log_format`: variables escaped, "-" (or, in JSON, nothing) for one that is not found. */
export function compileFormat(
  text: string,
  escape: Escape,
  variables: VariableTable,
  place: Place | undefined,
): LogFormat {
  const missing = escape === "default" ? "-" : "";
  const unsafe = forbidden[escape];
  const clean = escapes[escape];
  const literals = [""];
  const mentioned: Variable[] = [];
  for (const part of splitVariables(text)) {
    if (typeof part === "string") {
      literals[literals.length - 1] += part;
      continue;
    }
    mentioned.push(variables.mention(part.name, place));
    literals.push("");
  }
  const read = (request: Request, variable: Variable): string => {
    const value = variable.get(request);
    if (value === undefined) return missing;
    return !variable.plain && unsafe.test(value) ? clean(value) : value;
  };
  const count = mentioned.length;
  return (request) => {
    let line = literals[0]!;
    let i = 0;
    // Four at a time: one template of nine parts is joined at once, where `+=` makes a string of each step.
    for (; i + 4 <= count; i += 4) {
      const first = read(request, mentioned[i]!);
      const second = read(request, mentioned[i + 1]!);
      const third = read(request, mentioned[i + 2]!);
      const fourth = read(request, mentioned[i + 3]!);
      line = `${line}${first}${literals[i + 1]!}${second}${literals[i + 2]!}${third}${literals[i + 3]!}${fourth}${literals[i + 4]!}`;
    }
    for (; i < count; i++) line = `${line}${read(request, mentioned[i]!)}${literals[i + 1]!}`;
    return line;
  };
}
