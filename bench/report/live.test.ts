import { expect, test } from "bun:test";
import type { LiveState } from "../collector.ts";
import { createHistogram, recordMs } from "../histogram.ts";
import { painter, visibleLength } from "./format.ts";
import { liveLines, liveView, plainView, sparkline } from "./live.ts";

const plain = painter(false);

function state(change: Partial<LiveState> = {}): LiveState {
  const latency = createHistogram();
  for (let i = 1; i <= 1000; i++) recordMs(latency, i / 10);
  return {
    phase: "measured",
    elapsedMs: 5000,
    totalMs: 10_000,
    openConnections: 64,
    backlog: 0,
    requestsPerSecond: 12_345,
    answers: 60_000,
    errors: 0,
    errorsByKind: {},
    latency,
    throughput: [10, 20, 40, 80],
    ...change,
  };
}

test("shows progress, throughput, percentiles, a histogram and errors", () => {
  const lines = liveLines(state({ errors: 3, errorsByKind: { reset: 2, timeout: 1 } }), 80, plain);
  const text = lines.join("\n");
  expect(lines[0]).toMatch(/^█+░+ 5s of 10s measured$/);
  const count = (block: string): number => lines[0]!.split(block).length;
  expect(Math.abs(count("█") - count("░"))).toBeLessThanOrEqual(1);
  expect(text).toContain("12 345/s");
  expect(text).toContain("p50 50.0 ms");
  expect(text).toContain("p99 99.0 ms");
  expect(text).toContain("reset 2   timeout 1");
  expect(text).toMatch(/[▁▂▃▄▅▆▇█]{20}/);
});

test("says when requests wait for a free connection", () => {
  expect(liveLines(state({ backlog: 1500 }), 80, plain).join("\n")).toContain("1 500 requests are due and wait");
});

test.each([40, 80, 200])("never wraps in %p columns: it would not know how much to take away", (columns) => {
  let written = "";
  const view = liveView({ write: (text) => (written += text), columns }, painter(true));
  view.draw(state({ errors: 9, errorsByKind: { connect: 1, timeout: 2, reset: 3, protocol: 1, status: 1, body: 1 } }));
  for (const line of written.split("\n")) expect(visibleLength(line)).toBeLessThanOrEqual(columns);
});

test("draws over what it drew, and takes it away in the end", () => {
  const writes: string[] = [];
  const view = liveView({ write: (text) => writes.push(text), columns: 80 }, plain);
  view.draw(state());
  const lines = writes[0]!.split("\n").length - 1;
  view.draw(state());
  expect(writes[1]).toStartWith(`\x1b[${lines}A\x1b[J`);
  view.end();
  expect(writes[2]).toBe(`\x1b[${lines}A\x1b[J`);
});

test("nothing recorded yet is drawn, too", () => {
  const nothing = state({ latency: createHistogram(), throughput: [], answers: 0, requestsPerSecond: 0, elapsedMs: 0 });
  expect(liveLines(nothing, 80, plain)[0]).toContain("0s of 10s");
});

test("piped: a line a second at most, and about twenty in a long run", () => {
  const lines = (totalMs: number): number => {
    let count = 0;
    const view = plainView(() => count++, totalMs);
    for (let at = 0; at <= totalMs; at += 200) view.draw(state({ elapsedMs: at }));
    return count;
  };
  expect(lines(5000)).toBe(5);
  expect(lines(300_000)).toBe(20);
});

test("the highest is a full block, nothing an empty one", () => {
  expect(sparkline([0, 4, 8])).toBe(" ▄█");
  expect(sparkline([])).toBe("");
});
