import { describe, expect, test } from "bun:test";
import { Diagnostics } from "../core/diagnostic.ts";
import type { Directive } from "../core/directive.ts";
import { parse } from "./parser.ts";
import { commandLine, Text } from "./text.ts";

function read(text: string, file = "t.conf") {
  const diagnostics = new Diagnostics();
  const bytes = Buffer.from(text).toString("latin1");
  return { directives: parse(new Text(file, bytes), diagnostics), diagnostics };
}

/** A tree as nested lists: the name, the arguments, then the block or script. */
function shape(directives: readonly Directive[]): unknown[] {
  return directives.map(({ name, args, block, script }) => [
    name,
    ...args.map((word) => word.text),
    ...(block ? [shape(block)] : []),
    ...(script ? [{ script: script.text }] : []),
  ]);
}

function errors({ diagnostics }: ReturnType<typeof read>): string[] {
  return diagnostics.list.map(({ message, place }) => `${place?.line}:${place?.column} ${message}`);
}

test.each<[string, unknown[]]>([
  ["", []],
  ["# no line feed", []],
  ["a;", [["a"]]],
  ["a b c;", [["a", "b", "c"]]],
  ["a\tb\r\nc\n;", [["a", "b", "c"]]],
  ["a;b;", [["a"], ["b"]]],
  ["a{b;}", [["a", [["b"]]]]],
  ["a {}", [["a", []]]],
  [
    "a { b { c; } d {} } e;",
    [
      [
        "a",
        [
          ["b", [["c"]]],
          ["d", []],
        ],
      ],
      ["e"],
    ],
  ],
  [`a "b c" 'd e';`, [["a", "b c", "d e"]]],
  [`a "b;{}#" 'c"d';`, [["a", "b;{}#", 'c"d']]],
  [`a "" '';`, [["a", "", ""]]],
  [`"a" b;`, [["a", "b"]]],
  ['a "b"{}', [["a", "b", []]]],
  ['if ($a = "b") {}', [["if", "($a", "=", "b", ")", []]]],
  ["a b#c;", [["a", "b#c"]]],
  ["a b #c;\n d;", [["a", "b", "d"]]],
  ["#a;\r\n#b\nc;#d", [["c"]]],
  ["a b'c d\"e;", [["a", "b'c", 'd"e']]],
  ["a ${b}c;", [["a", "${b}c"]]],
  ["a x${b}${c};", [["a", "x${b}${c}"]]],
  ["a $b{c;}", [["a", "$b", [["c"]]]]],
  ["a b}c;", [["a", "b}c"]]],
  ["a \\{b\\};", [["a", "\\{b\\}"]]],
  ["a \\;b;", [["a", "\\;b"]]],
  ["a b\\ c;", [["a", "b\\ c"]]],
  ["a \\.(jpg|png)$;", [["a", "\\.(jpg|png)$"]]],
  ["a b\\\"c\\';", [["a", "b\"c'"]]],
  [`a "\\"b\\'\\\\c";`, [["a", "\"b'\\c"]]],
  [`a '\\'';`, [["a", "'"]]],
  ["a \\\\\\\\;", [["a", "\\\\"]]],
  ["a x\\ty\\rz\\n;", [["a", "x\ty\rz\n"]]],
  ["a \\d\\w\\/;", [["a", "\\d\\w\\/"]]],
  ['a "b\nc";', [["a", "b\nc"]]],
  ['location ~ "^/a{2,3}$" {}', [["location", "~", "^/a{2,3}$", []]]],
  ["\ufeffa;", [["a"]]],
  ["a \ufeff;", [["a", "\xef\xbb\xbf"]]],
  ["a \u00fc;", [["a", "\xc3\xbc"]]],
  [`a ${"x".repeat(4095)};`, [["a", "x".repeat(4095)]]],
  [`a "${"x".repeat(4095)}";`, [["a", "x".repeat(4095)]]],
])("nginx's grammar: %p", (text, tree) => {
  const result = read(text);
  expect(errors(result)).toEqual([]);
  expect(shape(result.directives)).toEqual(tree);
});

