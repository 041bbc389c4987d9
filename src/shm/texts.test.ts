import { expect, test } from "bun:test";
import { Prng } from "../std/prng.ts";
import { Texts } from "./texts.ts";

const MEGABYTE = 2 ** 20;

test("a text is kept from its second reading on, for its stamp only", () => {
  const texts = new Texts(64 * MEGABYTE);
  const read = (stamp: number, text: string) => {
    const known = texts.get(7, stamp, 1);
    if (known === undefined) texts.add(7, stamp, 1, text, text.length);
    return known;
  };
  expect([read(5, "a"), read(5, "a"), read(5, "a")]).toEqual([undefined, undefined, "a"]);
  expect(texts.get(7, 5, 2)).toBeUndefined();
  expect(texts.get(9, 5, 1)).toBeUndefined();
  expect([read(6, ""), read(6, ""), read(6, "")]).toEqual([undefined, undefined, ""]);
  expect([read(9, "b"), read(9, "b"), read(9, "b")]).toEqual([undefined, undefined, "b"]);
});

const seed = Prng.seedFromEnvironment();

test(`whatever is read and written, a text is its stamp's, and all are within bounds (SEED=${seed})`, () => {
  const random = new Prng(seed);
  const texts = new Texts(64 * MEGABYTE);
  const written = new Map<number, { stamp: number; text: string }>();
  const kept = new Map<string, number>();
  let hits = 0;
  for (let step = 0, stamp = 0; step < 30_000; step++) {
    const hash = 4096 * random.below(2) + random.below(200);
    if (!written.has(hash) || random.below(20) === 0)
      written.set(hash, { stamp: ++stamp, text: `${stamp}`.repeat(random.below(4) * random.below(50_000)) });
    const now = written.get(hash)!;
    const known = texts.get(hash, now.stamp, now.stamp);
    if (known === undefined) texts.add(hash, now.stamp, now.stamp, now.text, now.text.length);
    else if (known !== now.text) throw new Error(`stamp ${now.stamp}: ${known.length}, not ${now.text.length}`);
    else hits++;
  }
  for (const [hash, { stamp, text }] of written)
    if (texts.get(hash, stamp, stamp) !== undefined) kept.set(String(stamp), text.length);
  const bytes = [...kept.values()].reduce((sum, length) => sum + length, 0);
  expect(bytes).toBeLessThanOrEqual(4 * MEGABYTE);
  expect(bytes).toBeGreaterThan(MEGABYTE);
  expect(hits).toBeGreaterThan(1000);
});

test("texts that are read in a circle longer than there is room for are not all thrown out", () => {
  const texts = new Texts(64 * MEGABYTE);
  const text = "x".repeat(MEGABYTE / 64);
  let hits = 0;
  for (let round = 0; round < 20; round++)
    for (let key = 0; key < 512; key++)
      if (texts.get(key, key, 0) !== undefined) hits++;
      else texts.add(key, key, 0, text, text.length);
  expect(hits / (18 * 512)).toBeGreaterThan(0.3); // half of them would fit
});

test.each([
  [64 * MEGABYTE, MEGABYTE],
  [32 * 1024, 1024],
])("of a zone of %d bytes, no text of more than %d is kept", (zoneBytes, most) => {
  const texts = new Texts(zoneBytes);
  const read = (bytes: number) => texts.get(1, bytes, 0) ?? texts.add(1, bytes, 0, "x", bytes);
  for (const bytes of [most, most + 1]) (read(bytes), read(bytes));
  expect(read(most + 1)).toBeUndefined();
  (read(most), read(most));
  expect(read(most)).toBe("x");
});
