import type { ByteSet } from "./byte_set.ts";

/** A regular expression as PCRE reads it, options already applied to what they concern. */
export type Node =
  | { readonly kind: "set"; readonly set: ByteSet }
  | { readonly kind: "sequence"; readonly nodes: readonly Node[] }
  | { readonly kind: "alternatives"; readonly branches: readonly Node[] }
  | { readonly kind: "capture"; readonly group: number; readonly body: Node }
  | { readonly kind: "atomic"; readonly body: Node }
  | Look
  | Repeat
  | Backreference
  | { readonly kind: "assertion"; readonly at: Position }
  /** `\K`: the match is said to start here. */
  | { readonly kind: "keep" };

export interface Look {
  readonly kind: "look";
  readonly behind: boolean;
  readonly negative: boolean;
  readonly body: Node;
}

export interface Repeat {
  readonly kind: "repeat";
  readonly body: Node;
  readonly min: number;
  readonly max: number;
  readonly mode: "greedy" | "lazy" | "possessive";
}

export interface Backreference {
  readonly kind: "backreference";
  /** Filled in when the whole pattern has been read, for one that goes by name may point ahead. */
  group: number;
  readonly caseless: boolean;
}

export type Position =
  | "start" // \A, ^
  | "end" // \z
  | "end or last newline" // \Z, $
  | "line start" // ^ in (?m)
  | "line end" // $ in (?m)
  | "word boundary"
  | "no word boundary";

export const empty: Node = { kind: "sequence", nodes: [] };

/** The nodes directly inside one. */
export function childrenOf(node: Node): readonly Node[] {
  switch (node.kind) {
    case "sequence":
      return node.nodes;
    case "alternatives":
      return node.branches;
    case "capture":
    case "atomic":
    case "look":
    case "repeat":
      return [node.body];
    default:
      return [];
  }
}

export function some(node: Node, test: (node: Node) => boolean): boolean {
  return test(node) || childrenOf(node).some((child) => some(child, test));
}

export interface Length {
  readonly min: number;
  readonly max: number;
}

/** How many bytes a match of `node` can have. */
export function lengthOf(node: Node): Length {
  switch (node.kind) {
    case "set":
      return { min: 1, max: 1 };
    case "sequence":
      return node.nodes
        .map(lengthOf)
        .reduce((a, b) => ({ min: a.min + b.min, max: a.max + b.max }), { min: 0, max: 0 });
    case "alternatives": {
      const lengths = node.branches.map(lengthOf);
      return { min: Math.min(...lengths.map(({ min }) => min)), max: Math.max(...lengths.map(({ max }) => max)) };
    }
    case "capture":
    case "atomic":
      return lengthOf(node.body);
    case "repeat": {
      const body = lengthOf(node.body);
      // A repeated nothing is nothing, however often (0 times Infinity would be NaN).
      return { min: body.min * node.min, max: body.max === 0 || node.max === 0 ? 0 : body.max * node.max };
    }
    case "backreference":
      return { min: 0, max: Infinity };
    default:
      return { min: 0, max: 0 };
  }
}

/** Why a pattern was not accepted, and at which byte of it. */
export class PatternError extends Error {
  constructor(
    message: string,
    readonly offset: number,
  ) {
    super(message);
  }
}