// The columns are ours, everything else is what `nginx -t` says of the same text.
test.each<[string, string[], unknown[]]>([
  ["a\n;\n;b;", ['3:1 unexpected ";"'], [["a"], ["b"]]],
  ["}a;", ['1:1 unexpected "}"'], [["a"]]],
  ["a { b;\n}\n}", ['3:1 unexpected "}"'], [["a", [["b"]]]]],
  ["a { b c }\nd;", ['1:9 unexpected "}"'], [["a", [["b", "c"]]], ["d"]]],
  ['a { b "c"}\nd;', ['1:10 unexpected "}"'], [["a", [["b", "c"]]], ["d"]]],
  ["{ a; }\nb;", ['1:1 unexpected "{"'], [["b"]]],
  ["a; { b }\n", ['1:4 unexpected "{"', '1:8 unexpected "}"'], [["a"]]],
  ["a", ['1:2 unexpected end of file, expecting ";" or "}"'], [["a"]]],
  ["a b\n", ['2:1 unexpected end of file, expecting ";" or "}"'], [["a", "b"]]],
  ["a {", ['1:4 unexpected end of file, expecting "}"'], [["a", []]]],
  ["a {\n b {\n c;\n }\n", ['5:1 unexpected end of file, expecting "}"'], [["a", [["b", [["c"]]]]]]],
  ["a { b", ['1:6 unexpected end of file, expecting ";" or "}"'], [["a", [["b"]]]]],
  ['a "b"c;', ['1:6 unexpected "c"'], [["a", "b", "c"]]],
  ["a 'b'c d;\ne;", ['1:6 unexpected "c"'], [["a", "b", "c", "d"], ["e"]]],
  ["a 'b'\\;;", ['1:6 unexpected "\\"'], [["a", "b", "\\;"]]],
  ['a "b"";\nc;', ['1:6 unexpected """'], [["a", "b"], ["c"]]],
  // An opening quote without its closing one: whatever it swallowed is read again.
  ['a "b;\nc "d";\ne;', ['2:4 unexpected "d"'], [["a", "b;\nc "], ["c", "d"], ["e"]]],
  ['a "b {\nc "d";\n}', ['2:4 unexpected "d"'], [["a", "b {\nc ", [["c", "d"]]]]],
  [
    'a { b "c; }\nd "e";',
    ['2:4 unexpected "e"'],
    [
      ["a", [["b", "c; }\nd "]]],
      ["d", "e"],
    ],
  ],
  [
    'a { b "c; }\nd { e "f" } }',
    ['2:8 unexpected "f"', '2:11 unexpected "}"', '2:13 unexpected "}"'],
    [
      ["a", [["b", "c; }\nd { e "]]],
      ["d", [["e", "f"]]],
    ],
  ],
  [
    'a { b "c; }\nd { e; } f "}";',
    ['2:13 unexpected "}"'],
    [
      ["a", [["b", "c; }\nd { e; } f "]]],
      ["d", [["e"]]],
      ["f", "}"],
    ],
  ],
  ["a 'b;\nc;", [`1:3 unexpected end of file, expecting ";" or "}"`], [["a", "b;\nc;"], ["c"]]],
  ["a 'b\nc;", [`1:3 unexpected end of file, expecting ";" or "}"`], [["a", "b\nc;"], ["c"]]],
  ["a\\", ['1:3 unexpected end of file, expecting ";" or "}"'], [["a\\"]]],
  ["a 'b\\'", [`1:3 unexpected end of file, expecting ";" or "}"`], [["a", "b'"]]],
  [
    `a;\nb ${"x".repeat(4096)} c;\nd;`,
    ['2:3 too long parameter "xxxxxxxxxx..." started'],
    [["a"], ["b", "x".repeat(4096), "c"], ["d"]],
  ],
  [
    `a '${"x".repeat(4096)}' c;\nd;`,
    [`1:3 too long parameter, probably missing terminating "'" character`],
    [["a", "x".repeat(4096), "c"], ["d"]],
  ],
  ["a;\nb\0;", ["2:2 unexpected NUL byte"], []],
  ["\ufeffa }", ['1:3 unexpected "}"'], [["a"]]],
  ["\u00fc\u20ac }", ['1:4 unexpected "}"'], [["\xc3\xbc\xe2\x82\xac"]]],
])("reports and goes on: %p", (text, messages, tree) => {
  const result = read(text);
  expect(errors(result)).toEqual(messages);
  expect(shape(result.directives)).toEqual(tree);
});

