import {
  allBytes,
  byte,
  type ByteSet,
  complement,
  noBytes,
  notNewline,
  posixClasses,
  range,
  withBothCases,
} from "./byte_set.ts";
import { anyNewline, classEscape, controls, describeGroup, positions, wordEdge } from "./escapes.ts";
import { readProperty } from "./property.ts";
import { type Options, setOption } from "./options.ts";
import { type Backreference, lengthOf, type Node, PatternError, some } from "./syntax.ts";

export interface Parsed {
  readonly root: Node;
  /** How many capturing groups there are, the whole match not counted. */
  readonly groups: number;
  /** The groups that have names. */
  readonly names: ReadonlyMap<string, number>;
}

/** As PCRE's own limit. */
const nestingMax = 250;
const repeatMax = 65_535;
const groupsMax = 65_535;
const nameCharactersMax = 32;

/**
 * Reads a pattern, a byte string, as PCRE2 10.42 does without UTF mode.
 * @throws PatternError for what PCRE would not compile, what its versions read differently, and what we do not offer.
 */
export function parsePattern(pattern: string, options: { readonly caseInsensitive?: boolean | undefined }): Parsed {
  return new Parser(pattern, options.caseInsensitive ?? false).parse();
}

class Parser {
  #at = 0;
  #depth = 0;
  #groups = 0;
  /** Between \Q and \E. */
  #quoting = false;
  #options: Options;
  readonly #names = new Map<string, number>();
  readonly #references: { readonly node: Backreference; readonly to: string | number; readonly offset: number }[] = [];

