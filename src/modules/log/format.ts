import { splitVariables } from "../../core/complex.ts";
import type { Place } from "../../core/diagnostic.ts";
import type { Request } from "../../core/request.ts";
import type { Variable, VariableTable } from "../../core/variable.ts";
import type { LineBuffer } from "../../std/line_buffer.ts";
import { escapeJson } from "../../std/markup_escape.ts";
import { requestLineParts } from "../core/request_line.ts";

export type Escape = "default" | "json" | "none";
/** Adds the line of a request, "\n" included. */
export type LogFormat = (request: Request, line: LineBuffer) => void;

const forbidden: Readonly<Record<Escape, RegExp>> = {
  default: /["\\\0-\x1f\x7f-\xff]/,
  json: /["\\\0-\x1f]/,
  none: /(?!)/,
};

const escapes: Readonly<Record<Escape, (text: string) => string>> = {
  default: (text) =>
    text.replace(/["\\\0-\x1f\x7f-\xff]/g, (c) => `\\x${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`),
  json: escapeJson,
  none: (text) => text,
};

/** A variable of a format, or a part of one. */
type Field = Pick<Variable, "get" | "plain">;

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
  const { literals, fields } = takeApart(`${text}\n`, variables, place);
  return (request, line) => {
    line.add(literals[0]!);
    for (let i = 0; i < fields.length; i++) {
      const field = fields[i]!;
      const value = field.get(request);
      if (value === undefined) line.add(missing);
      else line.add(!field.plain && unsafe.test(value) ? clean(value) : value);
      line.add(literals[i + 1]!);
    }
  };
}

/** A format's fields, and the text before, between and behind them. */
function takeApart(
  text: string,
  variables: VariableTable,
  place: Place | undefined,
): { literals: string[]; fields: Field[] } {
  const literals = [""];
  const fields: Field[] = [];
  const add = (part: string | Field): void => {
    if (typeof part === "string") {
      literals[fields.length] += part;
      return;
    }
    fields.push(part);
    literals.push("");
  };
  for (const part of splitVariables(text)) {
    if (typeof part === "string") add(part);
    else if (part.name === "request")
      requestLineParts.forEach(add); // joined first, it would be copied to be looked at
    else add(variables.mention(part.name, place));
  }
  return { literals, fields };
}
