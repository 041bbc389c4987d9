import { unescapeUri } from "../../std/uri_escape.ts";

/** What is wrong with a command; goes to the log, and the page shows its error message instead. */
export class SsiError extends Error {}

/** Finds a variable by its name in lower case. */
export type Lookup = (name: string) => string | undefined;

/** A value with its variables and escapes (`\$`, `\"`, `\'`, `\\`) settled; other backslashes stay. */
export function evaluate(text: string, lookup: Lookup): string {
  let result = "";
  for (let at = 0; at < text.length;) {
    const c = text[at]!;
    if (c === "\\" && at + 1 < text.length) {
      const next = text[at + 1]!;
      result += /[\\'"$]/.test(next) ? next : `\\${next}`;
      at += 2;
    } else if (c === "\\") at++;
    else if (c !== "$") {
      result += c;
      at++;
    } else {
      const [whole, braced, bare] = /^\$(?:\{(\w*)(?=\})\}|(\w*))/.exec(text.slice(at))!;
      const name = braced ?? bare!;
      if (text[at + 1] === "{" && braced === undefined) throw unclosed(text.slice(at + 2));
      if (name === "") throw new SsiError(`invalid variable name in "${text}"`);
      result += lookup(name.toLowerCase()) ?? "";
      at += whole.length;
    }
  }
  return result;
}

function unclosed(rest: string): SsiError {
  const name = /^\w*/.exec(rest)![0];
  return new SsiError(
    name === "" ? `invalid variable name in "${rest}"` : `the closing bracket in "${name}" variable is missing`,
  );
}

/** `left`, or what `left` is compared with: text, or a regular expression in slashes. */
export interface Condition {
  readonly left: string;
  readonly test?: { readonly negative: boolean; readonly right: string; readonly isPattern: boolean };
}

/** Takes the `expr` of an `if` apart; nothing is evaluated. */
export function parseCondition(expression: string): Condition {
  const left = /^[A-Za-z0-9${}_"']*/.exec(expression)![0];
  const rest = expression.slice(left.length).replace(/^ +/, "");
  if (rest === "") return { left: left.toLowerCase() };
  const match = /^(!?=) *(.*)$/s.exec(rest);
  if (!match) throw new SsiError(`invalid expression in "${expression}"`);
  const negative = match[1] === "!=";
  let right = match[2]!;
  if (right.length > 1 && right.startsWith("/")) {
    if (!right.endsWith("/")) throw new SsiError(`invalid expression in "${expression}"`);
    return { left: left.toLowerCase(), test: { negative, right: right.slice(1, -1), isPattern: true } };
  }
  if (right.startsWith("\\/") && right.length > 2) right = right.slice(1);
  return { left: left.toLowerCase(), test: { negative, right, isPattern: false } };
}

/** The location that an include names: its path decoded, and its arguments. */
export function parseInclude(uri: string): { uri: string; args: string | undefined } {
  const question = uri.indexOf("?");
  const path = question < 0 ? uri : uri.slice(0, question);
  const decoded = unescapeUri(path);
  if (path === "" || [path, decoded].some((text) => text.includes("\0") || /(?:^|\/)\.\.(?:\/|$)/.test(text)))
    throw new SsiError(`unsafe URI "${uri}" was detected`);
  return { uri: decoded, args: question < 0 ? undefined : uri.slice(question + 1) };
}

const entities: Readonly<Record<string, string>> = { "<": "&lt;", ">": "&gt;", "&": "&amp;", '"': "&quot;" };

export function escapeHtml(text: string): string {
  return text.replace(/[<>&"]/g, (c) => entities[c]!);
}

/** What a URL within HTML may not hold as it is. */
export function escapeUrl(text: string): string {
  return text.replace(
    /[\0-\x20"#%'<>\\^`{|}\x7f-\xff]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`,
  );
}
