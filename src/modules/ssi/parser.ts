export type Parameter = readonly [name: string, value: string];

export type Token =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "command"; readonly name: string; readonly parameters: readonly Parameter[] }
  /** A command that cannot be read; it has been skipped. */
  | { readonly kind: "error"; readonly message: string };

const opening = "<!--#";
const nameLengthMax = 32;

/** Splits a page, which comes in pieces, into text and commands. Works on byte strings. */
export class SsiParser {
  #held = "";

  /** @param valueLengthMax Bytes of a parameter's value. */
  constructor(private readonly valueLengthMax: number) {}

  push(bytes: string, last: boolean): Token[] {
    const input = this.#held + bytes;
    const tokens: Token[] = [];
    let at = 0;
    this.#held = "";
    while (at < input.length) {
      const start = input.indexOf(opening, at);
      if (start < 0) {
        const end = last ? input.length : beginningOf(input, at);
        if (end > at) tokens.push({ kind: "text", text: input.slice(at, end) });
        this.#held = input.slice(end);
        break;
      }
      if (start > at) tokens.push({ kind: "text", text: input.slice(at, start) });
      const command = new CommandReader(input, start + opening.length, this.valueLengthMax).read();
      if (!command) {
        // Not closed at the end of the page: nothing can be made of it.
        if (!last) this.#held = input.slice(start);
        break;
      }
      tokens.push(command.token);
      at = command.end;
    }
    return tokens;
  }
}

/** Where the input's end could be the beginning of a command; its length if it is none. */
function beginningOf(input: string, from: number): number {
  for (let length = Math.min(opening.length - 1, input.length - from); length > 0; length--)
    if (input.endsWith(opening.slice(0, length))) return input.length - length;
  return input.length;
}

/** The input ends before the command does. */
const incomplete = Symbol();

/** Reads one command, from behind its "<!--#". */
class CommandReader {
  #name = "";

  constructor(
    private readonly input: string,
    private at: number,
    private readonly valueLengthMax: number,
  ) {}

  /** @returns undefined when there is not all of it */
  read(): { token: Token; end: number } | undefined {
    try {
      const token = this.#command();
      return { token, end: this.at };
    } catch (error) {
      if (error === incomplete) return undefined;
      if (!(error instanceof SyntaxError)) throw error;
      const end = endOfError(this.input, this.at);
      return end < 0 ? undefined : { token: { kind: "error", message: error.message }, end };
    }
  }

  #peek(): string {
    if (this.at >= this.input.length) throw incomplete;
    return this.input[this.at]!;
  }

  #skipBlanks(): string {
    while (isBlank(this.#peek())) this.at++;
    return this.#peek();
  }

  #command(): Token {
    this.#skipBlanks();
    this.#name = this.input[this.at++]!;
    for (let c = this.#peek(); !isBlank(c) && c !== "-"; c = this.#peek()) {
      if (this.#name.length === nameLengthMax)
        throw new SyntaxError(`the "${this.#name}${c}..." SSI command is too long`);
      this.#name += c;
      this.at++;
    }
    const parameters: Parameter[] = [];
    while (this.#skipBlanks() !== "-") parameters.push(this.#parameter());
    for (const expected of "-->") {
      const c = this.#peek();
      if (c !== expected) throw new SyntaxError(`unexpected "${c}" symbol in "${this.#name}" SSI command`);
      this.at++;
    }
    return { kind: "command", name: this.#name, parameters };
  }

  #parameter(): Parameter {
    let key = this.input[this.at++]!;
    for (let c = this.#peek(); !isBlank(c) && c !== "="; c = this.#peek()) {
      if (c === "-") throw this.#unexpected(c, `after "${key}" parameter`);
      if (key.length === nameLengthMax)
        throw new SyntaxError(`too long "${key}${c}..." parameter in "${this.#name}" SSI command`);
      key += c;
      this.at++;
    }
    const equals = this.#skipBlanks();
    if (equals !== "=") throw this.#unexpected(equals, `after "${key}" parameter`);
    this.at++;
    const quote = this.#skipBlanks();
    if (quote !== '"' && quote !== "'") throw this.#unexpected(quote, `before value of "${key}" parameter`);
    this.at++;
    const value = this.#value(key, quote);
    const after = this.#peek();
    if (!isBlank(after) && after !== "-") throw this.#unexpected(after, `after "${value}" value of "${key}" parameter`);
    return [key, value];
  }

  /** Backslashes stay: what they mean is settled where the value is used. */
  #value(key: string, quote: string): string {
    let value = "";
    for (let c = this.#peek(); c !== quote; c = this.#peek()) {
      for (let count = c === "\\" ? 2 : 1; count > 0; count--) {
        const next = this.#peek();
        if (value.length === this.valueLengthMax)
          throw new SyntaxError(
            `too long "${value}${next}..." value of "${key}" parameter in "${this.#name}" SSI command`,
          );
        value += next;
        this.at++;
      }
    }
    this.at++;
    return value;
  }

  #unexpected(character: string, where: string): SyntaxError {
    return new SyntaxError(`unexpected "${character}" symbol ${where} in "${this.#name}" SSI command`);
  }
}

/** Behind the "-->" that ends a command with an error. As in nginx, a third hyphen is not the first of another two. */
function endOfError(input: string, from: number): number {
  let hyphens = 0;
  for (let at = from; at < input.length; at++) {
    const c = input[at];
    if (hyphens === 2 && c === ">") return at + 1;
    hyphens = c === "-" && hyphens < 2 ? hyphens + 1 : 0;
  }
  return -1;
}

function isBlank(character: string): boolean {
  return character === " " || character === "\t" || character === "\r" || character === "\n";
}
