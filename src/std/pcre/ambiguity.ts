// How much work a backtracking matcher can be made to do by the worst subject there is.

import { allBytes, type ByteSet, byte, noBytes, rangesOf } from "./byte_set.ts";
import { lengthOf, type Node, type Repeat } from "./syntax.ts";

/** An upper bound: `factor` × (subject length) ^ `degree`. A degree of Infinity is an exponential one. */
export interface Effort {
  readonly degree: number;
  readonly factor: number;
}

/** Up to so many rounds of a repeat count as a factor, more as another degree. */
const fewRounds = 64;

/** What one part adds to the whole. */
interface Part {
  /** Repeats whose end is not settled by the next byte: each may end anywhere, whatever the others do. */
  readonly open: number;
  /** Is there any other repeat, of one way through only? Together they walk the subject once. */
  readonly settled: boolean;
  readonly factor: number;
}

const nothing: Part = { open: 0, settled: false, factor: 1 };

/** Bounds the effort, on the high side, by which bytes can begin what: a choice that the next byte settles is none. */
export function backtracks(root: Node): Effort {
  const { open, settled, factor } = partOf(root, noBytes);
  let degree = open + (settled ? 1 : 0);
  // What is not bound to the start of the subject is tried from each place in it.
  if (!startsAtStart(root)) degree++;
  return { degree: Number.isFinite(factor) ? degree : Infinity, factor };
}

export function startsAtStart(node: Node): boolean {
  switch (node.kind) {
    case "assertion":
      return node.at === "start";
    case "sequence":
      return node.nodes.length > 0 && startsAtStart(node.nodes[0]!);
    case "alternatives":
      return node.branches.every(startsAtStart);
    case "capture":
    case "atomic":
      return startsAtStart(node.body);
    case "repeat":
      return node.min > 0 && startsAtStart(node.body);
    default:
      return false;
  }
}

/** The bytes that what `node` matches can begin with, and those of `follow` where it can match nothing. */
export function firstBytes(node: Node, follow: ByteSet): ByteSet {
  switch (node.kind) {
    case "set":
      return node.set;
    case "sequence":
      return node.nodes.reduceRight((after, child) => firstBytes(child, after), follow);
    case "alternatives":
      return node.branches.reduce((set, branch) => set | firstBytes(branch, follow), noBytes);
    case "capture":
    case "atomic":
      return firstBytes(node.body, follow);
    case "repeat":
      if (node.max === 0) return follow;
      return firstBytes(node.body, follow) | (node.min === 0 ? follow : noBytes);
    case "backreference":
      return allBytes;
    case "assertion":
      if (node.at === "end") return noBytes;
      return node.at === "end or last newline" || node.at === "line end" ? byte(10) : follow;
    default:
      return follow;
  }
}

/** A byte without which nothing matches, the last such in the pattern; undefined if none is sure to be needed. */
export function requiredByte(node: Node): number | undefined {
  switch (node.kind) {
    case "set": {
      const [only, ...others] = rangesOf(node.set);
      return only && others.length === 0 && only[0] === only[1] ? only[0] : undefined;
    }
    case "sequence":
      for (const child of node.nodes.toReversed()) {
        const required = requiredByte(child);
        if (required !== undefined) return required;
      }
      return undefined;
    case "capture":
    case "atomic":
      return requiredByte(node.body);
    case "repeat":
      return node.min > 0 ? requiredByte(node.body) : undefined;
    default:
      return undefined;
  }
}

/** @param follow The bytes that can come after the part; none after the last, for nothing that follows can fail. */
function partOf(node: Node, follow: ByteSet): Part {
  switch (node.kind) {
    case "sequence": {
      let part = nothing;
      let after = follow;
      for (const child of node.nodes.toReversed()) {
        part = both(part, partOf(child, after));
        after = firstBytes(child, after);
      }
      return part;
    }
    case "alternatives": {
      const parts = node.branches.map((branch) => partOf(branch, follow));
      return {
        open: Math.max(...parts.map(({ open }) => open)),
        settled: parts.some(({ settled }) => settled),
        factor: overlap(node.branches) * Math.max(...parts.map(({ factor }) => factor)),
      };
    }
    case "capture":
    case "atomic":
      return partOf(node.body, follow);
    case "look": {
      const { open, settled, factor } = partOf(node.body, noBytes);
      // It is gone through again wherever it is met.
      return { open: open + (settled ? 1 : 0), settled: false, factor };
    }
    case "repeat":
      return repeatPart(node, follow);
    case "backreference":
      return { open: 0, settled: true, factor: 1 };
    default:
      return nothing;
  }
}

function both(a: Part, b: Part): Part {
  return { open: a.open + b.open, settled: a.settled || b.settled, factor: a.factor * b.factor };
}

function repeatPart({ body, min, max, mode }: Repeat, follow: ByteSet): Part {
  if (max === 0) return nothing;
  const again = max > 1 ? firstBytes(body, noBytes) : noBytes;
  const inner = partOf(body, follow | again);
  const simple = mode === "possessive" && body.kind === "set";
  const canBeEmpty = lengthOf(body).min === 0;
  const choice = !simple && min !== max && (canBeEmpty || (firstBytes(body, noBytes) & follow) !== noBytes);
  if (max > fewRounds) {
    if (inner.open > 0 || inner.factor > 1 || (choice && canBeEmpty))
      return { open: Infinity, settled: true, factor: Infinity };
    return choice ? { open: 1, settled: inner.settled, factor: 1 } : { open: 0, settled: true, factor: 1 };
  }
  return {
    open: inner.open * max,
    settled: inner.settled,
    factor: inner.factor ** max * (choice ? max - min + 1 : 1),
  };
}

/** How many of the branches, at most, can match at one place. */
function overlap(branches: readonly Node[]): number {
  const prefixes = branches.map((branch) => prefixOf(branch));
  return Math.max(...prefixes.map((prefix) => prefixes.filter((other) => !exclude(prefix, other)).length));
}

function exclude(a: readonly ByteSet[], b: readonly ByteSet[]): boolean {
  return a.some((set, index) => index < b.length && (set & b[index]!) === noBytes);
}

/** What the first bytes have to be, as far as that is certain. */
function prefixOf(node: Node): ByteSet[] {
  const prefix: ByteSet[] = [];
  extend(node, prefix);
  return prefix;
}

/** @returns Is the prefix that of all of `node`, so that what follows it may be added? */
function extend(node: Node, prefix: ByteSet[]): boolean {
  switch (node.kind) {
    case "set":
      prefix.push(node.set);
      return true;
    case "sequence":
      return node.nodes.every((child) => extend(child, prefix));
    case "capture":
    case "atomic":
      return extend(node.body, prefix);
    case "assertion":
    case "look":
    case "keep":
      return true;
    case "repeat": {
      const rounds = Math.min(node.min, fewRounds);
      for (let round = 0; round < rounds; round++) if (!extend(node.body, prefix)) return false;
      return node.min === node.max && rounds === node.min;
    }
    default:
      return false;
  }
}
