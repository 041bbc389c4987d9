import { parseArgs } from "node:util";
import type { ArgsDef } from "citty";
import { availableParallelism } from "node:os";
import { readFileSync } from "node:fs";
import type { SessionWeights } from "./protocol.ts";
import { parseHeader, parseMethod, parseTarget, type HeaderList } from "./request.ts";
import { SESSION_WEIGHTS } from "./scenarios/session.ts";
import { parseObjectives, type Objective } from "./slo.ts";
import { UsageError } from "./usage.ts";

/** The command line of `resty bench`; letters that wrk has mean what they mean there. */
export const benchArgs = {
  url: { type: "positional", required: false, description: "What to test; without it, this executable's own server" },
  scenario: {
    type: "string",
    valueHint: "session|http",
    description: "session, or http: the URL itself (default when it has a path)",
  },
  script: {
    type: "string",
    alias: "s",
    valueHint: "file.ts",
    description: "Steps of your own: the file's default export",
  },
  connections: { type: "string", alias: "c", valueHint: "N", description: "Connections, each a user (64)" },
  duration: { type: "string", alias: "d", valueHint: "time", description: "Measured time (10s)" },
  rate: {
    type: "string",
    alias: "R",
    valueHint: "N",
    description: "Open model: this many requests a second, come what may",
  },
  ramp: { type: "string", valueHint: "time", description: "Time over which connections are opened (1s)" },
  warmup: { type: "string", valueHint: "time", description: "Time after the ramp that is left out (1s)" },
  timeout: { type: "string", valueHint: "time", description: "Longest wait for an answer (30s)" },
  threads: { type: "string", alias: "t", valueHint: "N", description: "Sending processes (1)" },
  pipeline: { type: "string", valueHint: "N", description: "Requests on their way per connection (1)" },
  keepalive: { type: "boolean", default: true, negativeDescription: "Open a connection for each request" },
  sessions: { type: "string", valueHint: "N", description: "Sessions made before the session scenario (1000)" },
  batch: { type: "string", valueHint: "N", description: "Ids in a batch of the session scenario (20)" },
  mix: {
    type: "string",
    valueHint: "name=weight,…",
    description: "Weights of validate, unknown, update, batch, create, delete",
  },
  c10k: { type: "boolean", description: "10 000 connections, ramp 60s, duration 300s" },
  method: { type: "string", alias: "m", valueHint: "NAME", description: "http: method (GET, with a body POST)" },
  header: {
    type: "string",
    alias: "H",
    valueHint: "'Name: value'",
    description: "A header of each request; may be repeated",
  },
  body: { type: "string", alias: "b", valueHint: "text|@file", description: "http: body of each request" },
  expect: { type: "string", valueHint: "200,204", description: "http: statuses that are right (2xx and 3xx)" },
  insecure: { type: "boolean", alias: "k", description: "Accept any certificate" },
  slo: { type: "string", valueHint: "p99<50ms,errors<0.1%", description: "Objective; exit code 1 when it is missed" },
  "find-max": { type: "boolean", description: "Search for the highest rate that holds --slo" },
  json: { type: "string", valueHint: "file", description: "Write the report as JSON (- is standard output)" },
  html: { type: "string", valueHint: "file", description: "Write the report as one HTML page" },
  hgrm: {
    type: "string",
    valueHint: "file",
    description: "Write the percentile distribution for HdrHistogram's plotter",
  },
  compare: { type: "string", valueHint: "a.json b.json", description: "Compare two reports; tests nothing" },
} as const satisfies ArgsDef;

export interface BenchOptions {
  command: string;
  /** undefined: this executable's own server. */
  url: string | undefined;
  scenario: "session" | "http" | "script";
  script: string | undefined;
  connections: number;
  durationMs: number;
  /** 0: closed model. */
  rate: number;
  rampMs: number;
  warmupMs: number;
  timeoutMs: number;
  threads: number;
  pipeline: number;
  keepAlive: boolean;
  sessions: number;
  batchIds: number;
  weights: SessionWeights;
  method: string;
  headers: HeaderList;
  body: Uint8Array | undefined;
  expect: number[];
  insecure: boolean;
  objectives: Objective[];
  findMax: boolean;
  json: string | undefined;
  html: string | undefined;
  hgrm: string | undefined;
  compare: [string, string] | undefined;
}

