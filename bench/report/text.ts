import type { LatencySummary } from "../histogram.ts";
import { formatBytes, formatDuration, formatShare, groupDigits, significant, table, type Paint } from "./format.ts";
import type { Report } from "./report.ts";

const COLUMNS: readonly [head: string, key: keyof LatencySummary][] = [
  ["p50", "p50Ms"],
  ["p75", "p75Ms"],
  ["p90", "p90Ms"],
  ["p95", "p95Ms"],
  ["p99", "p99Ms"],
  ["p99.9", "p99_9Ms"],
  ["p99.99", "p99_99Ms"],
  ["max", "maxMs"],
  ["mean", "meanMs"],
];

/** Says which model was used, so that nobody takes the one's latencies for the other's. */
export function describeModel(report: Pick<Report, "model" | "rate" | "connections" | "threads">): string {
  const processes = `${report.threads} sending process${report.threads === 1 ? "" : "es"}`;
  const from = `${groupDigits(report.connections)} connections, ${processes}`;
  if (report.model === "open") return `open model, ${groupDigits(report.rate)} requests a second due, ${from}`;
  return `closed model (each connection waits for its answer before the next request), ${from}`;
}

export function headLines(
  run: Pick<Report, "url" | "scenario" | "server" | "model" | "rate" | "connections" | "threads">,
  paint: Paint,
): string[] {
  const server = run.server ? `  (${run.server})` : "";
  return [paint("bold", `${run.url}  ${run.scenario}${server}`), paint("dim", describeModel(run))];
}

/** What was found, for people, line by line. What was run, `headLines` has said before. */
export function textReport(report: Report, paint: Paint): string[] {
  const { totals } = report;
  const lines: string[] = [""];
  const measured = formatDuration(totals.seconds * 1000);
  lines.push(
    ...table([
      ["answers", groupDigits(totals.answers), `in ${measured}`],
      ["throughput", `${groupDigits(totals.requestsPerSecond)}/s`, `${formatBytes(totals.bytesPerSecond)}/s`],
      [
        "errors",
        paint(totals.errors > 0 ? "red" : "green", groupDigits(totals.errors)),
        formatShare(totals.errorShare),
      ],
    ]),
    "",
  );
  const row = (name: string, summary: LatencySummary): string[] => [
    name,
    ...COLUMNS.map(([, key]) => significant(summary[key])),
  ];
  const rows = [["latency, ms", ...COLUMNS.map(([head]) => head)].map((head) => paint("dim", head))];
  if (report.service) {
    rows.push(row("from when due", report.latency), row("from when sent", report.service));
  } else rows.push(row("from when sent", report.latency));
  if (report.steps.length > 1) {
    for (const step of report.steps) if (step.latency.count > 0) rows.push(row(`  ${step.name}`, step.latency));
  }
  if (report.latency.count > 0) lines.push(...table(rows));
  else lines.push("no right answer, and so no latencies");
  if (report.service && report.latency.count > 0) {
    lines.push(paint("dim", "(when sent leaves out the wait for a free connection, which a user would have had)"));
  }
  if (report.steps.length > 1) {
    lines.push("", ...stepTable(report, paint));
  }
  const statuses = Object.entries(report.statuses).map(([status, count]) => `${status} × ${groupDigits(count)}`);
  if (statuses.length > 0) lines.push("", `status  ${statuses.join("   ")}`);
  if (totals.errors > 0) {
    const kinds = Object.entries(report.errorsByKind).map(([kind, count]) => `${kind} ${groupDigits(count)}`);
    lines.push(paint("red", `errors  ${kinds.join("   ")}`));
    const details = Object.entries(report.errorDetails).sort((a, b) => b[1] - a[1]);
    for (const [detail, count] of details.slice(0, 8)) lines.push(`  ${groupDigits(count)} × ${detail}`);
  }
  if (report.objectives.length > 0) {
    lines.push("");
    const verdicts = report.objectives.map(({ ok, text, actual }) => [
      ok ? paint("green", "met") : paint("red", "MISSED"),
      text,
      actual,
    ]);
    lines.push(...table(verdicts));
  }
  if (report.warnings.length > 0) {
    lines.push("", ...report.warnings.map((warning) => `${paint("yellow", "warning:")} ${warning}`));
  }
  if (report.interrupted) lines.push("", paint("yellow", "interrupted: this is what was measured until then"));
  return lines;
}

function stepTable(report: Report, paint: Paint): string[] {
  const rows = [["step", "answers", "per second", "errors"].map((head) => paint("dim", head))];
  for (const step of report.steps) {
    const errors = groupDigits(step.errors);
    rows.push([
      step.name,
      groupDigits(step.answers),
      groupDigits(step.requestsPerSecond),
      step.errors > 0 ? paint("red", errors) : errors,
    ]);
  }
  return table(rows);
}
