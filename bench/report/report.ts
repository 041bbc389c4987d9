import type { LatencySummary, Sparse } from "../histogram.ts";
import type { Machine } from "../machine.ts";
import type { ErrorCounts } from "../protocol.ts";
import type { ObjectiveResult } from "../slo.ts";

export interface Totals {
  /** Right answers to requests of the measured time. */
  answers: number;
  errors: number;
  /** Errors ÷ (answers + errors). */
  errorShare: number;
  /** Answers that came inside the measured time, wrong ones included, ÷ its length. */
  requestsPerSecond: number;
  bytesPerSecond: number;
  /** How long was measured; shorter than asked for after Ctrl-C. */
  seconds: number;
}

export interface StepReport {
  name: string;
  answers: number;
  errors: number;
  requestsPerSecond: number;
  latency: LatencySummary;
  /** Open model: from when the request was really sent. */
  service?: LatencySummary;
}

export type Phase = "ramp" | "warm-up" | "measured" | "end";

/** One second of the run. */
export interface TimelineRow {
  /** Since the start. */
  second: number;
  phase: Phase;
  answers: number;
  errors: number;
  bytes: number;
  openConnections: number;
  backlog: number;
  p50Ms: number;
  p90Ms: number;
  p99Ms: number;
  maxMs: number;
}

/** One rate that `--find-max` tried. */
export interface Trial {
  rate: number;
  held: boolean;
  requestsPerSecond: number;
  p99Ms: number;
  errorShare: number;
}

/** Everything a run found: what `--json` writes, and what every view of it is drawn from. */
export interface Report {
  format: 1;
  /** ISO 8601, UTC. */
  startedAt: string;
  /** As typed. */
  command: string;
  url: string;
  /** The `Server` field of its first answer. */
  server: string;
  scenario: string;
  /** "open": requests were due at `rate`. "closed": each connection sent its next one when the last was answered. */
  model: "open" | "closed";
  rate: number;
  connections: number;
  threads: number;
  pipeline: number;
  keepAlive: boolean;
  rampMs: number;
  warmupMs: number;
  durationMs: number;
  timeoutMs: number;
  interrupted: boolean;
  totals: Totals;
  /** Open model: from when due, which is what a user waits. Closed model: from when sent. */
  latency: LatencySummary;
  /** Open model only: from when sent, which hides the wait for a free connection (coordinated omission). */
  service?: LatencySummary;
  steps: StepReport[];
  errorsByKind: ErrorCounts;
  errorDetails: Record<string, number>;
  statuses: Record<string, number>;
  timeline: TimelineRow[];
  /** Microseconds and counts. */
  histogram: Sparse;
  serviceHistogram?: Sparse;
  generator: {
    /** Cores that each sending process used. */
    cpuCores: number[];
    /** Open model: how late requests left although a connection was free. */
    lag: LatencySummary;
    tickLateMsMax: number;
    backlogMax: number;
    /** Connections that were open when the measurement began. */
    openAtStart: number;
    /** Share of all the machine's cores that was in use, by anyone; -1 when unknown. */
    machineBusy: number;
  };
  machine: Machine;
  /** What `--find-max` tried, in order; this is then the report of the highest rate that held. */
  trials?: Trial[];
  warnings: string[];
  objectives: ObjectiveResult[];
}
