import { writeFileSync } from "node:fs";
import { Collector } from "./collector.ts";
import { summarize } from "./histogram.ts";
import { requireDescriptors, sourceAddresses } from "./limits.ts";
import { busyShare, describeMachine, machineTicks } from "./machine.ts";
import { DEFAULT_OBJECTIVES, type BenchOptions } from "./options.ts";
import { Pool } from "./pool.ts";
import { reach, type Reached } from "./preflight.ts";
import type { Job, ScenarioSpec } from "./protocol.ts";
import { compareReports, readReport } from "./report/compare.ts";
import { groupDigits, painter, type Paint } from "./report/format.ts";
import { hgrmReport } from "./report/hgrm.ts";
import { htmlReport } from "./report/html.ts";
import { liveView, plainView, silentView, type View } from "./report/live.ts";
import type { Report, Trial } from "./report/report.ts";
import { headLines, textReport } from "./report/text.ts";
import { parseTarget } from "./request.ts";
import { loadScript } from "./scenarios/script.ts";
import { searchRate } from "./search.ts";
import { judge, parseObjectives, type Objective } from "./slo.ts";
import { BenchError, UsageError } from "./usage.ts";
import { accuse } from "./warnings.ts";

const DRAW_MS = 200;
const GRACE_MS_MAX = 5000;

/** A server that the bench started for itself. */
export interface OwnServer {
  url: string;
  stop(): Promise<void>;
}

/** What a run needs from the program around it. */
export interface BenchEnvironment {
  /** Starts one sending process: the same program, told to be one. */
  workerCommand: readonly string[];
  startOwnServer(): Promise<OwnServer>;
  /** Lines for people. */
  stdout: { write(text: string): unknown; isTTY?: boolean; columns?: number };
  stderr: { write(text: string): unknown; isTTY?: boolean; columns?: number };
}

/** One measurement's result, with the histogram that objectives are judged on. */
interface Measured {
  report: Report;
  collector: Collector;
}

/**
 * Runs `resty bench`.
 * @returns The exit code: 0 done, 1 failed or an objective missed, 2 wrong usage, 130 interrupted.
 */
export async function runBench(options: BenchOptions, environment: BenchEnvironment): Promise<number> {
  // With the report itself on standard output, everything for people goes the other way.
  const out = options.json === "-" ? environment.stderr : environment.stdout;
  const paint = painter(out.isTTY === true && process.env["NO_COLOR"] === undefined);
  const print = (line: string): void => void out.write(`${line}\n`);
  if (options.compare) {
    for (const line of compareReports(readReport(options.compare[0]), readReport(options.compare[1]), paint))
      print(line);
    return 0;
  }
  if (options.script !== undefined) await loadScript(options.script);
  requireDescriptors(options.connections, options.threads);
  let own: OwnServer | undefined;
  if (options.url === undefined) {
    own = await environment.startOwnServer();
    print(paint("dim", `started a server of its own at ${own.url}`));
  }
  const bench = new Bench(options, environment.workerCommand, own?.url ?? options.url!, out, paint, print);
  const interrupt = (): void => bench.interrupt();
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);
  try {
    const code = options.findMax ? await bench.findMax() : await bench.once();
    return bench.interrupted ? 130 : code;
  } catch (error) {
    // A sending process that was told to stop while it made sessions has nothing to report.
    if (!bench.interrupted) throw error;
    print("interrupted before anything was measured");
    return 130;
  } finally {
    // Still heard, so that an impatient Ctrl-C leaves no server behind.
    await own?.stop();
    process.off("SIGINT", interrupt);
    process.off("SIGTERM", interrupt);
  }
}

class Bench {
  interrupted = false;
  readonly #options: BenchOptions;
  readonly #workerCommand: readonly string[];
  readonly #url: string;
  readonly #out: BenchEnvironment["stdout"];
  readonly #paint: Paint;
  readonly #print: (line: string) => void;
  #pool: Pool | undefined;

  constructor(
    options: BenchOptions,
    workerCommand: readonly string[],
    url: string,
    out: BenchEnvironment["stdout"],
    paint: Paint,
    print: (line: string) => void,
  ) {
    this.#options = options;
    this.#workerCommand = workerCommand;
    this.#url = url;
    this.#out = out;
    this.#paint = paint;
    this.#print = print;
  }

