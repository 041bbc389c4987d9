import { expect, test } from "bun:test";
import { murmur2 } from "./murmur2.ts";

// Computed with Austin Appleby's algorithm in another language.
const rows: [bytes: string, hash: number][] = [
  ["", 0],
  ["a", 2456313694],
  ["ab", 446775395],
  ["abc", 324500635],
  ["abcd", 646393889],
  ["hello, world", 1263312256],
  ["\xff\xfe\xfd\xfc\xfb\xfa\xf9", 4117637519],
];
for (const [bytes, hash] of rows) test(JSON.stringify(bytes), () => expect(murmur2(bytes)).toBe(hash));
