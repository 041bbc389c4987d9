import { expect, test } from "bun:test";
import { posix } from "node:path";
import { parseConfiguration } from "../../src/config/include.ts";
import { parse } from "../../src/config/parser.ts";
import { renderAll } from "../../src/config/render.ts";
import { readFromSources } from "../../src/config/sources.ts";
import { Text } from "../../src/config/text.ts";
import { Diagnostics } from "../../src/core/diagnostic.ts";
import type { Directive } from "../../src/core/directive.ts";
import { Prng } from "../../src/std/prng.ts";

const seed = Prng.seedFromEnvironment();
const rounds = Number(process.env.CONFIG_ROUNDS ?? 1);

/** The model: what a directive says, and nothing of how it is written. */
interface Tree {
  readonly words: readonly string[];
  readonly block?: readonly Tree[];
  readonly script?: string;
}

const treeOf = ({ name, args, block, script }: Directive): Tree => ({
  words: [name, ...args.map(({ text }) => text)],
  ...(block ? { block: block.map(treeOf) } : {}),
  ...(script ? { script: script.text } : {}),
});

const pieces = [
  ..."abz09_-./:=~*^$%&?!,<>|@[]()+",
  ..."\"'\\;{} \t\n\r#",
  ..."\xe9\xff\x01",
  "${a}",
  "\\d",
  "\\\\",
  "\\n",
  "##",
  "{{",
];
const scripts = [
  "",
  " return 1; ",
  "\n  const a = { b: `}${'}'}` }; // }\n",
  " if (/[}/]/.test(ngx.var.uri)) { ngx.exit(403); } /* } */ ",
  " x = a / b; y = '\\'}'; ",
];

function wordIn(random: Prng, lengthMax = 12): string {
  return Array.from({ length: random.below(lengthMax + 1) }, () => random.pick(pieces)).join("");
}

function treesIn(random: Prng, depth: number): Tree[] {
  return Array.from({ length: random.below(5) }, () => {
    if (random.below(12) === 0) return { words: ["content_by_ts_block"], script: random.pick(scripts) };
    // Names that mean something to the parser itself are left out.
    const words = [
      `n${wordIn(random).replace(/_by_/g, "")}`,
      ...Array.from({ length: random.below(4) }, () => wordIn(random)),
    ];
    return depth > 0 && random.below(3) === 0 ? { words, block: treesIn(random, depth - 1) } : { words };
  });
}

