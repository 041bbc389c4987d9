import type { Diagnostics, Place } from "../core/diagnostic.ts";
import type { Word } from "../core/directive.ts";
import { byteOrderMark, commandLine, type Text } from "./text.ts";

/** nginx reads a file through a buffer of this many bytes, and a parameter has to fit. */
const parameterBytesMax = 4095;

const TAB = 9;
const LF = 10;
const CR = 13;
const SPACE = 32;
const DOUBLE_QUOTE = 34;
const HASH = 35;
const DOLLAR = 36;
const SINGLE_QUOTE = 39;
const CLOSE_PAREN = 41;
const SEMICOLON = 59;
const BACKSLASH = 92;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;

export type Token =
  { readonly kind: "word"; readonly word: Word } | { readonly kind: ";" | "{" | "}" | "end"; readonly place: Place };

/** Splits a file into words and the punctuation between them, as nginx splits it. */
export class Lexer {
  /** The offset of the next byte; the parser moves it past the body of a script block. */
  at: number;
  readonly #bytes: string;
  /** An end of statement that the text lacks, made up to go on after an error. */
  #made: Token | undefined;

  constructor(
    readonly text: Text,
    private readonly diagnostics: Diagnostics,
  ) {
    this.#bytes = text.bytes;
    this.at = text.bytes.startsWith(byteOrderMark) ? byteOrderMark.length : 0;
  }

  next(): Token {
    if (this.#made) {
      const made = this.#made;
      this.#made = undefined;
      return made;
    }
    this.#skipBlank();
    const start = this.at;
    if (start >= this.#bytes.length) return { kind: "end", place: this.text.place(this.#bytes.length) };
    const code = this.#bytes.charCodeAt(start);
    if (code === SEMICOLON || code === OPEN_BRACE || code === CLOSE_BRACE) {
      this.at++;
      const kind = code === SEMICOLON ? ";" : code === OPEN_BRACE ? "{" : "}";
      return { kind, place: this.text.place(start) };
    }
    if (code === DOUBLE_QUOTE || code === SINGLE_QUOTE) return this.#quoted(start, code);
    return this.#bare(start);
  }

  #skipBlank(): void {
    for (; this.at < this.#bytes.length; this.at++) {
      const code = this.#bytes.charCodeAt(this.at);
      if (code === HASH) this.at = this.text.lineEnd(this.at) - 1;
      else if (!isBlank(code)) return;
    }
  }

  #bare(start: number): Token {
    const bytes = this.#bytes;
    let end = start;
    // The brace in "${name}" opens no block, and so nginx takes every brace that follows a "$" for such a one.
    let afterDollar = false;
    for (; end < bytes.length; end++) {
      const code = bytes.charCodeAt(end);
      if (code === OPEN_BRACE && afterDollar) continue;
      if (isBlank(code) || code === SEMICOLON || code === OPEN_BRACE) break;
      afterDollar = code === DOLLAR;
      if (code === BACKSLASH) end++;
    }
    this.at = end = Math.min(end, bytes.length);
    const place = this.text.place(start, end);
    if (this.#tooLong(start, end))
      this.diagnostics.error(`too long parameter "${bytes.slice(start, start + 10)}..." started`, place, tooLongHint);
    return { kind: "word", word: { text: unescape(bytes.slice(start, end)), quote: "", place } };
  }

  #quoted(start: number, quoteCode: number): Token {
    const bytes = this.#bytes;
    const quote = quoteCode === DOUBLE_QUOTE ? '"' : "'";
    let end = start + 1;
    for (; end < bytes.length; end++) {
      const code = bytes.charCodeAt(end);
      if (code === quoteCode) break;
      if (code === BACKSLASH) end++;
    }
    const closed = end < bytes.length;
    end = Math.min(end, bytes.length);
    const tooLong = this.#tooLong(start + 1, end);
    if (!closed || tooLong) {
      const message = tooLong
        ? `too long parameter, probably missing terminating "${quote}" character`
        : this.text.file === commandLine
          ? 'unexpected end of parameter, expecting ";"'
          : 'unexpected end of file, expecting ";" or "}"';
      this.diagnostics.error(message, this.text.place(start), `a closing ${quote} that belongs to this one`);
      if (!closed || !this.#wordMayEnd(start, end + 1)) this.#resumeAfterLine(start);
      else this.at = end + 1;
    } else {
      this.at = end + 1;
      if (!this.#wordMayEnd(start, this.at)) this.#runsOn(start);
    }
    const word: Word = {
      text: unescape(bytes.slice(start + 1, end)),
      quote,
      place: this.text.place(start, closed ? end + 1 : end),
    };
    return { kind: "word", word };
  }

  /** Something follows a quoted word without a space: by intent, or because an earlier quote was never closed. */
  #runsOn(start: number): void {
    const found = this.#bytes[this.at]!;
    const place = this.text.place(this.at);
    const opened = { message: "the quoted word starts here", place: this.text.place(start) };
    const expected = 'a space, ";" or "{" after the closing quote';
    this.diagnostics.add({ severity: "emerg", message: `unexpected "${found}"`, place, expected, notes: [opened] });
    const misquoted = found === '"' || found === "'" || !this.text.sameLine(start, this.at);
    if (misquoted) this.#resumeAfterLine(start);
  }

  /**
   * Gives up on a misquoted line: goes on with the punctuation it ends in, so that a block it opens is still opened,
   * and ends the statement where that has no end.
   */
  #resumeAfterLine(start: number): void {
    const lineEnd = this.text.lineEnd(start);
    const ending = /[\s;{}]*$/.exec(this.#bytes.slice(start, lineEnd))![0];
    this.at = lineEnd - ending.length;
    if (!/^\s*[;{]/.test(ending)) this.#made = { kind: ";", place: this.text.place(this.at) };
  }

  /**
   * May what is at `offset` follow the quoted word from `start`? A closing brace may not, but that the parser says, as
   * it does behind a bare word; unless there are lines between, for then it is the quote that is wrong.
   */
  #wordMayEnd(start: number, offset: number): boolean {
    if (offset >= this.#bytes.length) return true;
    const code = this.#bytes.charCodeAt(offset);
    if (code === CLOSE_BRACE) return this.text.sameLine(start, offset);
    return isBlank(code) || code === SEMICOLON || code === OPEN_BRACE || code === CLOSE_PAREN;
  }

  #tooLong(start: number, end: number): boolean {
    return end - start > parameterBytesMax && this.text.file !== commandLine;
  }
}

const tooLongHint = `at most ${parameterBytesMax} bytes, then a space, ";" or "{"`;

function isBlank(code: number): boolean {
  return code === SPACE || code === LF || code === TAB || code === CR;
}

const escapes: Record<string, string> = { "\\t": "\t", "\\r": "\r", "\\n": "\n" };

/** Other backslashes stay, with what follows them: regular expressions need them. */
function unescape(raw: string): string {
  return raw.includes("\\") ? raw.replace(/\\["'\\trn]/g, (pair) => escapes[pair] ?? pair[1]!) : raw;
}