test("a parameter of a megabyte is refused once, whatever is in it", () => {
  const million = 1_000_000;
  expect(errors(read(`a ${"\\{".repeat(million / 2)};`))).toEqual([
    '1:3 too long parameter "\\{\\{\\{\\{\\{..." started',
  ]);
  expect(errors(read(`a "${" \n".repeat(million / 2)}`)).length).toBe(1);
  expect(errors(read(`${"a;".repeat(million)}`))).toEqual([]);
});

test("blocks nest as deep as anyone needs and no deeper", () => {
  expect(errors(read("a{".repeat(200) + "}".repeat(200)))).toEqual([]);
  expect(errors(read("a{".repeat(300_000)))).toEqual(["1:402 too many blocks inside each other"]);
});

test("what -g gives has no blocks, and its own words for a missing end", () => {
  const given = (text: string) => read(text, commandLine);
  expect(shape(given("daemon off; pid a b;").directives)).toEqual([
    ["daemon", "off"],
    ["pid", "a", "b"],
  ]);
  expect(errors(given("daemon off"))).toEqual(['1:11 unexpected end of parameter, expecting ";"']);
  expect(errors(given("pid 'a"))).toEqual(['1:5 unexpected end of parameter, expecting ";"']);
  expect(errors(given("events {}"))).toEqual(["1:1 block directives are not supported in -g option"]);
  expect(errors(given(`env A=${"x".repeat(9000)};`))).toEqual([]);
});

test("places are of the name, of each word and of its quotes", () => {
  const { directives } = read('a {\r\n\tb "c d"  e;\r\n}');
  const [b] = directives[0]!.block!;
  expect(directives[0]!.place).toEqual({ file: "t.conf", line: 1, column: 1, length: 1 });
  expect(b!.place).toEqual({ file: "t.conf", line: 2, column: 2, length: 1 });
  expect(b!.args.map(({ place }) => [place.line, place.column, place.length])).toEqual([
    [2, 4, 5],
    [2, 11, 1],
  ]);
  expect(b!.args.map(({ quote }) => quote)).toEqual(['"', ""]);
});

describe("script blocks", () => {
  test("hold their text as written, and where it starts", () => {
    const { directives, diagnostics } = read("a;\nset_by_ts_block $v b {\n  return `${1}}` + 'ü';\n} c;");
    expect(diagnostics.list).toEqual([]);
    expect(shape(directives)).toEqual([
      ["a"],
      ["set_by_ts_block", "$v", "b", { script: "\n  return `${1}}` + 'ü';\n" }],
      ["c"],
    ]);
    expect(directives[1]!.script!.place).toMatchObject({ line: 2, column: 23 });
    expect(directives[1]!.block).toBeUndefined();
  });

  test("are for names that end so, unquoted, and for braces only", () => {
    expect(shape(read("x_by_ts_block a;").directives)).toEqual([["x_by_ts_block", "a"]]);
    expect(shape(read("x_by_ts_blocks { a; }").directives)).toEqual([["x_by_ts_blocks", [["a"]]]]);
    expect(shape(read("'x_by_ts_block' { a; }").directives)).toEqual([["x_by_ts_block", [["a"]]]]);
  });

  test("that do not end are one error", () => {
    const result = read("http {\n a_by_ts_block { if (x) {\n}\n");
    expect(errors(result)).toEqual(['4:1 unexpected end of file, expecting "}" that closes "a_by_ts_block"']);
    expect(result.diagnostics.list[0]!.notes?.[0]?.place).toMatchObject({ line: 2, column: 16 });
  });
});
