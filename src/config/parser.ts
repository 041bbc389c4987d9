import type { Diagnostics, Place } from "../core/diagnostic.ts";
import type { Directive, Word } from "../core/directive.ts";
import { decodeUtf8 } from "../std/bytestring.ts";
import { Lexer } from "./lexer.ts";
import { scriptEnd } from "./script.ts";
import { commandLine, type Text } from "./text.ts";

/** Whoever walks the tree does so by calling itself. */
const nestingMax = 200;

const scriptBlock = /_by_(ts|lua)_block$/;

/** One open block: the directives read so far, and what it will belong to. */
interface Level {
  readonly directives: Directive[];
  readonly owner?: { readonly name: Word | undefined; readonly args: readonly Word[]; readonly brace: Place };
}

/** Reads one file, or the text of `-g`, into directives. Goes on after an error and reports the next one too. */
export function parse(text: Text, diagnostics: Diagnostics): Directive[] {
  const nul = text.bytes.indexOf("\0");
  if (nul >= 0) {
    diagnostics.error("unexpected NUL byte", text.place(nul), "a text file in ASCII or UTF-8");
    return [];
  }
  return new Parser(text, diagnostics).parse();
}

class Parser {
  readonly #lexer: Lexer;
  readonly #levels: Level[] = [{ directives: [] }];
  #words: Word[] = [];

  constructor(
    private readonly text: Text,
    private readonly diagnostics: Diagnostics,
  ) {
    this.#lexer = new Lexer(text, diagnostics);
  }

  parse(): Directive[] {
    for (;;) {
      const token = this.#lexer.next();
      switch (token.kind) {
        case "word":
          this.#words.push(token.word);
          break;
        case ";":
          if (this.#words.length === 0) this.diagnostics.error('unexpected ";"', token.place, "a directive before it");
          else this.#finish({});
          break;
        case "{":
          if (!this.#open(token.place)) return this.#end(undefined);
          break;
        case "}":
          this.#close(token.place);
          break;
        case "end":
          return this.#end(token.place);
      }
    }
  }

  /** @returns false where nothing behind the brace can be read any more. */
  #open(brace: Place): boolean {
    const [name, ...args] = this.#words;
    const language = name?.quote === "" ? scriptBlock.exec(name.text)?.[1] : undefined;
    if (name && language) return this.#script(name, language as "ts" | "lua", brace);
    if (!name) this.diagnostics.error('unexpected "{"', brace, "the name of the block before it");
    else if (this.text.file === commandLine)
      this.diagnostics.error("block directives are not supported in -g option", name.place);
    if (this.#levels.length > nestingMax) {
      this.diagnostics.error("too many blocks inside each other", brace, `at most ${nestingMax} of them`);
      return false;
    }
    this.#levels.push({ directives: [], owner: { name, args, brace } });
    this.#words = [];
    return true;
  }

  #script(name: Word, language: "ts" | "lua", brace: Place): boolean {
    const start = this.#lexer.at;
    const end = scriptEnd(this.text.bytes, start, language);
    if (end < 0) {
      const message = `unexpected end of file, expecting "}" that closes "${name.text}"`;
      const opened = { message: "the script starts here", place: brace };
      this.diagnostics.add({
        severity: "emerg",
        message,
        place: this.text.place(this.text.bytes.length),
        notes: [opened],
      });
      return false;
    }
    this.#lexer.at = end + 1;
    const text = decodeUtf8(this.text.bytes.slice(start, end));
    this.#finish({ script: { text, place: this.text.place(start, end) } });
    return true;
  }

  #close(brace: Place): void {
    if (this.#words.length > 0) {
      this.diagnostics.error('unexpected "}"', brace, `";" after "${this.#words.at(-1)!.text.slice(0, 40)}"`);
      this.#finish({});
    }
    if (this.#levels.length === 1)
      this.diagnostics.error('unexpected "}"', brace, "no more closing than opening braces");
    else this.#popLevel();
  }

  #popLevel(): void {
    const { directives, owner } = this.#levels.pop()!;
    if (!owner?.name) return; // a block without a name, already reported
    const directive = { name: owner.name.text, args: owner.args, place: owner.name.place, block: directives };
    this.#levels.at(-1)!.directives.push(directive);
  }

  #finish(rest: Pick<Directive, "script">): void {
    const [name, ...args] = this.#words;
    this.#words = [];
    this.#levels.at(-1)!.directives.push({ name: name!.text, args, place: name!.place, ...rest });
  }

  /** @param place Where the text ends; undefined after an error that explains all that is left open. */
  #end(place: Place | undefined): Directive[] {
    if (place && this.#words.length > 0) {
      const name = this.#words[0]!;
      const message =
        this.text.file === commandLine
          ? 'unexpected end of parameter, expecting ";"'
          : 'unexpected end of file, expecting ";" or "}"';
      const started = { message: `"${name.text.slice(0, 40)}" starts here`, place: name.place };
      this.diagnostics.add({ severity: "emerg", message, place, notes: [started] });
      this.#finish({});
    } else if (place && this.#levels.length > 1) {
      const message = 'unexpected end of file, expecting "}"';
      const brace = this.#levels.at(-1)!.owner!.brace;
      const opened = { message: "the block that is not closed starts here", place: brace };
      this.diagnostics.add({ severity: "emerg", message, place, notes: [opened] });
    }
    while (this.#levels.length > 1) this.#popLevel();
    return this.#levels[0]!.directives;
  }
}