  /** The first time ends the measurement; the second, everything. */
  interrupt(): void {
    if (this.interrupted) this.#pool?.kill();
    this.interrupted = true;
    this.#pool?.stop();
  }

  async once(): Promise<number> {
    const reached = await this.#reach();
    const { connections, threads, rate, scenario, objectives } = this.#options;
    const model = rate > 0 ? "open" : "closed";
    const head = { url: this.#url, scenario, server: reached.server, model, rate, connections, threads } as const;
    for (const line of headLines(head, this.#paint)) this.#print(line);
    const { report, collector } = await this.#measure(reached, this.#options, this.#view());
    report.objectives = judge(objectives, report.totals, collector.latency);
    this.#finish(report);
    const missed = report.objectives.some((result) => !result.ok);
    return missed || report.totals.answers === 0 ? 1 : 0;
  }

  /** Trials at different rates; the report is that of the best one. */
  async findMax(): Promise<number> {
    const reached = await this.#reach();
    const given = this.#options.objectives;
    const objectives: Objective[] = given.length > 0 ? given : parseObjectives(DEFAULT_OBJECTIVES);
    this.#print(`looking for the highest rate with ${objectives.map((one) => one.text).join(", ")}`);
    let best: Report | undefined;
    const trials: Trial[] = [];
    // How fast it goes when nothing holds it back bounds the search.
    const burst = await this.#measure(reached, {
      ...this.#options,
      durationMs: Math.min(3000, this.#options.durationMs),
    });
    const { requestsPerSecond } = burst.report.totals;
    if (requestsPerSecond === 0) throw new BenchError(`no answer came from ${this.#url}: nothing to search in`);
    this.#print(`closed model: ${groupDigits(requestsPerSecond)}/s`);
    const found = await searchRate(requestsPerSecond * 1.2, async (rate) => {
      if (this.interrupted) return undefined;
      const { report, collector } = await this.#measure(reached, { ...this.#options, rate });
      if (this.interrupted) return undefined;
      report.objectives = judge(objectives, report.totals, collector.latency);
      // A rate that was not reached was not held, whatever the percentiles of what came through. The answers that
      // were still on their way at the end of the time are not missing.
      const onTheirWay = Math.min(0.2, report.latency.p99Ms / this.#options.durationMs);
      const kept = report.totals.requestsPerSecond >= rate * (0.98 - onTheirWay);
      const held = kept && report.objectives.every((result) => result.ok);
      if (held) best = report;
      const { requestsPerSecond, errorShare } = report.totals;
      trials.push({ rate, held, requestsPerSecond, p99Ms: report.latency.p99Ms, errorShare });
      const verdict = held ? this.#paint("green", "held") : this.#paint("red", "missed");
      const actual = report.objectives.map((result) => `${result.text}: ${result.actual}`).join("  ");
      this.#print(
        `${groupDigits(rate).padStart(9)}/s  ${verdict}  ` +
          `${groupDigits(report.totals.requestsPerSecond)}/s answered  ${actual}`,
      );
      return held;
    });
    if (!best) {
      this.#print(this.#paint("red", "no rate that was tried holds the objective"));
      return 1;
    }
    for (const line of headLines(best, this.#paint)) this.#print(line);
    this.#finish({ ...best, trials });
    this.#print(this.#paint("bold", `highest rate that holds: ${groupDigits(found)}/s`));
    return 0;
  }

  #reach(): Promise<Reached> {
    return reach(parseTarget(this.#url), this.#options.insecure, this.#options.timeoutMs);
  }

  #view(): View {
    const { rampMs, warmupMs, durationMs } = this.#options;
    if (this.#out.isTTY !== true) return plainView(this.#print, rampMs + warmupMs + durationMs);
    const out = this.#out;
    const terminal = {
      write: (text: string) => void out.write(text),
      get columns() {
        return out.columns ?? 80;
      },
    };
    return liveView(terminal, this.#paint);
  }

  async #measure(reached: Reached, options: BenchOptions, view: View = silentView): Promise<Measured> {
    const pool = await Pool.start(this.#workerCommand, jobsOf(options, reached));
    this.#pool = pool;
    let timer: Timer | undefined;
    try {
      const steps = await pool.prepared();
      const collector = new Collector(steps, {
        processes: options.threads,
        open: options.rate > 0,
        rampMs: options.rampMs,
        warmupMs: options.warmupMs,
        durationMs: options.durationMs,
      });
      const startedAt = new Date().toISOString();
      const ticks = machineTicks();
      timer = setInterval(() => view.draw(collector.live()), DRAW_MS);
      // It may have come while the sessions were made.
      if (this.interrupted) pool.stop();
      const cpuCores = await pool.run((share, delta) => collector.add(share, delta));
      const machineBusy = busyShare(ticks, machineTicks());
      const evidence = {
        ...describe(options, this.#url, reached.server, startedAt),
        interrupted: this.interrupted,
        ...collector.results(),
        generator: {
          cpuCores,
          lag: summarize(collector.lag),
          tickLateMsMax: collector.tickLateMsMax,
          backlogMax: collector.backlogMax,
          openAtStart: collector.openAtStart,
          machineBusy,
        },
        machine: describeMachine(),
      };
      return { report: { ...evidence, warnings: accuse(evidence), objectives: [] }, collector };
    } finally {
      clearInterval(timer);
      view.end();
      this.#pool = undefined;
      pool.kill();
      await pool.ended();
    }
  }

  #finish(report: Report): void {
    for (const line of textReport(report, this.#paint)) this.#print(line);
    const { json, html, hgrm } = this.#options;
    const save = (file: string, text: string): void => {
      try {
        writeFileSync(file, text);
      } catch (error) {
        throw new BenchError(`cannot write ${file}: ${(error as Error).message}`);
      }
    };
    if (json === "-") process.stdout.write(`${JSON.stringify(report)}\n`);
    else if (json !== undefined) save(json, `${JSON.stringify(report)}\n`);
    if (html !== undefined) save(html, htmlReport(report));
    if (hgrm !== undefined) save(hgrm, hgrmReport(report));
    for (const file of [json, html, hgrm]) if (file !== undefined && file !== "-") this.#print(`wrote ${file}`);
  }
}

function describe(options: BenchOptions, url: string, server: string, startedAt: string) {
  const { command, scenario, rate, connections, threads, pipeline, keepAlive } = options;
  const { rampMs, warmupMs, durationMs, timeoutMs } = options;
  const model: Report["model"] = rate > 0 ? "open" : "closed";
  const run = { command, url, server, scenario, model, rate, connections, threads, pipeline, keepAlive };
  return { format: 1 as const, startedAt, ...run, rampMs, warmupMs, durationMs, timeoutMs };
}

function jobsOf(options: BenchOptions, { endpoint }: Reached): Job[] {
  const { connections, threads, sessions } = options;
  const { unix } = endpoint.target;
  const sources = unix === "" ? sourceAddresses(connections, endpoint.address) : [];
  return Array.from({ length: threads }, (_, share) => ({
    endpoint,
    scenario: specOf(options, part(sessions, threads, share)),
    connections: part(connections, threads, share),
    sourceAddresses: sources,
    rate: options.rate,
    share,
    shares: threads,
    pipeline: options.pipeline,
    keepAlive: options.keepAlive,
    rampMs: options.rampMs,
    warmupMs: options.warmupMs,
    durationMs: options.durationMs,
    timeoutMs: options.timeoutMs,
    graceMs: Math.min(options.timeoutMs, GRACE_MS_MAX),
  }));
}

function specOf(options: BenchOptions, sessions: number): ScenarioSpec {
  const { headers, weights, batchIds } = options;
  switch (options.scenario) {
    case "session":
      return { kind: "session", sessions: Math.max(1, sessions), batchIds, weights, headers };
    case "script":
      return { kind: "script", file: options.script!, headers };
    case "http": {
      const body = options.body && Buffer.from(options.body).toString("base64");
      return { kind: "http", method: options.method, headers, body, expect: options.expect };
    }
  }
}

/** Shares `whole` out evenly: the first ones get what does not divide. */
function part(whole: number, shares: number, share: number): number {
  return Math.floor(whole / shares) + (share < whole % shares ? 1 : 0);
}

/** Prints what stopped the bench, and says with which exit code. */
export function explain(error: unknown, write: (text: string) => void): number {
  if (error instanceof UsageError) {
    write(`resty bench: ${error.message}\nresty bench --help lists the options\n`);
    return 2;
  }
  if (error instanceof BenchError) {
    write(`resty bench: ${error.message}\n`);
    return 1;
  }
  throw error;
}
