import type { Place } from "./diagnostic.ts";
import type { Request } from "./request.ts";
import type { Variable, VariableTable } from "./variable.ts";

/** A directive's value that may hold variables, compiled once. */
export interface ComplexValue {
  /** The text when it holds no variable: callers settle such values when the configuration is read. */
  readonly constant: string | undefined;
  /** The text for one request; a variable that is not found reads as empty. */
  readonly evaluate: (request: Request) => string;
  /** As it stands in the configuration. */
  readonly source: string;
}

type Part = string | { readonly name: string; readonly offset: number };

/** Thrown for a `$` that starts no variable; `offset` counts characters of the value. */
export class InvalidVariableName extends Error {
  constructor(
    message: string,
    readonly offset: number,
  ) {
    super(message);
  }
}

/** Splits `text` at its variables: `$name`, `${name}`, `$1`. A `$` before anything else is an error in nginx too. */
export function splitVariables(text: string): Part[] {
  const parts: Part[] = [];
  let literal = "";
  for (let i = 0; i < text.length;) {
    if (text[i] !== "$") {
      literal += text[i++];
      continue;
    }
    const match = /^\$(?:\{(\w+)\}|(\d)|([A-Za-z_]\w*))/.exec(text.slice(i));
    if (!match) {
      if (text[i + 1] === "{") throw new InvalidVariableName("the closing bracket in a variable is missing", i);
      throw new InvalidVariableName("invalid variable name", i);
    }
    if (literal) parts.push(literal);
    literal = "";
    parts.push({ name: (match[1] ?? match[2] ?? match[3])!, offset: i });
    i += match[0].length;
  }
  if (literal) parts.push(literal);
  return parts;
}

/** @throws InvalidVariableName */
export function compileComplex(text: string, variables: VariableTable, place?: Place): ComplexValue {
  if (!text.includes("$")) return constantValue(text);
  const parts = splitVariables(text).map((part) =>
    typeof part === "string" ? part : reader(part.name, variables, at(place, part)),
  );
  return { constant: undefined, evaluate: joined(parts), source: text };
}

export function constantValue(text: string): ComplexValue {
  return { constant: text, evaluate: () => text, source: text };
}

type Reader = (request: Request) => string;

function reader(name: string, variables: VariableTable, place: Place | undefined): Reader {
  if (/^\d+$/.test(name)) {
    const group = Number(name);
    return (request) => request.captures?.[group] ?? "";
  }
  const variable: Variable = variables.mention(name, place);
  return (request) => variable.get(request) ?? "";
}

function at(place: Place | undefined, part: { name: string; offset: number }): Place | undefined {
  return place && { ...place, column: place.column + part.offset, length: part.name.length + 1 };
}

/** The short shapes are written out: they are most of all values, and a loop costs them a third more. */
function joined(parts: readonly (string | Reader)[]): Reader {
  const readers = parts.map((part): Reader => (typeof part === "string" ? () => part : part));
  const [a, b, c] = readers;
  if (readers.length === 1) return a!;
  if (readers.length === 2) return (request) => a!(request) + b!(request);
  if (readers.length === 3) return (request) => a!(request) + b!(request) + c!(request);
  return (request) => {
    let text = "";
    for (let i = 0; i < readers.length; i++) text += readers[i]!(request);
    return text;
  };
}
