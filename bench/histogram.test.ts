import { expect, test } from "bun:test";
import {
  absorb,
  createHistogram,
  drain,
  fromSparse,
  percentileMs,
  recordMs,
  summarize,
  toSparse,
} from "./histogram.ts";

/** Numbers that look random and are the same in each run. */
function* spread(count: number): Generator<number> {
  let state = 7;
  for (let i = 0; i < count; i++) {
    state = (state * 1103515245 + 12345) % 2147483648;
    yield 0.02 + (state / 2147483648) ** 4 * 2000;
  }
}

test("percentiles are within three digits of the sorted values", () => {
  const values = [...spread(20_000)];
  const histogram = createHistogram();
  for (const value of values) recordMs(histogram, value);
  values.sort((a, b) => a - b);
  for (const percentile of [50, 75, 90, 95, 99, 99.9, 99.99]) {
    const exact = values[Math.ceil((percentile / 100) * values.length) - 1]!;
    expect(Math.abs(percentileMs(histogram, percentile) - exact)).toBeLessThanOrEqual(exact * 0.001 + 0.001);
  }
  expect(percentileMs(histogram, 100)).toBeCloseTo(values.at(-1)!, 3);
});

test("what crosses a process boundary adds up to what was recorded", () => {
  const whole = createHistogram();
  const parts = [createHistogram(), createHistogram(), createHistogram()];
  let i = 0;
  for (const value of spread(3000)) {
    recordMs(whole, value);
    recordMs(parts[i++ % 3]!, value);
  }
  const sum = createHistogram();
  for (const part of parts) absorb(sum, drain(part));
  expect(toSparse(sum)).toEqual(toSparse(whole));
  const { meanMs: _a, deviationMs: _b, ...summed } = summarize(sum);
  expect(summarize(whole)).toMatchObject(summed);
  expect(parts.map((part) => part.totalCount)).toEqual([0, 0, 0]);
});

test("a drained histogram can be used again", () => {
  const histogram = createHistogram();
  recordMs(histogram, 900);
  drain(histogram);
  recordMs(histogram, 1);
  expect(summarize(histogram)).toMatchObject({ count: 1, minMs: 1, maxMs: 1, p99Ms: 1 });
});

test("nothing recorded is all zeros, and no pairs", () => {
  expect(summarize(createHistogram())).toMatchObject({ count: 0, minMs: 0, p50Ms: 0, maxMs: 0, meanMs: 0 });
  expect(toSparse(createHistogram())).toEqual([]);
});

test("a clock that stood still or went back is a microsecond", () => {
  const histogram = createHistogram();
  recordMs(histogram, 0);
  recordMs(histogram, -5);
  expect(toSparse(histogram)).toEqual([1, 2]);
});

test("several hours fit", () => {
  const histogram = fromSparse([5 * 3_600_000_000, 1]);
  expect(percentileMs(histogram, 50)).toBeCloseTo(5 * 3_600_000, -4);
});
