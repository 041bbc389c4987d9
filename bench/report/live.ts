import type { LiveState } from "../collector.ts";
import { forEachRecorded, percentileMs, type Histogram } from "../histogram.ts";
import { formatDuration, formatMs, groupDigits, table, visibleLength, type Paint } from "./format.ts";

const BLOCKS = " ▁▂▃▄▅▆▇█";

/** Shows a run while it goes on. Lives in the parent, which sends nothing. */
export interface View {
  draw(state: LiveState): void;
  /** Takes what was drawn away, so that the report follows the head line. */
  end(): void;
}

export interface Terminal {
  write(text: string): void;
  columns: number;
}

/** Redraws a few lines in place. The caller sets the pace, at most ten times a second. */
export function liveView(terminal: Terminal, paint: Paint): View {
  let drawn = 0;
  const erase = (): string => (drawn > 0 ? `\x1b[${drawn}A\x1b[J` : "");
  return {
    draw(state) {
      const lines = liveLines(state, terminal.columns, paint);
      terminal.write(`${erase()}${lines.map((line) => fit(line, terminal.columns)).join("\n")}\n`);
      drawn = lines.length;
    },
    end() {
      terminal.write(erase());
      drawn = 0;
    },
  };
}

/** One line every so often, for pipes and log files. */
export function plainView(write: (line: string) => void, totalMs: number): View {
  // About twenty lines a run, and never more than one a second.
  const everyMs = Math.max(1000, Math.round(totalMs / 20_000) * 1000);
  let nextMs = everyMs;
  return {
    draw(state) {
      if (state.elapsedMs < nextMs) return;
      nextMs = (Math.floor(state.elapsedMs / everyMs) + 1) * everyMs;
      const { latency } = state;
      write(
        [
          `${formatDuration(Math.floor(state.elapsedMs / 1000) * 1000)} ${state.phase}`,
          `${groupDigits(state.openConnections)} connections`,
          `${groupDigits(state.requestsPerSecond)}/s`,
          `p50 ${formatMs(percentileMs(latency, 50))}`,
          `p99 ${formatMs(percentileMs(latency, 99))}`,
          `${groupDigits(state.errors)} errors`,
        ].join("  "),
      );
    },
    end() {},
  };
}

export const silentView: View = { draw() {}, end() {} };

export function liveLines(state: LiveState, columns: number, paint: Paint): string[] {
  const { latency, errorsByKind } = state;
  const width = Math.max(20, Math.min(columns, 100) - 2);
  const elapsed = Math.min(state.elapsedMs, state.totalMs);
  const done = formatDuration(Math.floor(elapsed / 1000) * 1000);
  const clock = ` ${done} of ${formatDuration(state.totalMs)} ${state.phase}`;
  const errors = Object.entries(errorsByKind).map(([kind, count]) => `${kind} ${groupDigits(count)}`);
  const lines = [
    bar(elapsed / state.totalMs, Math.max(10, width - clock.length), paint) + clock,
    ...table([
      [
        paint("dim", "throughput"),
        paint("bold", `${groupDigits(state.requestsPerSecond)}/s`),
        paint("dim", "connections"),
        groupDigits(state.openConnections),
        paint("dim", "answers"),
        groupDigits(state.answers),
        paint("dim", "errors"),
        paint(state.errors > 0 ? "red" : "green", groupDigits(state.errors)),
      ],
    ]),
    `${paint("cyan", sparkline(state.throughput.slice(-width)))}`,
    ["p50", "p90", "p99", "p99.9"]
      .map((name) => `${paint("dim", name)} ${formatMs(percentileMs(latency, Number(name.slice(1))))}`)
      .concat(`${paint("dim", "max")} ${formatMs(latency.maxValue / 1000)}`)
      .join("   "),
  ];
  if (latency.totalCount > 0) lines.push(...histogramLines(latency, width, paint));
  if (state.backlog > 0) {
    lines.push(paint("yellow", `${groupDigits(state.backlog)} requests are due and wait for a free connection`));
  }
  if (errors.length > 0) lines.push(paint("red", errors.join("   ")));
  return lines;
}

function bar(share: number, width: number, paint: Paint): string {
  const full = Math.round(Math.max(0, Math.min(1, share)) * width);
  return paint("cyan", "█".repeat(full)) + paint("dim", "░".repeat(width - full));
}

export function sparkline(values: readonly number[]): string {
  const highest = Math.max(...values, 1);
  return values.map((value) => BLOCKS[Math.round((value / highest) * (BLOCKS.length - 1))]).join("");
}

/** Latencies in buckets that double in width, from the lowest to the highest that was seen: one bar of blocks. */
function histogramLines(latency: Histogram, width: number, paint: Paint): string[] {
  const low = Math.log2(Math.max(1, latency.minNonZeroValue));
  const high = Math.log2(Math.max(2, latency.maxValue)) + 1e-9;
  const buckets = new Array<number>(width).fill(0);
  forEachRecorded(latency, (value, count) => {
    const at = high > low ? ((Math.log2(value) - low) / (high - low)) * width : 0;
    buckets[Math.max(0, Math.min(width - 1, Math.floor(at)))]! += count;
  });
  const highest = Math.max(...buckets);
  // A bucket with anything in it shows at least the lowest block: the tail is what one looks for.
  const blocks = buckets.map((count) =>
    count === 0 ? " " : BLOCKS[Math.max(1, Math.round((count / highest) * (BLOCKS.length - 1)))],
  );
  const from = formatMs(latency.minNonZeroValue / 1000);
  const to = formatMs(latency.maxValue / 1000);
  const between = " ".repeat(Math.max(1, width - from.length - to.length));
  return [blocks.join(""), paint("dim", `${from}${between}${to}`)];
}

/** A line that wraps would spoil the count of lines to erase. */
function fit(line: string, columns: number): string {
  return visibleLength(line) <= columns ? line : line.replace(/\x1b\[[0-9;]*m/g, "").slice(0, columns);
}