/** What `--find-max` looks for when no objective is given. */
export const DEFAULT_OBJECTIVES = "p99<50ms,errors<0.1%";

/** @throws UsageError for anything that is not understood: an option, a value, a combination. */
export function readOptions(rawArgs: readonly string[]): BenchOptions {
  const { values, positionals } = parseStrictly(rawArgs);
  const text = (name: string): string | undefined => {
    const value = values[name];
    const last = Array.isArray(value) ? value.at(-1) : value;
    return typeof last === "string" ? last : undefined;
  };
  const on = (name: string): boolean => values[name] === true;
  const time = (name: string, fallback: string): number => parseDurationMs(`--${name}`, text(name) ?? fallback);
  const count = (name: string, fallback: number, min = 1): number =>
    text(name) === undefined ? fallback : parseCount(`--${name}`, text(name)!, min);

  const c10k = on("c10k");
  const first = text("compare");
  const compare: [string, string] | undefined =
    first === undefined ? undefined : positionals.length === 1 ? [first, positionals[0]!] : refuseCompare();
  if (!compare && positionals.length > 1) throw new UsageError(`one URL at a time: what is "${positionals[1]}"?`);
  const url = compare ? undefined : positionals[0];

  const script = text("script");
  const body = readBody(text("body"));
  const scenario = chooseScenario(text("scenario"), url, script);
  if (url !== undefined) parseTarget(url);
  if (scenario === "http" && url === undefined && !compare) throw new UsageError("--scenario http needs a URL");
  const options: BenchOptions = {
    command: `resty bench ${rawArgs.map(quote).join(" ")}`.trimEnd(),
    url,
    scenario,
    script,
    connections: count("connections", c10k ? 10_000 : 64),
    durationMs: time("duration", c10k ? "300s" : "10s"),
    rate: text("rate") === undefined ? 0 : parseCount("--rate", text("rate")!, 0.001, true),
    rampMs: time("ramp", c10k ? "60s" : "1s"),
    warmupMs: time("warmup", "1s"),
    timeoutMs: time("timeout", "30s"),
    threads: count("threads", 1),
    pipeline: count("pipeline", 1),
    keepAlive: values["keepalive"] !== false,
    sessions: count("sessions", 1000),
    batchIds: count("batch", 20),
    weights: parseMix(text("mix")),
    method: parseMethod(text("method") ?? (body ? "POST" : "GET")),
    headers: ((values["header"] as string[] | undefined) ?? []).map(parseHeader),
    body,
    expect: parseStatuses(text("expect")),
    insecure: on("insecure"),
    objectives: text("slo") === undefined ? [] : parseObjectives(text("slo")!),
    findMax: on("find-max"),
    json: text("json"),
    html: text("html"),
    hgrm: text("hgrm"),
    compare,
  };
  checkCombination(options);
  return options;
}

