import { expect, test } from "bun:test";
import { parseFlag, parseInteger, parseOffset, parseSize, parseTimeMs, parseTimeSeconds } from "./units.ts";

test.each<[string, number | undefined]>([
  ["0", 0],
  ["1", 1],
  ["1k", 1024],
  ["8m", 8_388_608],
  ["8M", 8_388_608],
  ["1g", undefined],
  ["", undefined],
  ["k", undefined],
  ["-1", undefined],
  ["1.5m", undefined],
  ["1 k", undefined],
  ["1kb", undefined],
  ["9223372036854775808", undefined],
  ["9007199254740992k", undefined],
])("size %p", (text, bytes) => expect(parseSize(text)).toBe(bytes));

test("an offset may be in gigabytes", () => {
  expect(parseOffset("2G")).toBe(2_147_483_648);
  expect(parseOffset("10m")).toBe(10_485_760);
  expect(parseOffset("1t")).toBeUndefined();
});

test.each<[string, number | undefined, number | undefined]>([
  ["60", 60_000, 60],
  ["0", 0, 0],
  ["1h30m", 5_400_000, 5400],
  ["1h 30m", 5_400_000, 5400],
  ["1m30", 90_000, 90],
  ["500ms", 500, undefined],
  ["1s500ms", 1500, undefined],
  ["1s 500ms", 1500, undefined],
  ["1w", 604_800_000, 604_800],
  ["1M", undefined, 2_592_000],
  ["1y", undefined, 31_536_000],
  ["1y2M3w4d5h6m7s", undefined, 31_536_000 + 2 * 2_592_000 + 3 * 604_800 + 4 * 86_400 + 5 * 3600 + 6 * 60 + 7],
  ["30m1h", undefined, undefined],
  ["1h1h", undefined, undefined],
  ["1s1m", undefined, undefined],
  ["30 ", 30_000, 30],
  ["30 1s", undefined, undefined],
  ["10s 20", 30_000, 30],
  ["", undefined, undefined],
  ["h", undefined, undefined],
  ["1x", undefined, undefined],
  ["-1", undefined, undefined],
  ["1.5s", undefined, undefined],
  [" 1", undefined, undefined],
  ["99999999999999999999", undefined, undefined],
])("time %p", (text, ms, seconds) => {
  expect(parseTimeMs(text)).toBe(ms as number);
  expect(parseTimeSeconds(text)).toBe(seconds as number);
});

test("a flag and an integer", () => {
  expect([parseFlag("on"), parseFlag("OFF"), parseFlag("yes")]).toEqual([true, false, undefined]);
  expect([parseInteger("007"), parseInteger("1e3"), parseInteger("")]).toEqual([7, undefined, undefined]);
});
