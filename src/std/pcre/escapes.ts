import { byte, type ByteSet, complement, escapeClasses } from "./byte_set.ts";
import type { Node, Position } from "./syntax.ts";

/** Escapes that stand for a place. */
export const positions: Record<string, Position> = {
  A: "start",
  Z: "end or last newline",
  z: "end",
  b: "word boundary",
  B: "no word boundary",
};

/** Escapes that stand for one byte. */
export const controls: Record<string, number> = { a: 7, e: 27, f: 12, n: 10, r: 13, t: 9 };

/** `\R`: CR LF counts as one, and is not taken apart again. */
export const anyNewline: Node = {
  kind: "atomic",
  body: {
    kind: "alternatives",
    branches: [
      { kind: "sequence", nodes: [13, 10].map((code) => ({ kind: "set", set: byte(code) })) },
      { kind: "set", set: escapeClasses.v! },
    ],
  },
};

/** The set that `\d`, `\D` and their like stand for; undefined for another letter. */
export function classEscape(letter: string): ByteSet | undefined {
  const lower = letter.toLowerCase();
  const set = Object.hasOwn(escapeClasses, lower) ? escapeClasses[lower]! : undefined;
  return set === undefined || letter === lower ? set : complement(set);
}

/** `[[:<:]]` and `[[:>:]]`, the start and the end of a word. */
export function wordEdge(start: boolean): Node {
  const body: Node = { kind: "set", set: escapeClasses.w! };
  const look: Node = { kind: "look", behind: !start, negative: false, body };
  return { kind: "sequence", nodes: [{ kind: "assertion", at: "word boundary" }, look] };
}

/** What is not offered about a group that begins so. */
export function describeGroup(start: string): string {
  if (start === "(") return "conditional group is";
  if (start === "C") return "callout is";
  if (start === "|") return "group that resets the numbers of its branches is";
  if (start.endsWith("*")) return "non-atomic assertion is";
  return "recursion is";
}
