/** One thing to look for. */
export interface Pattern {
  /** Not empty; matches without regard to the case of ASCII letters. */
  readonly text: string;
  /** What to put in its place; asked when it is first found. */
  readonly replacement: () => string;
}

/**
 * Replaces in a stream of byte strings. At each position the first pattern that matches counts; what is replaced is
 * not looked at again.
 */
export class Replacer {
  readonly #patterns: Pattern[];
  readonly #once: boolean;
  readonly #texts = new Map<Pattern, string>();
  #search: RegExp;
  #held = "";

  /** @param once Replace the first occurrence of each pattern only. */
  constructor(patterns: readonly Pattern[], once: boolean) {
    this.#patterns = [...patterns];
    this.#once = once;
    this.#search = searchFor(patterns);
  }

  /** Is there nothing left to look for? */
  get finished(): boolean {
    return this.#patterns.length === 0;
  }

  /** @returns What can go on: what may be the beginning of a match is kept until more comes, or `last`. */
  push(bytes: string, last: boolean): string {
    const input = this.#held + bytes;
    let output = "";
    let from = 0;
    let keep = last ? input.length : this.#partialMatch(input, from);
    while (this.#patterns.length > 0) {
      this.#search.lastIndex = from;
      const match = this.#search.exec(input);
      if (!match || match.index > keep) break;
      const found = match.slice(1).findIndex((group) => group !== undefined);
      // An earlier pattern may yet match where a later, shorter one does already.
      if (match.index === keep && this.#patterns.slice(0, found).some((pattern) => beginsAt(input, keep, pattern)))
        break;
      const pattern = this.#patterns[found]!;
      output += input.slice(from, match.index) + this.#replacement(pattern);
      from = match.index + match[0].length;
      if (this.#once) this.#remove(found);
      if (!last) keep = this.#partialMatch(input, from);
    }
    this.#held = input.slice(keep);
    return output + input.slice(from, keep);
  }

  #replacement(pattern: Pattern): string {
    let text = this.#texts.get(pattern);
    if (text === undefined) this.#texts.set(pattern, (text = pattern.replacement()));
    return text;
  }

  #remove(index: number): void {
    this.#patterns.splice(index, 1);
    this.#search = searchFor(this.#patterns);
  }

  /** Where the earliest beginning of a match is that more input could complete; the input's end without one. */
  #partialMatch(input: string, from: number): number {
    const longest = this.#patterns.reduce((most, { text }) => Math.max(most, text.length), 0);
    for (let at = Math.max(from, input.length - longest + 1); at < input.length; at++)
      if (this.#patterns.some((pattern) => beginsAt(input, at, pattern))) return at;
    return input.length;
  }
}

/** Is all that follows `at` the beginning of the pattern, and not yet the whole of it? */
function beginsAt(input: string, at: number, { text }: Pattern): boolean {
  const length = input.length - at;
  return length < text.length && asciiLower(input.slice(at)) === asciiLower(text.slice(0, length));
}

function asciiLower(bytes: string): string {
  return bytes.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** A group for each pattern: `i` would fold letters beyond ASCII too, which are parts of other encodings here. */
function searchFor(patterns: readonly Pattern[]): RegExp {
  return new RegExp(patterns.map(({ text }) => `(${text.replace(/[^]/g, eitherCase)})`).join("|"), "g");
}

function eitherCase(character: string): string {
  if (/[A-Za-z]/.test(character)) return `[${character.toLowerCase()}${character.toUpperCase()}]`;
  return `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
}
