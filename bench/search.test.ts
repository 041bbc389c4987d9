import { expect, test } from "bun:test";
import { searchRate } from "./search.ts";

test.each([5, 800, 12_345, 59_000])("finds a limit of %p from below, within 4 %%", async (limit) => {
  const found = await searchRate(60_000, async (rate) => rate <= limit);
  expect(found).toBeLessThanOrEqual(limit);
  expect(found).toBeGreaterThanOrEqual(limit > 60_000 / 2 ** 9 ? limit * 0.96 : 0);
});

test("nothing holds", async () => {
  expect(await searchRate(1000, async () => false)).toBe(0);
});

test("an interrupted search keeps what held", async () => {
  let trials = 0;
  expect(await searchRate(1000, async () => (trials++ === 0 ? true : undefined))).toBe(600);
  expect(trials).toBe(2);
});
