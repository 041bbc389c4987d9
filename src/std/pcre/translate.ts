import { allBytes, has, notNewline, posixClasses, rangesOf, type ByteSet } from "./byte_set.ts";
import type { Parsed } from "./parse.ts";
import { type Backreference, lengthOf, type Node, type Position, type Repeat, some } from "./syntax.ts";

export interface Translation {
  /** For a JavaScript RegExp without flags: case and the meaning of anchors are written out. */
  readonly source: string;
  /** The JavaScript group of each PCRE group, the whole match first; undefined where they are numbered alike. */
  readonly groupMap: readonly number[] | undefined;
}

/** Not said of the pattern, which is good, but of JavaScript, which would read it another way. */
export class Inexpressible extends Error {}

/**
 * Writes a pattern so that JavaScript matches the same, with the same captures, in any byte string.
 * @throws Inexpressible for what JavaScript has no words for.
 */
export function translate(parsed: Parsed): Translation {
  return new Translator(parsed).translate();
}

const positionSources: Record<Position, string> = {
  // Not "^": where that is repeated or looked for, Bun 1.4.5 takes it for optional: /(?=((?:^a)*))\1a/ matches "a".
  start: "(?<![^])",
  end: "$",
  "end or last newline": "(?=\\n?$)",
  "line start": "(?:(?<![^])|(?<=\\n)(?!$))",
  "line end": "(?=\\n|$)",
  "word boundary": "\\b",
  "no word boundary": "\\B",
};

class Translator {
  /** JavaScript's groups so far: the user's, and those that make an atomic group of a lookahead. */
  #groups = 0;
  readonly #groupMap: number[] = [0];
  /** The groups that are certain to have matched when this point is reached. */
  #set = new Set<number>();

  /** How many repeats, atomic groups and assertions are open. */
  #inside = 0;

  constructor(private readonly parsed: Parsed) {}

  translate(): Translation {
    const source = this.#node(this.parsed.root);
    const renumbered = this.#groups !== this.parsed.groups;
    return { source: source === "" ? "(?:)" : source, groupMap: renumbered ? this.#groupMap : undefined };
  }

  #node(node: Node): string {
    switch (node.kind) {
      case "set":
        return setSource(node.set);
      case "sequence":
        return node.nodes.map((child) => this.#item(child)).join("");
      case "alternatives":
        return this.#alternatives(node.branches);
      case "capture":
        return this.#capture(node.group, node.body);
      case "atomic":
        return this.#atomic(node.body);
      case "look":
        return this.#look(node.body, node.behind, node.negative);
      case "repeat":
        return this.#repeat(node);
      case "backreference":
        return this.#backreference(node);
      case "assertion":
        return node.at === "start" && this.#inside === 0 ? "^" : positionSources[node.at];
      case "keep":
        throw new Inexpressible("\\K");
    }
  }

  /** As #node, fit to stand in a sequence. */
  #item(node: Node): string {
    const source = this.#node(node);
    return node.kind === "alternatives" ? `(?:${source})` : source;
  }

