import type { Place } from "../core/diagnostic.ts";

/** The name that places carry which stand in the text of `-g`. */
export const commandLine = "command line";

/** A configuration file's text, a byte string, that knows in which line and column an offset is. */
export class Text {
  readonly #lineStarts: number[] = [0];
  /** Where the last count of a column ended: the next one is mostly further along the same line, which may be long. */
  #counted = { lineStart: 0, offset: 0, characters: 0 };

  constructor(
    readonly file: string,
    readonly bytes: string,
  ) {
    for (let at = bytes.indexOf("\n"); at >= 0; at = bytes.indexOf("\n", at + 1)) this.#lineStarts.push(at + 1);
  }

  /** The place of the bytes from `start` up to `end`, cut at the end of the line that `start` is in. */
  place(start: number, end = start + 1): Place {
    const index = this.#lineIndex(start);
    const lineStart = this.#lineStarts[index]!;
    const lineEnd = this.lineEnd(start);
    return {
      file: this.file,
      line: index + 1,
      column: this.#column(lineStart, start),
      length: Math.max(1, this.#characters(start, Math.min(end, Math.max(lineEnd, start + 1)))),
    };
  }

  /** The offset of the line feed, or of the carriage return before it, that ends the line which `offset` is in. */
  lineEnd(offset: number): number {
    const index = this.#lineIndex(offset);
    const next = this.#lineStarts[index + 1];
    if (next === undefined) return this.bytes.length;
    return this.bytes[next - 2] === "\r" && next - 2 >= this.#lineStarts[index]! ? next - 2 : next - 1;
  }

  sameLine(a: number, b: number): boolean {
    return this.#lineIndex(a) === this.#lineIndex(b);
  }

  #lineIndex(offset: number): number {
    let low = 0;
    let high = this.#lineStarts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#lineStarts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #column(lineStart: number, offset: number): number {
    const last = this.#counted;
    const known = last.lineStart === lineStart && last.offset <= offset;
    const characters = known
      ? last.characters + this.#characters(last.offset, offset)
      : this.#characters(lineStart, offset);
    this.#counted = { lineStart, offset, characters };
    return characters + 1;
  }

  /** People count characters, not bytes: what continues a UTF-8 sequence does not count, nor does a leading mark. */
  #characters(start: number, end: number): number {
    let count = end - start;
    for (let at = start; at < end; at++) {
      const byte = this.bytes.charCodeAt(at);
      if (byte >= 0x80 && byte < 0xc0) count--;
    }
    return start === 0 && count > 0 && this.bytes.startsWith(byteOrderMark) ? count - 1 : count;
  }
}

/** UTF-8's byte order mark as a byte string. Some editors write it; nginx takes it for part of the first name. */
export const byteOrderMark = "\xef\xbb\xbf";
