import { expect, test } from "bun:test";
import { parseRanges } from "./parse.ts";

const one = (start: number, end: number) => [{ start, end }];

test.each([
  ["bytes=0-4", 10, one(0, 5)],
  ["bytes=9-9", 10, one(9, 10)],
  ["bytes=0-100", 10, one(0, 10)],
  ["bytes=3-", 10, one(3, 10)],
  ["bytes=-3", 10, one(7, 10)],
  ["bytes=-100", 10, one(0, 10)],
  ["bytes= 1 - 2 ", 10, one(1, 3)],
  ["bytes=0-1,3-4", 10, [...one(0, 2), ...one(3, 5)]],
  ["bytes=0-1, 20-, -1", 10, [...one(0, 2), ...one(9, 10)]],
  ["bytes=10-", 10, "unsatisfiable"],
  ["bytes=-0", 10, "unsatisfiable"],
  ["bytes=2-1", 10, "unsatisfiable"],
  ["bytes=- 1", 10, "unsatisfiable"],
  ["bytes=1", 10, "unsatisfiable"],
  ["bytes=a-b", 10, "unsatisfiable"],
  ["bytes=0-1,", 10, "unsatisfiable"],
  ["bytes=0-1;2-3", 10, "unsatisfiable"],
  ["bytes=0-9223372036854775808", 10, "unsatisfiable"],
  ["bytes=0-", 0, "ignore"],
  ["bytes=-5", 0, "ignore"],
  ["bytes=0-,0-", 10, "ignore"],
  [`bytes=${Array(40).fill("0-0").join(",")}`, 100, "ignore"],
] as const)("%s of %i bytes", (value, size, wanted) => {
  expect(parseRanges(value, size, "unlimited")).toEqual(wanted as ReturnType<typeof parseRanges>);
});

test("more ranges than are allowed give the whole body", () => {
  expect(parseRanges("bytes=0-0,2-2", 10, 1)).toBe("ignore");
  expect(parseRanges("bytes=0-0,20-", 10, 1)).toEqual(one(0, 1));
  expect(parseRanges(`bytes=${Array(40).fill("0-0").join(",")}`, 100, 100)).toHaveLength(40);
});

test("a list of thousands takes no time to refuse", () => {
  const start = Bun.nanoseconds();
  for (let i = 0; i < 10; i++) parseRanges(`bytes=${"0-0,".repeat(16_000)}0-0`, 1_000_000, "unlimited");
  expect(Bun.nanoseconds() - start).toBeLessThan(500_000_000);
});
