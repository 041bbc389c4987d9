import type { Machine } from "../machine.ts";
import type { Extras, ReloadLoss } from "./extras.ts";
import type { Workload } from "./workloads.ts";

/** CPU microseconds per operation, one entry a pair. */
export interface Row {
  workload: Workload;
  resty: number[];
  peer: number[];
  /** Why there are no figures, or fewer. */
  problem: string | undefined;
}

export interface Results {
  rows: Row[];
  extras: Extras | undefined;
  machine: Machine;
  /** Of the last minute, when the run began. */
  loadAverage: number;
  versions: [resty: string, peer: string];
  pairs: number;
  seconds: number;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The page, as Markdown. A row that misses its figure stays as it is, and says so. */
export function writeResults(results: Results): string {
  const { machine, versions, pairs, seconds } = results;
  const lines = [
    "# Measured beside nginx with Lua",
    "",
    `Written by \`make bench\` on ${new Date().toISOString().slice(0, 10)}. ${machine.cpu}, ${machine.cores} cores, ` +
      `${(machine.memoryBytes / 2 ** 30).toFixed(0)} GiB, ${machine.system}, Bun ${machine.bun}. ` +
      `${versions[0]} beside ${versions[1]}.`,
    "",
    "One worker each on core 0; load (`resty bench`, closed model, 64 connections for requests that are short) and " +
      "Redis on core 1; access logs on. CPU time of all processes of a server per request (or operation), in " +
      `microseconds: the median of ${pairs} alternating pairs of ${seconds} s. The ratio is resty ÷ nginx: the ` +
      "median of the pairs', and from the lowest to the highest." +
      (results.loadAverage > 0.5
        ? ` **Other work ran on the machine**: its load average was ${results.loadAverage.toFixed(1)} at the start.`
        : ""),
    "",
    "| work | resty, µs | nginx, µs | ratio | lowest to highest | at most | |",
    "| --- | --- | --- | --- | --- | --- | --- |",
    ...results.rows.map(tableRow),
    "",
    ...(results.extras ? extraLines(results.extras) : []),
  ];
  const problems = results.rows.filter((row) => row.problem !== undefined);
  if (problems.length > 0) lines.push("", ...problems.map((row) => `- ${row.workload.name}: ${row.problem}`));
  return `${lines.join("\n").trimEnd()}\n`;
}

function tableRow(row: Row): string {
  const { name, ratio: limit, operations } = row.workload;
  const bound = limit === undefined ? "" : limit.toFixed(1);
  if (row.problem !== undefined || row.peer.length === 0) return `| ${name} | | | | | ${bound} | failed, see below |`;
  const ratios = row.resty.map((value, pair) => value / row.peer[pair]!);
  const ratio = median(ratios);
  const digits = operations > 1 ? 3 : 1;
  const spread = `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}`;
  const verdict = limit === undefined ? "" : ratio <= limit ? "reached" : "**missed**";
  const cells = [name, median(row.resty).toFixed(digits), median(row.peer).toFixed(digits), ratio.toFixed(2), spread];
  return `| ${[...cells, bound, verdict].join(" | ")} |`;
}

function extraLines(extras: Extras): string[] {
  const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;
  const bytes = (value: number): string => `${value.toFixed(0)} B`;
  const ms = (value: number): string => `${value.toFixed(1)} ms`;
  const lost = ({ keptAlive, opened }: ReloadLoss): string =>
    `${keptAlive.failed} of ${keptAlive.requests} kept alive, ${opened.failed} of ${opened.requests} not`;
  const row = (name: string, values: string[], bound: string, ok: boolean): string =>
    `| ${[name, ...values, bound, ok ? "reached" : "**missed**"].join(" | ")} |`;
  const { workerMemory, connectionBytes, tenThousandP99Ms: p99, startMs, reload } = extras;
  const [resty] = reload;
  const share = median(extras.generators.map(({ bench, wrk }) => bench / wrk));
  return [
    "| other figures | resty | nginx | at most | |",
    "| --- | --- | --- | --- | --- |",
    row("idle connection, after one request", connectionBytes.map(bytes), "2 KB", connectionBytes[0] <= 2048),
    row(
      "worker after load, resident (what no other process shares)",
      workerMemory.map(({ resident, own }) => `${megabytes(resident)} (${megabytes(own)})`),
      "60 MB",
      workerMemory[0].resident < 60e6,
    ),
    row(
      "session validate, Redis, 4 000 a second over 10 000 connections, p99",
      p99.map(ms),
      "1.5 × nginx",
      p99[0] <= p99[1] * 1.5,
    ),
    row("start to first answer", startMs.map(ms), "150 ms", startMs[0] < 150),
    ...(extras.generators.length > 0
      ? [row("throughput of resty bench ÷ wrk's, against nginx", [share.toFixed(2), ""], "0.8 at least", share >= 0.8)]
      : []),
    row("20 reloads, failed requests", reload.map(lost), "0", resty.keptAlive.failed + resty.opened.failed === 0),
  ];
}
