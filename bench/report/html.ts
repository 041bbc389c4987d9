import { forEachRecorded, fromSparse, percentileMs, type Histogram, type LatencySummary } from "../histogram.ts";
import {
  drawChart,
  escape,
  exactScale,
  linearScale,
  logScale,
  PLOT,
  type Chart,
  type Scale,
  type Series,
} from "./charts.ts";
import { formatBytes, formatDuration, formatMs, formatShare, groupDigits, significant } from "./format.ts";
import { pageScript, pageStyle } from "./page.ts";
import type { Report, TimelineRow, Trial } from "./report.ts";
import { describeModel } from "./text.ts";

/** The report as one page that needs nothing else: no network, and no script to be read. */
export function htmlReport(report: Report): string {
  const { totals, latency } = report;
  const missed = report.objectives.some((objective) => !objective.ok);
  const tiles: [string, string, string?][] = [
    ["throughput", `${groupDigits(totals.requestsPerSecond)}/s`],
    ["p50", formatMs(latency.p50Ms)],
    ["p99", formatMs(latency.p99Ms)],
    ["p99.9", formatMs(latency.p99_9Ms)],
    ["max", formatMs(latency.maxMs)],
    ["errors", totals.errors === 0 ? "0" : formatShare(totals.errorShare), totals.errors > 0 ? "bad" : "good"],
  ];
  const measured = `${groupDigits(totals.answers)} answers in ${formatDuration(totals.seconds * 1000)}`;
  const summary = `${describeModel(report)}. ${measured}, ${formatDate(report.startedAt)}.`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>resty bench: ${escape(report.url)}</title>
<style>${pageStyle}</style>
</head>
<body>
<header>
<p class="kind">resty bench · ${escape(report.scenario)}${report.server ? ` · ${escape(report.server)}` : ""}</p>
<h1>${escape(report.url)}</h1>
<p>${escape(summary)}</p>
${report.interrupted ? '<p class="note bad">Interrupted: this is what was measured until then.</p>' : ""}
${report.warnings.map((warning) => `<p class="note warn">${escape(warning)}</p>`).join("\n")}
</header>
<main>
<section class="tiles">
${tiles.map(tile).join("\n")}
</section>
${report.objectives.length > 0 ? objectives(report, missed) : ""}
<section class="charts">
${charts(report).map(drawChart).join("\n")}
</section>
<section><h2>Latency, ms</h2>${latencyTable(report)}</section>
${report.steps.length > 1 ? `<section><h2>Steps</h2>${stepTable(report)}</section>` : ""}
${totals.errors > 0 ? `<section><h2>Errors</h2>${errorTable(report)}</section>` : ""}
${report.trials ? `<section><h2>Rates that were tried</h2>${trialTable(report.trials)}</section>` : ""}
<section><h2>The run</h2>${facts(report)}</section>
</main>
<div id="readout" hidden></div>
<script>${pageScript}</script>
</body>
</html>
`;
}

function tile([name, value, mood]: [string, string, string?]): string {
  return `<div class="tile ${mood ?? ""}"><b>${escape(value)}</b><span>${escape(name)}</span></div>`;
}

function charts(report: Report): Chart[] {
  const { timeline } = report;
  const seconds = timeline.length;
  const time: Scale = exactScale(Math.max(seconds, 1), PLOT.left, PLOT.right);
  const bands = phaseBands(timeline);
  const shared = {
    x: time,
    xLabel: "seconds since the start",
    formatX: (value: number) => `${Math.floor(value)} s`,
    bands,
  };
  // The last answers come in a second that is none: their latency counts, their number would look like a collapse.
  const of = (pick: (row: TimelineRow) => number, rows = timeline): [number, number][] =>
    rows.filter((row) => row.answers > 0 || row.errors > 0).map((row) => [row.second + 0.5, pick(row)]);
  const full = timeline.filter((row) => row.phase !== "end");
  const throughput: Series[] = [
    { name: "answers", colour: "c1", filled: true, points: of((row) => row.answers, full) },
    ...(report.totals.errors > 0 ? [{ name: "errors", colour: "bad", points: of((row) => row.errors, full) }] : []),
    ...(report.model === "open" ? [{ name: "due", colour: "c3", points: dueLine(report) }] : []),
  ];
  const highestRate = Math.max(1, report.model === "open" ? report.rate : 0, ...timeline.map((row) => row.answers));
  const latencies: Series[] = [
    { name: "p50", colour: "c1", points: of((row) => row.p50Ms) },
    { name: "p90", colour: "c2", points: of((row) => row.p90Ms) },
    { name: "p99", colour: "c3", points: of((row) => row.p99Ms) },
    { name: "max", colour: "c4", points: of((row) => row.maxMs) },
  ];
  const perSecond: Chart = {
    title: "Throughput",
    description: "Answers per second over time",
    series: throughput,
    y: linearScale(highestRate, PLOT.bottom, PLOT.top),
    formatY: (value) => `${shorten(value)}/s`,
    ...shared,
  };
  const overTime: Chart = {
    title: "Latency over time",
    description: "Latency percentiles per second",
    series: latencies,
    y: latencyScale(latencies, PLOT.bottom, PLOT.top),
    formatY: formatMs,
    tickY: formatTick,
    ...shared,
  };
  const measured = fromSparse(report.histogram);
  if (measured.totalCount === 0) return [perSecond, overTime];
  return [perSecond, overTime, distribution(measured), percentiles(report, measured)];
}

/** Narrow ranges read best from zero; wide ones need decades. */
function latencyScale(series: readonly Series[], from: number, to: number): Scale {
  const values = series.flatMap((one) => one.points.map(([, y]) => y)).filter((value) => value > 0);
  const highest = Math.max(...values, 0.01);
  const lowest = Math.min(...values, highest);
  return highest / lowest > 30 ? logScale(lowest * 0.8, highest * 1.2, from, to) : linearScale(highest, from, to);
}

function dueLine(report: Report): [number, number][] {
  const rampSeconds = report.rampMs / 1000;
  const end = rampSeconds + (report.warmupMs + report.durationMs) / 1000;
  return [
    [0, rampSeconds > 0 ? 0 : report.rate],
    [rampSeconds, report.rate],
    [end, report.rate],
  ];
}

function phaseBands(timeline: readonly TimelineRow[]): { from: number; to: number; name: string }[] {
  const bands: { from: number; to: number; name: string }[] = [];
  for (const row of timeline) {
    if (row.phase === "measured") continue;
    const last = bands.at(-1);
    if (last?.name === row.phase && last.to === row.second) last.to = row.second + 1;
    else bands.push({ from: row.second, to: row.second + 1, name: row.phase });
  }
  return bands;
}

function distribution(histogram: Histogram): Chart {
  const low = histogram.minNonZeroValue / 1000;
  const high = Math.max(histogram.maxValue / 1000, low * 1.05);
  const x = logScale(low * 0.999, high * 1.001, PLOT.left, PLOT.right);
  const buckets = 70;
  const ratio = (x.high / x.low) ** (1 / buckets);
  const counts = new Array<number>(buckets).fill(0);
  forEachRecorded(histogram, (microseconds, count) => {
    const at = Math.floor(Math.log(microseconds / 1000 / x.low) / Math.log(ratio));
    counts[Math.max(0, Math.min(buckets - 1, at))]! += count;
  });
  const points = counts.map((count, i): [number, number] => [x.low * ratio ** i, count]);
  return {
    title: "Distribution",
    description: "How many answers took how long",
    series: [{ name: "answers", colour: "c1", points }],
    x,
    y: linearScale(Math.max(...counts), PLOT.bottom, PLOT.top),
    formatX: formatMs,
    tickX: formatTick,
    formatY: shorten,
    xLabel: "latency",
    bars: true,
  };
}

/** Latency against the share that had to wait longer: each nine takes the same room. */
function percentiles(report: Report, measured: Histogram): Chart {
  const nines = Math.max(2, Math.min(6, Math.log10(measured.totalCount)));
  const curve = (histogram: Histogram): [number, number][] =>
    Array.from({ length: 121 }, (_, i) => {
      const at = (i / 120) * nines;
      return [at, percentileMs(histogram, (1 - 10 ** -at) * 100)];
    });
  const series: Series[] = report.serviceHistogram
    ? [
        { name: "from when due", colour: "c1", points: curve(measured) },
        { name: "from when sent", colour: "c2", points: curve(fromSparse(report.serviceHistogram)) },
      ]
    : [{ name: "from when sent", colour: "c1", points: curve(measured) }];
  const span = PLOT.right - PLOT.left;
  const x: Scale = {
    at: (value) => PLOT.left + (value / nines) * span,
    ticks: [0, Math.log10(2), ...Array.from({ length: Math.floor(nines) }, (_, i) => i + 1)],
    low: 0,
    high: nines,
  };
  return {
    title: "Percentiles",
    description: "Latency by percentile",
    series,
    x,
    y: latencyScale(series, PLOT.bottom, PLOT.top),
    formatX: (value) => `${Number(((1 - 10 ** -value) * 100).toFixed(Math.max(0, Math.ceil(value) - 1)))} %`,
    formatY: formatMs,
    tickY: formatTick,
    xLabel: "percentile",
  };
}

const COLUMNS: readonly [string, keyof LatencySummary][] = [
  ["min", "minMs"],
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

function htmlTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = (tag: string, row: readonly string[]): string =>
    `<tr>${row.map((cell) => `<${tag}>${escape(cell)}</${tag}>`).join("")}</tr>`;
  const body = rows.map((row) => cells("td", row)).join("");
  return `<div class="scroll"><table><thead>${cells("th", head)}</thead><tbody>${body}</tbody></table></div>`;
}

function latencyTable(report: Report): string {
  const row = (name: string, summary: LatencySummary): string[] => [
    name,
    ...COLUMNS.map(([, key]) => significant(summary[key])),
  ];
  const rows = report.service
    ? [row("from when due", report.latency), row("from when sent", report.service)]
    : [row("from when sent", report.latency)];
  for (const step of report.steps) if (report.steps.length > 1) rows.push(row(step.name, step.latency));
  return htmlTable(["", ...COLUMNS.map(([head]) => head)], rows);
}

function stepTable(report: Report): string {
  const rows = report.steps.map((step) => [
    step.name,
    groupDigits(step.answers),
    groupDigits(step.requestsPerSecond),
    groupDigits(step.errors),
  ]);
  return htmlTable(["", "answers", "per second", "errors"], rows);
}

function errorTable(report: Report): string {
  const rows = Object.entries(report.errorDetails)
    .sort((a, b) => b[1] - a[1])
    .map(([detail, count]) => [detail, groupDigits(count)]);
  return htmlTable(["", "times"], rows);
}

function trialTable(trials: readonly Trial[]): string {
  const rows = trials.map(({ rate, held, requestsPerSecond, p99Ms, errorShare }) => [
    `${groupDigits(rate)}/s`,
    held ? "held" : "missed",
    `${groupDigits(requestsPerSecond)}/s`,
    formatMs(p99Ms),
    formatShare(errorShare),
  ]);
  return htmlTable(["due", "", "answered", "p99", "errors"], rows);
}

function objectives(report: Report, missed: boolean): string {
  const items = report.objectives.map(
    ({ ok, text, actual }) =>
      `<li class="${ok ? "good" : "bad"}"><b>${escape(text)}</b> ${escape(actual)} ` +
      `<i>${ok ? "met" : "missed"}</i></li>`,
  );
  const list = `<ul class="objectives">${items.join("")}</ul>`;
  return `<section><h2>Objective ${missed ? "missed" : "met"}</h2>${list}</section>`;
}

function facts(report: Report): string {
  const { machine, generator } = report;
  const pairs: [string, string][] = [
    ["command", report.command],
    ["started", formatDate(report.startedAt)],
    ["connections", groupDigits(report.connections)],
    [
      "sending processes",
      `${report.threads}, using ${generator.cpuCores.map((cores) => cores.toFixed(2)).join(" + ")} cores`,
    ],
    ["ramp, warm-up, measured", [report.rampMs, report.warmupMs, report.durationMs].map(formatDuration).join(", ")],
    ["received", `${formatBytes(report.totals.bytesPerSecond)}/s`],
    [
      "statuses",
      Object.entries(report.statuses)
        .map(([status, count]) => `${status} × ${groupDigits(count)}`)
        .join(", "),
    ],
    [
      "machine",
      `${machine.cpu}, ${machine.cores} cores, ${formatBytes(machine.memoryBytes)}, ${machine.system}, ${machine.host}`,
    ],
    ["Bun", machine.bun],
  ];
  if (generator.machineBusy >= 0) pairs.push(["cores in use, by anyone", formatShare(generator.machineBusy)]);
  if (report.model === "open")
    pairs.push(["left late by", `p99 ${formatMs(generator.lag.p99Ms)}, max ${formatMs(generator.lag.maxMs)}`]);
  return `<dl>${pairs.map(([name, value]) => `<dt>${escape(name)}</dt><dd>${escape(value)}</dd>`).join("")}</dl>`;
}

/** Ticks are round numbers: "0.2 ms", "10 ms", "1 s". */
function formatTick(ms: number): string {
  if (ms >= 1000) return `${Number((ms / 1000).toPrecision(3))} s`;
  return ms > 0 && ms < 0.01 ? `${Number((ms * 1000).toPrecision(3))} µs` : `${Number(ms.toPrecision(3))} ms`;
}

function shorten(value: number): string {
  if (value >= 1_000_000) return `${Number((value / 1_000_000).toPrecision(3))}M`;
  if (value >= 10_000) return `${Number((value / 1000).toPrecision(3))}k`;
  return groupDigits(value);
}

function formatDate(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`;
}
