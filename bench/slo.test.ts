import { expect, test } from "bun:test";
import { createHistogram, recordMs } from "./histogram.ts";
import { judge, parseObjectives } from "./slo.ts";
import { UsageError } from "./usage.ts";

const latency = createHistogram();
for (let i = 1; i <= 1000; i++) recordMs(latency, i / 10);
const totals = { answers: 999, errors: 1, errorShare: 0.001, requestsPerSecond: 500, bytesPerSecond: 0, seconds: 2 };

test.each([
  ["p99<100ms", true],
  ["p99<99ms", false],
  ["p50<=50.1ms", true],
  ["p99.9<0.2s", true],
  ["max<100001us", true],
  ["max<100ms", false],
  ["mean>50ms", true],
  ["errors<0.1%", false],
  ["errors<=0.1%", true],
  ["errors<2", true],
  ["rps>=500", true],
  ["rps>500", false],
])("%s is %p", (text, ok) => {
  expect(judge(parseObjectives(text), totals, latency)).toMatchObject([{ text, ok }]);
});

test("several conditions are judged one by one", () => {
  expect(judge(parseObjectives("p99<1s, errors<0.01%"), totals, latency).map((one) => one.ok)).toEqual([true, false]);
});

test("a run without an answer meets nothing", () => {
  const nothing = { ...totals, answers: 0, errors: 0, errorShare: 0 };
  expect(judge(parseObjectives("p99<1s,errors<1%"), nothing, createHistogram()).map((one) => one.ok)).toEqual([
    false,
    false,
  ]);
});

test.each(["", "p99", "p99<50", "p99=50ms", "p101<1ms", "rps>5%", "latency<5ms", "errors<1ms"])(
  "%p is refused",
  (text) => {
    expect(() => parseObjectives(text)).toThrow(UsageError);
  },
);