  constructor(
    private readonly pattern: string,
    caseless: boolean,
  ) {
    this.#options = {
      caseless,
      multiline: false,
      dotAll: false,
      extended: false,
      extendedInClasses: false,
      noCapture: false,
      ungreedy: false,
    };
  }

  parse(): Parsed {
    const root = this.#alternatives();
    if (this.#at < this.pattern.length) throw this.#error("unmatched closing parenthesis");
    for (const { node, to, offset } of this.#references) {
      const group = typeof to === "number" ? to : this.#names.get(to);
      if (group === undefined || group < 1 || group > this.#groups)
        throw new PatternError("reference to non-existent subpattern", offset);
      node.group = group;
    }
    return { root, groups: this.#groups, names: this.#names };
  }

  #error(message: string, offset = this.#at): PatternError {
    return new PatternError(message, offset);
  }

  #unsupported(what: string, offset: number): PatternError {
    return new PatternError(`${what} not supported`, offset);
  }

  /** Takes what `expression`, a sticky one, matches here. */
  #take(expression: RegExp): RegExpExecArray | undefined {
    expression.lastIndex = this.#at;
    const match = expression.exec(this.pattern);
    if (!match) return undefined;
    this.#at += match[0].length;
    return match;
  }

  /** Up to a closing parenthesis or the end. An option set inside stays on for later branches, and ends with it. */
  #alternatives(): Node {
    const outer = this.#options;
    this.#options = { ...outer };
    const branches = [this.#sequence()];
    while (this.#take(/\|/y)) branches.push(this.#sequence());
    this.#options = outer;
    return branches.length === 1 ? branches[0]! : { kind: "alternatives", branches };
  }

  #sequence(): Node {
    const nodes: Node[] = [];
    for (;;) {
      this.#skipIgnored();
      const next = this.pattern[this.#at];
      if (next === undefined || (!this.#quoting && (next === "|" || next === ")"))) break;
      const start = this.#at;
      const atom = this.#atom();
      if (atom) nodes.push(this.#quantified(atom, start));
    }
    return nodes.length === 1 ? nodes[0]! : { kind: "sequence", nodes };
  }

  /** Passes over what stands for nothing: ends of quoting, comments, and in (?x) white space. */
  #skipIgnored(): void {
    for (;;) {
      if (this.#take(/\\E/y)) this.#quoting = false;
      else if (this.#quoting) return;
      else if (this.#take(/\\Q/y)) this.#quoting = true;
      else if (this.pattern.startsWith("(?#", this.#at)) {
        if (!this.#take(/[^)]*\)/y)) throw this.#error("missing ) after (?# comment");
      } else if (!this.#options.extended || !this.#take(/[\t-\r ]+|#[^\n]*/y)) return;
    }
  }

  /** @returns undefined for a setting of options, which matches nothing and cannot be repeated. */
  #atom(): Node | undefined {
    const start = this.#at;
    const character = this.pattern[this.#at++]!;
    if (this.#quoting) return this.#literal(character.charCodeAt(0));
    switch (character) {
      case ".":
        return { kind: "set", set: this.#options.dotAll ? allBytes : notNewline };
      case "^":
        return { kind: "assertion", at: this.#options.multiline ? "line start" : "start" };
      case "$":
        return { kind: "assertion", at: this.#options.multiline ? "line end" : "end or last newline" };
      case "[":
        return this.#class(start);
      case "(":
        return this.#group(start);
      case "\\":
        return this.#escape(start);
      case "*":
      case "+":
      case "?":
        throw this.#error("quantifier does not follow a repeatable item", start);
      case "{":
        this.#at = start;
        if (this.#quantifier()) throw this.#error("quantifier does not follow a repeatable item", start);
        this.#at = start + 1;
        return this.#literal(character.charCodeAt(0));
      default:
        return this.#literal(character.charCodeAt(0));
    }
  }

  #literal(code: number): Node {
    return { kind: "set", set: this.#cased(byte(code)) };
  }

  #cased(set: ByteSet): ByteSet {
    return this.#options.caseless ? withBothCases(set) : set;
  }

  /** Takes `*`, `+`, `?` or a repeat in braces. Other braces stand for themselves. */
  #quantifier(): { min: number; max: number } | undefined {
    const simple = this.#take(/[*+?]/y)?.[0];
    if (simple) return { min: simple === "+" ? 1 : 0, max: simple === "?" ? 1 : Infinity };
    const start = this.#at;
    const counted = this.#take(/\{([0-9]+)(?:(,)([0-9]*))?\}/y);
    if (!counted) {
      if (/\{ *(?:[0-9]+ *(?:, *[0-9]*)?|, *[0-9]+) *\}/y.exec(this.pattern.slice(start, start + 100)))
        throw this.#error("repeat that some versions of PCRE take for literal text; write {0,n} or \\{", start);
      return undefined;
    }
    const min = Number(counted[1]);
    const max = counted[2] === undefined ? min : counted[3] ? Number(counted[3]) : Infinity;
    if (min > repeatMax || (max !== Infinity && max > repeatMax))
      throw this.#error("number too big in {} quantifier", start);
    if (min > max) throw this.#error("numbers out of order in {} quantifier", start);
    return { min, max };
  }

  #quantified(atom: Node, start: number): Node {
    this.#skipIgnored();
    if (this.#quoting) return atom;
    const repeat = this.#quantifier();
    if (!repeat) return atom;
    if (atom.kind === "assertion" || atom.kind === "keep" || atom.kind === "look")
      throw this.#unsupported("repeat of what matches no characters is", start);
    // PCRE's optimizer does not get these right, and no one has a use for them.
    if (repeat.max === 0) throw this.#unsupported("repeat of zero times is", start);
    if (atom === anyNewline && repeat.min !== repeat.max) throw this.#unsupported("repeat of \\R is", start);
    const suffix = this.#take(/[+?]/y)?.[0];
    const lazy = (suffix === "?") !== this.#options.ungreedy;
    const mode = suffix === "+" ? "possessive" : lazy ? "lazy" : "greedy";
    this.#skipIgnored();
    const at = this.#at;
    if (!this.#quoting && this.#quantifier()) throw this.#error("quantifier does not follow a repeatable item", at);
    return { kind: "repeat", body: atom, ...repeat, mode };
  }

  #group(start: number): Node | undefined {
    if (++this.#depth > nestingMax) throw this.#error("parentheses are too deeply nested", start);
    const node = this.#groupBody(start);
    this.#depth--;
    return node;
  }

  #groupBody(start: number): Node | undefined {
    if (this.pattern[this.#at] === "*") throw this.#unsupported('"(*" verb is', start);
    if (this.pattern[this.#at] !== "?") {
      const group = this.#options.noCapture ? undefined : this.#newGroup(start);
      const body = this.#closed(start);
      return group === undefined ? this.#wrapped(body) : { kind: "capture", group, body };
    }
    this.#at++;
    if (this.#take(/:/y)) return this.#wrapped(this.#closed(start));
    if (this.#take(/>/y)) return { kind: "atomic", body: this.#closed(start) };
    const look = this.#take(/(<?)([=!])/y);
    if (look) return this.#look(look[1] === "<", look[2] === "!", start);
    const named = this.#take(/P?<|'/y)?.[0];
    if (named) return this.#named(named === "'" ? "'" : ">", start);
    if (this.#take(/P=/y)) return this.#backreference(this.#name(")"), start);
    const refused = this.#take(/\(|R|P>|&|C|\||\*|<\*|[+-]?[0-9]/y)?.[0];
    if (refused !== undefined) throw this.#unsupported(describeGroup(refused), start);
    return this.#optionSetting(start);
  }

  /** A group can be repeated, also where what it holds could not be. */
  #wrapped(body: Node): Node {
    const bare = body.kind === "assertion" || body.kind === "keep" || body.kind === "look";
    return bare ? { kind: "alternatives", branches: [body] } : body;
  }

  #newGroup(start: number): number {
    if (this.#groups >= groupsMax) throw this.#error("too many capturing groups", start);
    return ++this.#groups;
  }

  /** The inside of a group, up to and with its closing parenthesis. */
  #closed(start: number): Node {
    const body = this.#alternatives();
    if (!this.#take(/\)/y)) throw this.#error("missing closing parenthesis", start);
    return body;
  }

  #look(behind: boolean, negative: boolean, start: number): Node {
    const body = this.#closed(start);
    if (some(body, (node) => node.kind === "keep")) throw this.#error("\\K is not allowed in lookarounds", start);
    for (const branch of behind ? branchesOf(body) : []) {
      const { min, max } = lengthOf(branch);
      if (min !== max) throw this.#error("lookbehind assertion is not fixed length", start);
    }
    return { kind: "look", behind, negative, body };
  }

  #named(close: string, start: number): Node {
    const name = this.#name(close);
    if (this.#names.has(name)) throw this.#error("two named subpatterns have the same name", start);
    const group = this.#newGroup(start);
    this.#names.set(name, group);
    return { kind: "capture", group, body: this.#closed(start) };
  }

  #name(close: string): string {
    const start = this.#at;
    const name = this.#take(/[A-Za-z_][0-9A-Za-z_]*/y)?.[0];
    if (name === undefined) throw this.#error("subpattern name expected", start);
    if (name.length > nameCharactersMax) throw this.#error("subpattern name is too long", start);
    if (this.pattern[this.#at++] !== close) throw this.#error("syntax error in subpattern name", start);
    return name;
  }

  /** `(?i)`, `(?i-s)`, `(?i:…)`, `(?^x)` … */
  #optionSetting(start: number): Node | undefined {
    const match = this.#take(/(\^?)([imsnxUJ]*)(?:(-)([imsnxUJ]*))?([:)])/y);
    if (!match) throw this.#error("unrecognized character after (? or (?-");
    const [, reset, on, minus, off = "", end] = match;
    if (reset && minus) throw this.#error("invalid hyphen in option setting", start);
    if ((on + off).includes("J")) throw this.#unsupported("(?J) is", start);
    const options = { ...this.#options };
    if (reset) for (const letter of "imsnx") setOption(options, letter, false);
    for (const letter of on!) setOption(options, letter, true);
    if (on!.includes("xx")) options.extendedInClasses = true;
    for (const letter of off) setOption(options, letter, false);
    if (end === ")") {
      this.#options = options;
      // What follows cannot repeat it.
      this.#skipIgnored();
      const at = this.#at;
      if (!this.#quoting && this.#quantifier()) throw this.#error("quantifier does not follow a repeatable item", at);
      return undefined;
    }
    const outer = this.#options;
    this.#options = options;
    const body = this.#wrapped(this.#closed(start));
    this.#options = outer;
    return body;
  }

  #backreference(to: string | number, offset: number): Node {
    const node: Backreference = { kind: "backreference", group: 0, caseless: this.#options.caseless };
    this.#references.push({ node, to, offset });
    return node;
  }

  #escape(start: number): Node {
    const character = this.pattern[this.#at];
    if (character === undefined) throw this.#error("\\ at end of pattern", start);
    if (/[1-9]/.test(character)) {
      const digits = /[0-9]+/y;
      digits.lastIndex = this.#at;
      const number = Number(digits.exec(this.pattern)![0]);
      if (number < 10 || character >= "8" || number <= this.#groups) {
        this.#take(/[0-9]+/y);
        return this.#backreference(number, start);
      }
    }
    const code = this.#characterEscape(start);
    if (code !== undefined) return this.#literal(code);
    this.#at++;
    const position = positions[character];
    if (position) return { kind: "assertion", at: position };
    const set = classEscape(character);
    if (set !== undefined) return { kind: "set", set };
    switch (character) {
      case "N":
        if (/\{(?![0-9]+(?:,[0-9]*)?\})/y.exec(this.pattern.slice(this.#at)))
          throw this.#unsupported("\\N{name} is", start);
        return { kind: "set", set: notNewline };
      case "C":
        return { kind: "set", set: allBytes };
      case "R":
        return anyNewline;
      case "K":
        return { kind: "keep" };
      case "g":
      case "k":
        return this.#namedReference(character, start);
      case "p":
      case "P":
        return { kind: "set", set: this.#property(character, start) };
      case "G":
      case "X":
        throw this.#unsupported(`\\${character} is`, start);
      default:
        throw this.#error("unrecognized character follows \\", start);
    }
  }

  #property(letter: string, start: number): ByteSet {
    const found = readProperty(this.pattern, this.#at, letter, this.#options.caseless);
    if (typeof found === "string") throw this.#error(found, start);
    this.#at += found.length;
    return found.set;
  }

  #namedReference(letter: string, start: number): Node {
    if (letter === "k") {
      const open = this.#take(/[<'{]/y)?.[0];
      if (!open) throw this.#error("\\k is not followed by a name", start);
      return this.#backreference(this.#name(open === "<" ? ">" : open === "{" ? "}" : "'"), start);
    }
    if (this.#take(/[<']/y)) throw this.#unsupported("subroutine call is", start);
    const number = this.#take(/([+-]?)([0-9]+)|\{([+-]?)([0-9]+)\}/y);
    if (number) {
      const sign = number[1] ?? number[3]!;
      const value = Number(number[2] ?? number[4]);
      const relative = sign === "-" ? this.#groups + 1 - value : sign === "+" ? this.#groups + value : value;
      if (value === 0) throw this.#error("reference to non-existent subpattern", start);
      return this.#backreference(relative, start);
    }
    if (this.#take(/\{/y)) return this.#backreference(this.#name("}"), start);
    throw this.#error("\\g is not followed by a number or name", start);
  }

  /**
   * Takes an escape that stands for one byte, in a class or outside one.
   * @returns undefined, with nothing taken, for one that stands for something else.
   */
  #characterEscape(start: number): number | undefined {
    const character = this.pattern[this.#at]!;
    if (!/[0-9A-Za-z]/.test(character)) {
      this.#at++;
      return character.charCodeAt(0);
    }
    const control = controls[character];
    if (control !== undefined) {
      this.#at++;
      return control;
    }
    switch (character) {
      case "c": {
        const next = this.pattern.charCodeAt(this.#at + 1);
        if (!(next >= 32 && next < 127))
          throw this.#error("\\c must be followed by a printable ASCII character", start);
        this.#at += 2;
        return (next >= 97 && next <= 122 ? next - 32 : next) ^ 64;
      }
      case "o":
      case "x":
        return this.#numbered(character, start);
      default: {
        const octal = this.#take(/[0-7]{1,3}/y)?.[0];
        return octal === undefined ? undefined : this.#inByte(Number.parseInt(octal, 8), start);
      }
    }
  }

  #numbered(letter: "o" | "x", start: number): number {
    this.#at++;
    const braced = letter === "x" ? this.#take(/\{([0-9A-Fa-f]+)\}/y) : this.#take(/\{([0-7]+)\}/y);
    if (braced) return this.#inByte(Number.parseInt(braced[1]!, letter === "x" ? 16 : 8), start);
    if (letter === "o" || this.pattern[this.#at] === "{") throw this.#error(`bad \\${letter}{} escape`, start);
    return Number.parseInt(`0${this.#take(/[0-9A-Fa-f]{1,2}/y)?.[0] ?? ""}`, 16);
  }

  #inByte(code: number, start: number): number {
    if (code > 255) throw this.#error("character code point value in \\x{} or \\o{} is too large", start);
    return code;
  }

  #class(start: number): Node {
    const edge = this.#take(/\[:([<>]):\]\]/y)?.[1];
    if (edge) return wordEdge(edge === "<");
    if (/\[([:.=])[^\]]*\1\]/y.test(this.pattern.slice(start)))
      throw this.#error("POSIX named classes are supported only within a class", start);
    const negated = this.#take(/\^/y) !== undefined;
    let set = noBytes;
    for (let first = true; ; first = false) {
      this.#skipIgnoredInClass();
      if (this.#at >= this.pattern.length) throw this.#error("missing terminating ] for character class", start);
      if (!this.#quoting && !first && this.#take(/\]/y)) break;
      const from = this.#classItem();
      this.#skipIgnoredInClass();
      const hyphen = this.#at;
      if (this.#quoting || !this.#take(/-/y)) {
        set |= this.#cased(typeof from === "number" ? byte(from) : from);
        continue;
      }
      this.#skipIgnoredInClass();
      if (!this.#quoting && this.pattern[this.#at] === "]") {
        set |= this.#cased((typeof from === "number" ? byte(from) : from) | byte(45));
        continue;
      }
      if (this.#at >= this.pattern.length) throw this.#error("missing terminating ] for character class", start);
      const to = typeof from === "number" ? this.#classItem() : undefined;
      if (typeof from !== "number" || typeof to !== "number")
        throw this.#error("invalid range in character class", hyphen);
      if (from > to) throw this.#error("range out of order in character class", hyphen);
      set |= this.#cased(range(from, to));
    }
    return { kind: "set", set: negated ? complement(set) : set };
  }

  #skipIgnoredInClass(): void {
    for (;;) {
      if (this.#take(/\\E/y)) this.#quoting = false;
      else if (this.#quoting) return;
      else if (this.#take(/\\Q/y)) this.#quoting = true;
      else if (!this.#options.extendedInClasses || !this.#take(/[\t ]+/y)) return;
    }
  }

  /** One byte, which can be an end of a range, or a set of them. */
  #classItem(): number | ByteSet {
    const start = this.#at;
    const posix = this.#quoting ? undefined : this.#take(/\[([:.=])(\^?)((?:(?!\1\])[^\]\\])*)\1\]/y);
    if (posix) {
      const [, kind, negated, name] = posix;
      if (kind !== ":") throw this.#error("POSIX collating elements are not supported", start);
      const set = Object.hasOwn(posixClasses, name!) ? posixClasses[name!] : undefined;
      if (set === undefined) throw this.#error("unknown POSIX class name", start);
      return negated ? complement(this.#cased(set)) : set;
    }
    const character = this.pattern[this.#at++]!;
    if (this.#quoting || character !== "\\") return character.charCodeAt(0);
    const escaped = this.pattern[this.#at];
    if (escaped === undefined) throw this.#error("\\ at end of pattern", start);
    if (escaped === "b") {
      this.#at++;
      return 8;
    }
    const code = this.#characterEscape(start);
    if (code !== undefined) return code;
    this.#at++;
    if (escaped === "p" || escaped === "P") return this.#property(escaped, start);
    const set = classEscape(escaped);
    if (set === undefined) throw this.#error("escape sequence is invalid in character class", start);
    return set;
  }
}

export function branchesOf(node: Node): readonly Node[] {
  return node.kind === "alternatives" ? node.branches : [node];
}
