// Regular expressions as nginx has them: PCRE's, on byte strings. Most are translated for the runtime's own engine.
// What work that does for one subject cannot be limited, so it is only given subjects that are short enough for the
// pattern; longer ones, and patterns it cannot express, go to a matcher that counts its steps.

import { backtracks, firstBytes, requiredByte, startsAtStart } from "./ambiguity.ts";
import { allBytes, has } from "./byte_set.ts";
import { type Offsets, run } from "./machine.ts";
import { type Parsed, parsePattern } from "./parse.ts";
import { assemble, isMemoryless, type Program } from "./program.ts";
import { lengthOf, type Node, PatternError, some } from "./syntax.ts";
import { Inexpressible, isReferring, translate } from "./translate.ts";

export interface PcreOptions {
  readonly caseInsensitive?: boolean | undefined;
}

/** A pattern that is wrong, or that could not be read the way PCRE reads it. */
export interface PcreError {
  readonly error: string;
  /** The byte of the pattern at which the error is. */
  readonly offset: number;
}

export interface PcreTranslation {
  readonly source: string;
  readonly flags: "";
  /** How many capturing groups there are, the whole match not counted. */
  readonly groups: number;
  /** The groups that have names, which `source` does not carry. */
  readonly names: ReadonlyMap<string, number>;
  /** The group in `source` of each group of the pattern, 0 first; undefined where they are the same. */
  readonly groupMap: readonly number[] | undefined;
}

/** The whole match, then the groups; a group that took no part is undefined. `index` is where the match starts. */
export interface PcreMatch extends ReadonlyArray<string | undefined> {
  readonly 0: string;
  readonly index: number;
}

/**
 * Steps the runtime's engine may come to need, at worst, for one subject: some 20 ms. What may need more is matched by
 * steps that are counted. This also keeps clear of the engine's own limit, some hundred million steps, at which it says
 * without a word that nothing matches (Bun 1.4.5: /^(a+)+c|^a+$/ does not match 28 times "a").
 */
const effortMax = 8_000_000;

/** The same for a pattern with parts that are not compiled to machine code: its steps take twenty times as long. */
const effortInterpretedMax = 400_000;

/** The most counted steps for one subject, some 20 to 100 ms. PCRE too has a limit, at which nginx answers 500. */
const stepsMax = 2_000_000;

/** After so many, failures are remembered: for the usual subject that would cost more than it saves. */
const stepsUnremembered = 50_000;

/** @returns `inexpressible`, and why, for a good pattern that JavaScript would read another way. */
export function translatePcre(
  pattern: string,
  options: PcreOptions = {},
): PcreTranslation | PcreError | { readonly inexpressible: string } {
  try {
    const parsed = parsePattern(pattern, options);
    return { ...translate(parsed), flags: "", groups: parsed.groups, names: parsed.names };
  } catch (error) {
    if (error instanceof Inexpressible) return { inexpressible: error.message };
    return refusal(error);
  }
}

/** @param pattern A byte string. */
export function compilePcre(pattern: string, options: PcreOptions = {}): Matcher | PcreError {
  try {
    return new Matcher(parsePattern(pattern, options));
  } catch (error) {
    return refusal(error);
  }
}

/** In nginx's words, with what the pattern goes on with from where the error is. */
export function describePcreError({ error, offset }: PcreError, pattern: string): string {
  const at = offset < pattern.length ? ` at "${pattern.slice(offset)}"` : "";
  return `pcre2_compile() failed: ${error} in "${pattern}"${at}`;
}

function refusal(error: unknown): PcreError {
  if (error instanceof PatternError) return { error: error.message, offset: error.offset };
  throw error;
}

/** What matching by counted steps needs. Most patterns never come to that, so it is made for the first that does. */
interface Counted {
  readonly program: Program;
  readonly startsAtStart: boolean;
  /** 1 for each byte a match can begin with; undefined if it can be empty. */
  readonly firstBytes: Uint8Array | undefined;
  /** A character without which nothing matches. It spares the work that most often is in vain. */
  readonly required: string | undefined;
}

/** @throws PatternError for a pattern too large. */
function prepareCounted(root: Node): Counted {
  const program = assemble(root, false);
  if (!program) throw new PatternError("regular expression is too large", 0);
  const first = firstBytes(root, allBytes);
  const selective = lengthOf(root).min > 0 && first !== allBytes;
  const required = requiredByte(root);
  return {
    program,
    startsAtStart: startsAtStart(root),
    firstBytes: selective ? Uint8Array.from({ length: 256 }, (_, code) => (has(first, code) ? 1 : 0)) : undefined,
    required: required === undefined ? undefined : String.fromCharCode(required),
  };
}

