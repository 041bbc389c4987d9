import { describe, expect, test } from "bun:test";
import { Replacer } from "./replacer.ts";

type Pairs = readonly (readonly [text: string, replacement: string])[];

function inPieces(pairs: Pairs, once: boolean, pieces: readonly string[]): string {
  const replacer = new Replacer(
    pairs.map(([text, replacement]) => ({ text, replacement: () => replacement })),
    once,
  );
  return pieces.map((piece, i) => replacer.push(piece, i === pieces.length - 1)).join("");
}

const rows: [name: string, pairs: Pairs, once: boolean, input: string, output: string][] = [
  ["the first only", [["a", "X"]], true, "banana", "bXnana"],
  ["all of them", [["a", "X"]], false, "banana", "bXnXnX"],
  [
    "each pattern once",
    [
      ["a", "X"],
      ["n", "Y"],
    ],
    true,
    "banana",
    "bXYana",
  ],
  ["without regard to case", [["AbC", "x"]], false, "abc ABC aBc", "x x x"],
  ["letters beyond ASCII as they are", [["\xe9", "e"]], false, "\xe9\xc9", "e\xc9"],
  [
    "the first pattern wins where two match",
    [
      ["ab", "1"],
      ["abc", "2"],
    ],
    false,
    "abcab",
    "1c1",
  ],
  [
    "a longer one that stands first wins",
    [
      ["abc", "2"],
      ["ab", "1"],
    ],
    false,
    "abcab",
    "21",
  ],
  [
    "the leftmost match wins",
    [
      ["bc", "1"],
      ["ab", "2"],
    ],
    false,
    "abc",
    "2c",
  ],
  ["a match may begin within a false start", [["aab", "x"]], false, "aaab", "ax"],
  ["what was put in is not looked at", [["a", "aa"]], false, "a", "aa"],
  ["an empty replacement", [["an", ""]], false, "banana", "ba"],
  ["signs of regular expressions", [["a.b*(c)", "x"]], false, "axb a.b*(c)", "axb x"],
  ["a beginning at the end", [["abc", "x"]], false, "xab", "xab"],
];

for (const [name, pairs, once, input, output] of rows)
  describe(name, () => {
    test("whole", () => expect(inPieces(pairs, once, [input])).toBe(output));
    test("byte by byte", () => expect(inPieces(pairs, once, [...input])).toBe(output));
    for (let at = 1; at < input.length; at++)
      test(`cut after ${at}`, () => expect(inPieces(pairs, once, [input.slice(0, at), input.slice(at)])).toBe(output));
  });

test("a replacement is asked for when it is needed, and once", () => {
  let asked = 0;
  const replacer = new Replacer([{ text: "a", replacement: () => String(++asked) }], false);
  expect(replacer.push("xyz", false)).toBe("xyz");
  expect(asked).toBe(0);
  expect(replacer.push("banana", true)).toBe("b1n1n1");
});