function parseStrictly(rawArgs: readonly string[]): { values: Record<string, unknown>; positionals: string[] } {
  const options: Record<string, { type: "string" | "boolean"; short?: string; multiple?: boolean }> = {};
  for (const [name, arg] of Object.entries(benchArgs)) {
    if (arg.type === "positional") continue;
    options[name] = {
      type: arg.type,
      ...("alias" in arg && { short: arg.alias }),
      ...(name === "header" && { multiple: true }),
    };
  }
  try {
    return parseArgs({ args: [...rawArgs], options, allowPositionals: true, allowNegative: true });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function refuseCompare(): never {
  throw new UsageError("--compare takes two reports: --compare before.json after.json");
}

function chooseScenario(
  name: string | undefined,
  url: string | undefined,
  script: string | undefined,
): BenchOptions["scenario"] {
  if (script !== undefined) {
    if (name !== undefined && name !== "script")
      throw new UsageError(`--script and --scenario ${name} exclude each other`);
    return "script";
  }
  if (name === "session" || name === "http") return name;
  if (name !== undefined) throw new UsageError(`--scenario ${name}: expected session or http`);
  // A path says what to fetch; a bare server is tested with the service that resty ships.
  return url !== undefined && /^https?:\/\/[^/]+\//i.test(url) ? "http" : "session";
}

function checkCombination(options: BenchOptions): void {
  if (options.durationMs === 0) throw new UsageError("--duration 0 measures nothing");
  if (options.timeoutMs === 0) throw new UsageError("--timeout 0 waits for nothing");
  if (options.threads > options.connections) {
    throw new UsageError(
      `--threads ${options.threads} with ${options.connections} connections: each needs one at least`,
    );
  }
  if (options.findMax && options.rate > 0)
    throw new UsageError("--find-max looks for the rate itself: leave --rate out");
  if (options.pipeline > 1 && !options.keepAlive) throw new UsageError("--pipeline needs connections that stay open");
  if (options.pipeline > 1 && options.scenario === "script") {
    throw new UsageError("--pipeline does not go with --script: a step may need the answer to the one before");
  }
  if (options.threads > availableParallelism() * 8) {
    throw new UsageError(`--threads ${options.threads}: this machine has ${availableParallelism()} cores`);
  }
}

/** "500ms", "10s", "1.5m", "2h"; a bare number is seconds. */
export function parseDurationMs(name: string, text: string): number {
  const parts = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text);
  if (!parts) throw new UsageError(`${name} ${text}: expected a time such as 500ms, 10s or 5m`);
  return Number(parts[1]) * { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[(parts[2] ?? "s") as "ms" | "s" | "m" | "h"];
}

/** "250", "10k", "1.5m". */
export function parseCount(name: string, text: string, min: number, fractions = false): number {
  const parts = /^(\d+(?:\.\d+)?)(k|m)?$/i.exec(text);
  const value = parts
    ? Number(parts[1]) * { k: 1000, m: 1_000_000, "": 1 }[(parts[2] ?? "").toLowerCase() as "k" | "m" | ""]
    : NaN;
  if (!(value >= min) || (!fractions && !Number.isInteger(value))) {
    throw new UsageError(`${name} ${text}: expected a number from ${min}, as 250 or 10k`);
  }
  return value;
}

function parseMix(text: string | undefined): SessionWeights {
  if (text === undefined) return SESSION_WEIGHTS;
  const weights: SessionWeights = { validate: 0, unknown: 0, update: 0, batch: 0, create: 0, delete: 0 };
  for (const part of text.split(",")) {
    const [name, value] = part.trim().split("=");
    if (name === undefined || !(name in weights)) {
      throw new UsageError(`--mix: "${part}" names none of ${Object.keys(weights).join(", ")}`);
    }
    weights[name as keyof SessionWeights] = parseCount(`--mix ${name}`, value ?? "1", 0, true);
  }
  if (Object.values(weights).every((weight) => weight === 0)) throw new UsageError("--mix: all weights are 0");
  return weights;
}

function parseStatuses(text: string | undefined): number[] {
  if (text === undefined) return [];
  return text.split(",").map((part) => {
    const status = parseCount("--expect", part.trim(), 100);
    if (status > 999) throw new UsageError(`--expect ${part}: a status has three digits`);
    return status;
  });
}

function readBody(text: string | undefined): Uint8Array | undefined {
  if (text === undefined) return undefined;
  if (!text.startsWith("@")) return new TextEncoder().encode(text);
  try {
    return readFileSync(text.slice(1));
  } catch (error) {
    throw new UsageError(`--body ${text}: ${(error as Error).message}`);
  }
}

function quote(arg: string): string {
  return /^[\w@%+=:,./-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", `'\\''`)}'`;
}
