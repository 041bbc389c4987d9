// Finds where a script block ends. Only as much of the language is read as tells a brace that counts from one in a
// string, template, comment or regular expression.

/** @returns The offset of the brace that closes the body starting at `start`, or -1 where the text ends first. */
export function scriptEnd(text: string, start: number, language: "ts" | "lua"): number {
  return language === "ts" ? new TypeScriptScanner(text, start).end() : luaEnd(text, start);
}

/** What an opened bracket does to a slash behind the closing one: divide, or start a regular expression. */
interface Bracket {
  readonly kind: "(" | "[" | "{" | "${";
  readonly dividesAfter: boolean;
  /** For a brace: does it hold statements, and not the properties of an object? */
  readonly statements: boolean;
}

const operatorWords = new Set(
  "await case delete do else extends in instanceof new of return throw typeof void yield".split(" "),
);
const conditionWords = new Set(["if", "while", "for", "with"]);

class TypeScriptScanner {
  readonly #brackets: Bracket[] = [];
  /** Is what stands before the current offset an operand, so that a slash divides it? */
  #operand = false;
  /** The previous token: a word, or the punctuation's characters. */
  #previous = "";
  #beforePrevious = "";

  /** Up to here no regular expression can end; known so that a long line is not searched at each of its slashes. */
  #noLiteralBefore = 0;

  constructor(
    private readonly text: string,
    private at: number,
  ) {}

  end(): number {
    const { text } = this;
    while (this.at < text.length) {
      const character = text[this.at]!;
      if (/\s/.test(character)) this.at++;
      else if (character === "/") this.#slash();
      else if (character === '"' || character === "'") this.#string(character);
      else if (character === "`") this.#template(this.at + 1);
      else if (character === "(" || character === "[" || character === "{") this.#open(character);
      else if (character === ")" || character === "]") this.#close();
      else if (character === "}") {
        if (this.#brackets.findLastIndex((bracket) => bracket.kind === "{" || bracket.kind === "${") < 0)
          return this.at;
        this.#closeBrace();
      } else if (/[\w$#@\x80-\uffff\\]/.test(character)) this.#word();
      else this.#punctuation(character);
    }
    return -1;
  }

  #token(token: string, operand: boolean): void {
    this.#beforePrevious = this.#previous;
    this.#previous = token;
    this.#operand = operand;
  }

  #slash(): void {
    const { text } = this;
    const second = text[this.at + 1];
    if (second === "/") {
      const end = text.indexOf("\n", this.at);
      this.at = end < 0 ? text.length : end;
    } else if (second === "*") {
      const end = text.indexOf("*/", this.at + 2);
      this.at = end < 0 ? text.length : end + 2;
    } else {
      const end = this.#operand || this.at < this.#noLiteralBefore ? -1 : this.#literalEnd();
      this.at = end < 0 ? this.at + 1 : end;
      this.#token("/", end >= 0);
    }
  }

  /** @returns Where the regular expression that starts here ends, or -1 if its line ends first: then it is none. */
  #literalEnd(): number {
    const { text } = this;
    let inClass = false;
    let at = this.at + 1;
    for (; at < text.length && text[at] !== "\n"; at++) {
      const character = text[at]!;
      if (character === "\\") at++;
      else if (character === "[") inClass = true;
      else if (character === "]") inClass = false;
      else if (character === "/" && !inClass) return at + 1;
    }
    this.#noLiteralBefore = at;
    return -1;
  }

