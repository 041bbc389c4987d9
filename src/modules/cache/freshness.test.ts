import { expect, test } from "bun:test";
import { freshness } from "./freshness.ts";
import { varyOf } from "./vary.ts";

const now = 1_700_000_000;
const later = "Thu, 31 Dec 2037 23:55:55 GMT";
const laterSeconds = Date.parse(later) / 1000;
const past = "Thu, 01 Jan 1970 00:00:01 GMT";
const none: ReadonlySet<string> = new Set();

test.each([
  [[], undefined],
  [["Cache-Control", "max-age=60"], now + 60],
  [["Cache-Control", 'public, max-age="60"'], now + 60],
  [["Cache-Control", "max-age=1, s-maxage=10"], now + 10],
  [["Cache-Control", "max-age=0"], "no"],
  [["Cache-Control", "no-cache, max-age=60"], "no"],
  [["Cache-Control", "max-age=60", "cache-control", "no-store"], "no"],
  [["Cache-Control", "private"], "no"],
  [["Cache-Control", "max-age=9223372036854775808"], now + 0x7fffffff],
  [["Cache-Control", "must-revalidate"], undefined],
  [["Expires", later], laterSeconds],
  [["Expires", past], "no"],
  [["Expires", "0"], "no"],
  [["Expires", past, "Cache-Control", "max-age=60"], now + 60],
  [["X-Accel-Expires", "60", "Cache-Control", "no-cache"], now + 60],
  [["X-Accel-Expires", "0", "Cache-Control", "max-age=60"], "no"],
  [["X-Accel-Expires", "@60"], 60],
  [["X-Accel-Expires", "60", "X-Accel-Expires", "0"], now + 60],
  [["X-Accel-Expires", "soon", "Expires", later], laterSeconds],
  [["Cache-Control", "max-age=60", "Set-Cookie", "a=b"], "no"],
  [["Cache-Control", "max-age=60", "Vary", "*"], "no"],
] as [string[], number | "no" | undefined][])("%j is fresh until %p", (headers, validUntil) => {
  expect(freshness(headers, none, now).validUntil).toBe(validUntil);
});

test("a field that is ignored says nothing", () => {
  const headers = ["Cache-Control", "no-cache", "Set-Cookie", "a=b", "Expires", later];
  expect(freshness(headers, new Set(["cache-control", "set-cookie"]), now).validUntil).toBe(laterSeconds);
});

test.each([
  ["max-age=1, stale-while-revalidate=5", 5, 5],
  ["max-age=1, stale-if-error=7", 0, 7],
  ["max-age=1, stale-while-revalidate=5, stale-if-error=7", 5, 7],
])("%s", (control, staleWhileRevalidate, staleIfError) => {
  expect(freshness(["Cache-Control", control], none, now)).toMatchObject({ staleWhileRevalidate, staleIfError });
});

test("stale times hold beside X-Accel-Expires", () => {
  const found = freshness(["X-Accel-Expires", "@1", "Cache-Control", "stale-while-revalidate=9"], none, now);
  expect(found).toEqual({ validUntil: 1, staleWhileRevalidate: 9, staleIfError: 9 });
});

test("the names of Vary are one list, whatever their order, case and lines", () => {
  expect(varyOf(["Vary", "B, a", "X", "1", "vary", "A,c"], none)).toBe("a,b,c");
  expect(varyOf(["Vary", "a"], new Set(["vary"]))).toBe("");
});
