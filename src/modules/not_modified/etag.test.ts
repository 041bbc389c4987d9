import { expect, test } from "bun:test";
import { matchesTag } from "./etag.ts";

test.each([
  ['"a"', '"a"', true, true],
  ['"a"', '"b"', false, false],
  ["*", undefined, true, true],
  ['"a"', undefined, false, false],
  ['W/"a"', '"a"', true, false],
  ['"a"', 'W/"a"', true, false],
  ['W/"a"', 'W/"a"', true, true],
  ['"x", "a"', '"a"', true, true],
  ['"x"\t,\t W/"a" ,"y"', '"a"', true, false],
  ['"a"x', '"a"', false, false],
  [',,"a"', '"a"', true, true],
  ["", '"a"', false, false],
  ['"a', '"a"', false, false],
  [`${'"x",'.repeat(1000)}"a"`, '"a"', true, true],
] as const)("%s has %s: weakly %s, strongly %s", (list, etag, weakly, strongly) => {
  expect(matchesTag(list, etag, true)).toBe(weakly);
  expect(matchesTag(list, etag, false)).toBe(strongly);
});