  /** An unclosed string ends with its line: the compiler will say so, and the braces below still count. */
  #string(quote: string): void {
    const { text } = this;
    for (this.at++; this.at < text.length; this.at++) {
      const character = text[this.at]!;
      if (character === "\\") this.at++;
      else if (character === quote || character === "\n") {
        this.at++;
        break;
      }
    }
    this.#token(quote, true);
  }

  #template(from: number): void {
    const { text } = this;
    for (this.at = from; this.at < text.length; this.at++) {
      const character = text[this.at]!;
      if (character === "\\") this.at++;
      else if (character === "`") {
        this.at++;
        return this.#token("`", true);
      } else if (character === "$" && text[this.at + 1] === "{") {
        this.at += 2;
        this.#brackets.push({ kind: "${", dividesAfter: true, statements: false });
        return this.#token("${", false);
      }
    }
  }

  #open(kind: "(" | "[" | "{"): void {
    const previous = this.#previous;
    let bracket: Bracket = { kind, dividesAfter: true, statements: false };
    if (kind === "(") {
      // The parenthesis of a condition is followed by a statement: if (a) /b/.test(c);
      const condition = conditionWords.has(previous) && this.#beforePrevious !== ".";
      bracket = { kind, dividesAfter: !condition, statements: false };
    } else if (kind === "{") {
      const statements = this.#opensStatements(previous);
      bracket = { kind, dividesAfter: !statements, statements };
    }
    this.#brackets.push(bracket);
    this.at++;
    this.#token(kind, false);
  }

  #opensStatements(previous: string): boolean {
    if (previous === "" || previous === ";" || previous === "{" || previous === "}" || previous === ")") return true;
    if (previous === "=>" || previous === "else" || previous === "do") return true;
    // Behind a colon: the value of a property where properties are, else the statement behind a label or case.
    if (previous === ":") return this.#brackets.at(-1)?.statements ?? true;
    // A word that is no operator names a class, interface or namespace, or is `try`, `finally`, `static`.
    return this.#operand || (/^[\w$]/.test(previous) && !operatorWords.has(previous));
  }

  #close(): void {
    const bracket = this.#brackets.at(-1);
    // One too many is for the compiler to report; braces are what counts here.
    if (bracket && bracket.kind !== "{" && bracket.kind !== "${") this.#brackets.pop();
    this.#token(this.text[this.at++]!, bracket?.dividesAfter ?? true);
  }

  #closeBrace(): void {
    for (;;) {
      const bracket = this.#brackets.pop()!;
      if (bracket.kind === "${") return this.#template(this.at + 1);
      if (bracket.kind !== "{") continue; // a parenthesis or bracket that was never closed
      this.at++;
      return this.#token("}", bracket.dividesAfter);
    }
  }

  #word(): void {
    const rest = /\d\w*(?:\.\w*)?|(?:[\w$#@\x80-\uffff]|\\u(?:\{[^}]*\})?|\\)+/y;
    rest.lastIndex = this.at;
    const word = rest.exec(this.text)![0];
    this.at += word.length;
    const isProperty = this.#previous === "." || this.#previous === "?.";
    this.#token(word, isProperty || !operatorWords.has(word));
  }

  #punctuation(character: string): void {
    const two = this.text.slice(this.at, this.at + 2);
    // After an operand these stay behind it (i++, value!), before one they lead it.
    if (two === "++" || two === "--") {
      this.at += 2;
      return this.#token(two, this.#operand);
    }
    if (character === "!" && this.#operand && two !== "!=") {
      this.at++;
      return this.#token("!", true);
    }
    const token = two === "=>" || two === "?." ? two : character;
    this.at += token.length;
    this.#token(token, false);
  }
}

/** Lua cannot be run, but its blocks are read to their right end, so that each makes one error and no more. */
function luaEnd(text: string, start: number): number {
  let depth = 0;
  const token = /--(?=\[=*\[)|--[^\n]*|\[(=*)\[|"(?:\\[^]|[^"\\\n])*"?|'(?:\\[^]|[^'\\\n])*'?|[{}]/g;
  token.lastIndex = start;
  for (let match = token.exec(text); match; match = token.exec(text)) {
    if (match[1] !== undefined) {
      const close = text.indexOf(`]${match[1]}]`, token.lastIndex);
      if (close < 0) return -1;
      token.lastIndex = close + match[1].length + 2;
    } else if (match[0] === "{") depth++;
    else if (match[0] === "}" && depth-- === 0) return match.index;
  }
  return -1;
}
