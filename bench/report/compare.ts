import { readFileSync } from "node:fs";
import type { LatencySummary } from "../histogram.ts";
import { BenchError } from "../usage.ts";
import { formatMs, formatShare, groupDigits, table, type Paint } from "./format.ts";
import type { Report } from "./report.ts";

/** Below this, two runs on the same machine differ by chance. */
const NOISE = 0.05;

/** @throws BenchError when the file is none of `--json`'s. */
export function readReport(file: string): Report {
  let parsed: Partial<Report>;
  try {
    parsed = JSON.parse(readFileSync(file, "utf8")) as Partial<Report>;
  } catch (error) {
    throw new BenchError(`cannot read ${file}: ${(error as Error).message}`);
  }
  if (parsed?.format !== 1 || !parsed.totals || !parsed.latency) {
    throw new BenchError(`${file} is no report of resty bench --json`);
  }
  return parsed as Report;
}

const LATENCIES: readonly [name: string, key: keyof LatencySummary][] = [
  ["p50", "p50Ms"],
  ["p90", "p90Ms"],
  ["p99", "p99Ms"],
  ["p99.9", "p99_9Ms"],
  ["max", "maxMs"],
];

/** Two reports side by side, with what was different about the runs themselves said first. */
export function compareReports(before: Report, after: Report, paint: Paint): string[] {
  const lines: string[] = [
    `before  ${before.startedAt}  ${before.command}`,
    `after   ${after.startedAt}  ${after.command}`,
  ];
  for (const difference of differences(before, after)) lines.push(`${paint("yellow", "not the same:")} ${difference}`);
  const rows: string[][] = [["", "before", "after", "change"].map((head) => paint("dim", head))];
  const row = (
    name: string,
    from: number,
    to: number,
    show: (value: number) => string,
    moreIsBetter: boolean,
  ): void => {
    rows.push([name, show(from), show(to), change(from, to, moreIsBetter, paint)]);
  };
  row(
    "throughput",
    before.totals.requestsPerSecond,
    after.totals.requestsPerSecond,
    (v) => `${groupDigits(v)}/s`,
    true,
  );
  row("errors", before.totals.errorShare, after.totals.errorShare, formatShare, false);
  for (const [name, key] of LATENCIES) row(name, before.latency[key], after.latency[key], formatMs, false);
  for (const step of after.steps) {
    const earlier = before.steps.find((one) => one.name === step.name);
    if (after.steps.length > 1 && earlier && earlier.latency.count > 0 && step.latency.count > 0) {
      row(`${step.name} p99`, earlier.latency.p99Ms, step.latency.p99Ms, formatMs, false);
    }
  }
  lines.push("", ...table(rows));
  for (const [name, report] of [
    ["before", before],
    ["after", after],
  ] as const) {
    for (const warning of report.warnings) lines.push(`${paint("yellow", `warning (${name}):`)} ${warning}`);
  }
  return lines;
}

function change(from: number, to: number, moreIsBetter: boolean, paint: Paint): string {
  if (from === to) return "same";
  if (from === 0) return "new";
  const relative = to / from - 1;
  const text = `${relative > 0 ? "+" : ""}${(relative * 100).toFixed(1)} %`;
  if (Math.abs(relative) < NOISE) return text;
  return paint(relative > 0 === moreIsBetter ? "green" : "red", text);
}

function differences(before: Report, after: Report): string[] {
  const facts = (report: Report): Record<string, string> => ({
    model: report.model === "open" ? `open model at ${report.rate}/s` : "closed model",
    scenario: report.scenario,
    connections: `${report.connections} connections`,
    threads: `${report.threads} sending processes`,
    machine: `${report.machine.cpu}, ${report.machine.cores} cores, ${report.machine.host}`,
  });
  const from = facts(before);
  const to = facts(after);
  return Object.keys(from).flatMap((key) => (from[key] === to[key] ? [] : [`${from[key]} | ${to[key]}`]));
}