/** A word as it may be written: bare if it can be, else in either quote, with needless escapes here and there. */
function writtenWord(random: Prng, word: string): string {
  // Bare, a space, semicolon or brace would end it, unless that brace follows a dollar sign, or a brace that does.
  // So would not, after a dollar sign at the end, the brace of a block.
  const canBeBare = word !== "" && !/^[#"'}]|[ ;]|(?<!\$\{*)\{|\\.*\{|\$\{*$/s.test(word);
  const quote = random.pick(canBeBare ? ["", '"', "'"] : ['"', "'"]);
  const escapes: Record<string, string> = { "\t": "\\t", "\n": "\\n", "\r": "\\r" };
  let text = "";
  for (const [index, character] of [...word].entries()) {
    const next = word[index + 1];
    // Before a letter that makes no escape with it, a backslash stands for itself.
    const alone = next !== undefined && !"\"'\\trn\t\r\n".includes(next) && random.below(2) === 0;
    if (character === "\\") text += alone ? "\\" : "\\\\";
    else if (character in escapes) text += quote === "" || random.below(2) ? escapes[character] : character;
    else text += character === quote ? `\\${character}` : character;
  }
  return `${quote}${text}${quote}`;
}

function written(random: Prng, trees: readonly Tree[]): string {
  const gap = () => random.pick([" ", "\n", "\t", "\r\n", "  ", ' # } ; "\n', "\n#\r\n"]);
  const maybe = () => (random.below(3) === 0 ? gap() : "");
  let text = maybe();
  for (const { words, block, script } of trees) {
    // Quoted, the name would not be that of a script block.
    const names = script === undefined ? words.map((word) => writtenWord(random, word)) : words;
    text += names.join(gap()) + (random.below(2) ? gap() : "");
    if (script !== undefined) text += `{${script}}`;
    else if (block) text += `{${written(random, block)}}`;
    else text += ";";
    text += maybe();
  }
  return text;
}

test(`a tree that is written down is read again as it was (SEED=${seed})`, () => {
  for (let round = 0; round < 600 * rounds; round++) {
    const random = new Prng(seed + round);
    const trees = treesIn(random, 3);
    const text = written(random, trees);
    const diagnostics = new Diagnostics();
    const directives = parse(new Text("f", text), diagnostics);
    if (diagnostics.list.length > 0)
      throw new Error(`SEED=${seed + round}: ${renderAll(diagnostics.list, { sources: new Map([["f", text]]) })}`);
    expect(directives.map(treeOf)).toEqual(trees);
    expectPlaces(text, directives);
  }
});

/** Every place is where its word is: the characters there begin, after a quote, as the word does. */
function expectPlaces(text: string, directives: readonly Directive[]): void {
  const lines = text.split("\n");
  for (const { args, block } of directives) {
    for (const { quote, text: word, place } of args) {
      const rest = lines[place.line - 1]!.slice(columnToOffset(lines[place.line - 1]!, place.column));
      expect(rest.startsWith(quote)).toBe(true);
      const first = rest[quote.length];
      // Behind a backslash, or a line feed within quotes, the word itself says something else.
      if (first !== undefined && first !== "\\" && word !== "") expect(first).toBe(word[0]!);
    }
    if (block) expectPlaces(text, block);
  }
}

/** Columns count what is not the continuation of a UTF-8 sequence. */
function columnToOffset(line: string, column: number): number {
  let offset = 0;
  for (let count = 1; count < column || /[\x80-\xbf]/.test(line[offset] ?? ""); offset++)
    if (!/[\x80-\xbf]/.test(line[offset]!)) count++;
  return offset;
}

test(`a configuration in many files reads as in one (SEED=${seed})`, () => {
  for (let round = 0; round < 200 * rounds; round++) {
    const random = new Prng(seed + round);
    const sources = new Map<string, string>();
    const trees = treesIn(random, 3);
    sources.set("/etc/main", scatter(random, trees, sources));
    const diagnostics = new Diagnostics();
    const read = parseConfiguration({ file: "/etc/main", reader: readFromSources(sources) }, diagnostics);
    expect(diagnostics.list).toEqual([]);
    expect(read.directives.map(treeOf)).toEqual(trees);
    expect(new Set(read.sources.keys())).toEqual(new Set(sources.keys()));
  }
});

/** Writes `trees`, some of them into files of their own. */
function scatter(random: Prng, trees: readonly Tree[], sources: Map<string, string>): string {
  return trees
    .map((tree) => {
      const { words, block } = tree;
      const name = words.map((word) => writtenWord(random, word)).join(" ");
      const text = block ? `${name} {${scatter(random, block, sources)}}` : written(random, [tree]);
      if (random.below(3) > 0) return text;
      const path = `d${random.below(3)}/${sources.size}.conf`;
      sources.set(posix.join("/etc", path), text);
      return `include ${random.below(2) ? path : path.replace("conf", "c*")};`;
    })
    .join("\n");
}

test(`whatever a file holds, it is read to its end and what is wrong is within it (SEED=${seed})`, () => {
  const parts = [...pieces, "a;", "b {", "}", "x_by_ts_block {", "include f;", "include /none;", "`", "/", "\0"];
  for (let round = 0; round < 2000 * rounds; round++) {
    const random = new Prng(seed + round);
    const text = Array.from({ length: random.below(40) }, () => random.pick(parts)).join("");
    const diagnostics = new Diagnostics();
    const reader = readFromSources(new Map([["/f", text]]));
    const { directives, sources } = parseConfiguration({ file: "/f", reader }, diagnostics);
    const lines = text.split("\n");
    for (const { place, notes } of diagnostics.list)
      for (const { line, column } of [place!, ...(notes ?? []).map((note) => note.place)]) {
        expect(line).toBeWithin(1, lines.length + 1);
        expect(column).toBeWithin(1, lines[line - 1]!.length + 2);
      }
    // Never more errors than there are places to go wrong, the end included.
    expect(diagnostics.list.length).toBeLessThanOrEqual(text.length + 1);
    expect(() => renderAll(diagnostics.list, { sources })).not.toThrow();
    expect(Array.isArray(directives)).toBe(true);
  }
});