  /** As #node, fit to be repeated. */
  #unit(node: Node): string {
    const source = this.#node(node);
    return node.kind === "set" || node.kind === "capture" ? source : `(?:${source})`;
  }

  #alternatives(branches: readonly Node[]): string {
    const before = this.#set;
    const sets: Set<number>[] = [];
    const sources = branches.map((branch) => {
      this.#set = new Set(before);
      const source = this.#node(branch);
      sets.push(this.#set);
      return source;
    });
    this.#set = sets.reduce((a, b) => a.intersection(b));
    return sources.join("|");
  }

  #capture(group: number, body: Node): string {
    this.#groupMap[group] = ++this.#groups;
    const source = this.#node(body);
    this.#set.add(group);
    return `(${source})`;
  }

  /** A lookahead is not entered again once it has matched; what it captured is then taken as it is. */
  #atomic(body: Node): string {
    const group = ++this.#groups;
    this.#inside++;
    const source = `(?:(?=(${this.#node(body)}))\\${group})`;
    this.#inside--;
    return source;
  }

  #look(body: Node, behind: boolean, negative: boolean): string {
    // JavaScript matches what lies behind from right to left, so that a group is not set yet when it is referred to,
    // and one that matches several times has what it matched first, not last.
    if (behind && some(body, (node) => isReferring(node) || isCapturedAgain(node)))
      throw new Inexpressible("lookbehind");
    const before = new Set(this.#set);
    this.#inside++;
    const source = `(?${behind ? "<" : ""}${negative ? "!" : "="}${this.#node(body)})`;
    this.#inside--;
    if (negative) this.#set = before;
    return source;
  }

  #repeat({ body, min, max, mode }: Repeat): string {
    if (mode === "possessive") return this.#atomic({ kind: "repeat", body, min, max, mode: "greedy" });
    const suffix = mode === "lazy" ? "?" : "";
    const before = new Set(this.#set);
    if (lengthOf(body).min === 0 && max > 0 && !(min === 1 && max === 1)) {
      // Where the body can match nothing, leaving it out can do no more. JavaScript would not let it match nothing.
      if (min === 0 && max === 1 && mode === "greedy" && matchesNothingAnywhere(body)) return this.#item(body);
      throw new Inexpressible("repeat of what can be empty");
    }
    this.#inside++;
    const source = this.#unit(body);
    this.#inside--;
    // JavaScript forgets what the groups inside captured when it starts the next round; PCRE does not.
    if (max > 1 && some(body, (node) => node.kind === "capture" && !this.#set.has(node.group)))
      throw new Inexpressible("group that is not set in each round of a repeat");
    if (max > 1 && some(body, (node) => node.kind === "backreference"))
      throw new Inexpressible("backreference in repeat");
    if (min === 0) this.#set = before;
    return `${source}${repeatSource(min, max)}${suffix}`;
  }

  #backreference({ group, caseless }: Backreference): string {
    // To a group that is not set PCRE's never matches, JavaScript's always.
    if (!this.#set.has(group)) throw new Inexpressible("reference to a group that may not be set");
    // JavaScript knows both cases of letters that PCRE, in the C locale, does not know for letters.
    if (caseless) throw new Inexpressible("backreference without regard to case");
    return `(?:\\${this.#groupMap[group]!})`;
  }
}

/** Does its translation have references to groups, or lookaheads, for which the direction makes a difference? */
export function isReferring(node: Node): boolean {
  if (node.kind === "repeat") return node.mode === "possessive";
  return node.kind === "atomic" || node.kind === "look" || node.kind === "backreference";
}

/** Is there a group in it that matches several times? */
function isCapturedAgain(node: Node): boolean {
  return node.kind === "repeat" && some(node.body, ({ kind }) => kind === "capture");
}

/** Can `node` match the empty string at any place, whatever stands around it? */
function matchesNothingAnywhere(node: Node): boolean {
  switch (node.kind) {
    case "sequence":
      return node.nodes.every(matchesNothingAnywhere);
    case "alternatives":
      return node.branches.some(matchesNothingAnywhere);
    case "capture":
      return matchesNothingAnywhere(node.body);
    case "repeat":
      return node.mode !== "possessive" && (node.min === 0 || matchesNothingAnywhere(node.body));
    default:
      return false;
  }
}

function repeatSource(min: number, max: number): string {
  if (max === Infinity) return min === 0 ? "*" : min === 1 ? "+" : `{${min},}`;
  if (min === 0 && max === 1) return "?";
  return min === max ? `{${min}}` : `{${min},${max}}`;
}

const named = new Map<ByteSet, string>([
  [allBytes, "[^]"],
  [notNewline, "[^\\n]"],
  [posixClasses.digit!, "\\d"],
  [posixClasses.word!, "\\w"],
  [0n, "[]"],
]);

function setSource(set: ByteSet): string {
  const name = named.get(set);
  if (name) return name;
  const ranges = rangesOf(set);
  const [only] = ranges;
  if (ranges.length === 1 && only![0] === only![1]) return characterSource(only![0]);
  // Written as what it leaves out, a set that goes up to the last byte has fewer ranges.
  const negated = has(set, 255);
  const shown = negated ? rangesOf(allBytes ^ set) : ranges;
  const parts = shown.map(([from, to]) => {
    if (from === to) return characterSource(from);
    return `${characterSource(from)}${to === from + 1 ? "" : "-"}${characterSource(to)}`;
  });
  return `[${negated ? "^" : ""}${parts.join("")}]`;
}

function characterSource(code: number): string {
  const character = String.fromCharCode(code);
  if (/[0-9A-Za-z_ !"#%&',:;<=>@`~]/.test(character)) return character;
  if (/[-$()*+./?[\\\]^{|}]/.test(character)) return `\\${character}`;
  if (code === 10) return "\\n";
  return `\\x${code.toString(16).padStart(2, "0")}`;
}