/** Only what is written out several times, or is very long, can make a program too large. */
function mayBeTooLarge(root: Node): boolean {
  let nodes = 0;
  return some(root, (node) => {
    const rounds = node.kind !== "repeat" || node.body.kind === "set" ? 1 : node.max === Infinity ? node.min : node.max;
    return ++nodes > 1000 || rounds > 1;
  });
}

export class Matcher {
  /** How many capturing groups there are, the whole match not counted. */
  readonly groups: number;
  readonly names: ReadonlyMap<string, number>;
  readonly #parsed: Parsed;
  readonly #regex: RegExp | undefined;
  /** The same, to start elsewhere than at the start. */
  #regexFrom: RegExp | undefined;
  readonly #groupMap: readonly number[] | undefined;
  /** Longer subjects are not given to `#regex`. */
  readonly #regexLengthMax: number;
  #counted: Counted | undefined;
  /** The program to remember failures with; null where that cannot be. */
  #remembering: Program | null | undefined;

  /** @throws PatternError for a pattern too large. */
  constructor(parsed: Parsed) {
    this.#parsed = parsed;
    this.groups = parsed.groups;
    this.names = parsed.names;
    try {
      const { source, groupMap } = translate(parsed);
      this.#regex = new RegExp(source);
      this.#groupMap = groupMap;
    } catch (error) {
      if (!(error instanceof Inexpressible)) throw error;
    }
    const { degree, factor } = backtracks(parsed.root);
    const effort = some(parsed.root, isReferring) ? effortInterpretedMax : effortMax;
    const lengthMax = factor > effort ? 0 : Math.floor((effort / factor) ** (1 / degree));
    this.#regexLengthMax = this.#regex ? lengthMax : -1;
    if (mayBeTooLarge(parsed.root)) this.#counted = prepareCounted(parsed.root);
  }

  /** What decides on the engine, for who wants to know why a pattern is slow. */
  get plan(): { readonly source: string | undefined; readonly subjectLengthMax: number } {
    return { source: this.#regex?.source, subjectLengthMax: this.#regexLengthMax };
  }

  /**
   * @param subject A byte string.
   * @param from Where the search starts; what lies before can still be looked behind at.
   * @returns undefined where nothing matches; "match limit" where that is unknown after the work a subject is worth.
   */
  exec(subject: string, from = 0): PcreMatch | undefined | "match limit" {
    if (subject.length > this.#regexLengthMax) return this.#execCounted(subject, from);
    let regex = this.#regex!;
    if (from > 0) {
      regex = this.#regexFrom ??= new RegExp(regex.source, "g");
      regex.lastIndex = from;
    }
    const match = regex.exec(subject) as (RegExpExecArray & PcreMatch) | null;
    if (!match || !this.#groupMap) return match ?? undefined;
    return Object.assign(this.#groupMap.map((group) => match[group]) as unknown as PcreMatch & { 0: string }, {
      index: match.index,
    });
  }

  #execCounted(subject: string, from: number): PcreMatch | undefined | "match limit" {
    const offsets = this.#run(subject, from);
    if (offsets === "match limit") return offsets;
    if (offsets === "no match") return undefined;
    const match: (string | undefined)[] = [];
    for (let at = 0; at < offsets.length; at += 2)
      match.push(offsets[at + 1]! < 0 ? undefined : subject.slice(offsets[at]!, offsets[at + 1]!));
    return Object.assign(match as unknown as PcreMatch & { 0: string }, { index: offsets[0]! });
  }

  #run(subject: string, from: number): Offsets | "no match" | "match limit" {
    const { root } = this.#parsed;
    const { program, startsAtStart: onlyAtStart, firstBytes, required } = (this.#counted ??= prepareCounted(root));
    if (required !== undefined && !subject.includes(required, from)) return "no match";
    const limits = { from, onlyAtStart, firstBytes };
    const first = run(program, subject, this.groups, { ...limits, stepsMax: stepsUnremembered, remember: false });
    if (first !== "match limit") return first;
    this.#remembering ??= (isMemoryless(root) ? assemble(root, true) : undefined) ?? null;
    const remember = this.#remembering !== null;
    return run(this.#remembering ?? program, subject, this.groups, { ...limits, stepsMax, remember });
  }
}
