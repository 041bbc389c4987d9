import { splitVariables } from "../../core/complex.ts";
import type { Place } from "../../core/diagnostic.ts";
import type { Request } from "../../core/request.ts";
import type { VariableTable } from "../../core/variable.ts";

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
    text.replace(/["\\\0-\x1f]/g, (c) => jsonEscapes[c] ?? `\\u${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`),
  none: (text) => text,
};

/** Compiles a `log_format`: variables escaped, "-" (or, in JSON, nothing) for one that is not found. */
export function compileFormat(text: string, escape: Escape, variables: VariableTable, place: Place | undefined): LogFormat {
  const missing = escape === "default" ? "-" : "";
  const unsafe = forbidden[escape];
  const clean = escapes[escape];
  const literals = [""];
  const readers: LogFormat[] = [];
  for (const part of splitVariables(text)) {
    if (typeof part === "string") {
      literals[literals.length - 1] += part;
      continue;
    }
    const variable = variables.mention(part.name, place);
    literals.push("");
    readers.push((request) => {
      const value = variable.get(request);
      if (value === undefined) return missing;
      return !variable.plain && unsafe.test(value) ? clean(value) : value;
    });
  }
  return (request) => {
    let line = literals[0]!;
    for (let i = 0; i < readers.length; i++) line += readers[i]!(request) + literals[i + 1]!;
    return line;
  };
}
