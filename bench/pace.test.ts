import { expect, test } from "bun:test";
import { Pace } from "./pace.ts";

function take(pace: Pace, count: number): number[] {
  return Array.from({ length: count }, () => {
    const due = pace.nextMs;
    pace.advance();
    return due;
  });
}

test("requests are due at even distances", () => {
  expect(take(new Pace(1000, 200, 0), 4)).toEqual([1000, 1005, 1010, 1015]);
});

test("the distance does not drift over a million requests", () => {
  const pace = new Pace(0, 3000, 0);
  take(pace, 1_000_000);
  expect(pace.nextMs).toBeCloseTo(1_000_000 / 3, 6);
});

test("processes interleave", () => {
  const first = take(new Pace(0, 100, 0, 0, 2), 3);
  const second = take(new Pace(0, 100, 0, 1, 2), 3);
  expect(first).toEqual([0, 20, 40]);
  expect(second).toEqual([10, 30, 50]);
});

test("in the ramp the rate rises evenly: half its requests come in the last 0.3 of it", () => {
  const pace = new Pace(0, 1000, 1000);
  const due = take(pace, 500);
  expect(due[0]).toBe(0);
  expect(due[250]).toBeCloseTo(1000 * Math.SQRT1_2, 6);
  expect(pace.nextMs).toBeCloseTo(1000, 6);
  take(pace, 1);
  expect(pace.nextMs).toBeCloseTo(1001, 6);
});

test.each([0, 1000])("the backlog is what is due and was not taken (ramp %p)", (rampMs) => {
  const pace = new Pace(0, 100, rampMs);
  const counting = new Pace(0, 100, rampMs);
  const due = take(counting, 300);
  for (const now of [0, 9, 10, 500, 999, 1500, 1995]) {
    expect(Math.abs(pace.backlog(now) - due.filter((at) => at <= now).length)).toBeLessThanOrEqual(1);
  }
  take(pace, 300);
  expect(pace.backlog(1000)).toBe(0);
});
