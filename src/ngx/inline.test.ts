import { expect, test } from "bun:test";
import { inlineModule, inlinePath, originalPlaces } from "./inline.ts";

const at = (line: number, column: number) => ({ file: "/conf/nginx.conf", line, column, length: 1 });

/** Where `word` stands in a module, counted as in a file. */
function placeOf(module: string, word: string): [line: number, column: number] {
  const before = module.slice(0, module.indexOf(word));
  return [before.split("\n").length, before.length - before.lastIndexOf("\n")];
}

test.each([
  ["on the first line of the file", " here; ", at(1, 30), undefined],
  ["behind its brace", " here; ", at(5, 30), [5, 31]],
  ["on lines of its own", "\n    here;\n", at(5, 30), [6, 5]],
  [
    "behind imports",
    "\n  import { a } from \"./a.ts\";\n  // note\n  import b from 'b';\n  here;\n",
    at(5, 30),
    [9, 3],
  ],
] as const)("a block %s keeps its place", (_, source, place, expected) => {
  const module = inlineModule(source, place, "content_by_ts_block", []);
  if (expected) expect(placeOf(module, "here")).toEqual([...expected]);
  expect(() => new Bun.Transpiler({ loader: "ts" }).transformSync(module)).not.toThrow();
});

test("imports stand before the function, and nothing else does", () => {
  const module = inlineModule('\nimport { a } from "./a.ts";\nconst important = a;\n', at(2, 1), "f", ["chunk"]);
  expect(module.indexOf("import {")).toBeLessThan(module.indexOf("export default"));
  expect(module.indexOf("const important")).toBeGreaterThan(module.indexOf("export default function f(ngx, chunk)"));
});

test("a block that waits is asynchronous, another one is not", () => {
  expect(inlineModule(" await x; ", at(2, 1), "f", [])).toContain("async function f");
  expect(inlineModule(" x; ", at(2, 1), "f", [])).not.toContain("async");
});

test("places in stack traces are the file's", () => {
  const path = inlinePath(at(12, 7));
  expect(originalPlaces(`    at f (${path}:13:5)`)).toBe("    at f (/conf/nginx.conf:13:5)");
});
