import type { Endpoint } from "./connection.ts";
import type { Sparse } from "./histogram.ts";
import type { HeaderList } from "./request.ts";

/** What to send, in a form that crosses to another process. */
export type ScenarioSpec =
  | {
      kind: "http";
      method: string;
      headers: HeaderList;
      /** Base64, since a body is bytes. */
      body: string | undefined;
      expect: number[];
    }
  | { kind: "session"; sessions: number; batchIds: number; weights: SessionWeights; headers: HeaderList }
  | { kind: "script"; file: string; headers: HeaderList };

/** How often each request of the session mix comes, relative to the others. */
export interface SessionWeights {
  validate: number;
  /** validate with an id that no session has. */
  unknown: number;
  update: number;
  batch: number;
  create: number;
  delete: number;
}

/** One process's part of a run. Rates and connections are this process's own, except where it says otherwise. */
export interface Job {
  endpoint: Endpoint;
  scenario: ScenarioSpec;
  connections: number;
  /** Loopback addresses to come from, taken in turn; none leaves it to the kernel. */
  sourceAddresses: string[];
  /** Of all processes together, per second; 0 is the closed model. */
  rate: number;
  share: number;
  shares: number;
  /** How many requests a connection may have on their way. */
  pipeline: number;
  keepAlive: boolean;
  rampMs: number;
  warmupMs: number;
  durationMs: number;
  timeoutMs: number;
  /** How long answers are awaited after the last request. */
  graceMs: number;
}

/** The kinds of error a report counts. "unanswered" is what was still open when the run ended. */
export const ERROR_KINDS = ["connect", "timeout", "reset", "protocol", "status", "body", "unanswered"] as const;
export type ErrorKind = (typeof ERROR_KINDS)[number];
export type ErrorCounts = Partial<Record<ErrorKind, number>>;

/** What one step saw since the last delta, of requests inside the measured time. */
export interface StepDelta {
  /** Right answers and, at their full waiting time, those given up on: from when due (closed model: sent). */
  latency: Sparse;
  /** Open model: the same from when it was really sent. */
  service: Sparse;
  answers: number;
  errors: ErrorCounts;
}

/** What one process saw since its last delta. */
export interface Delta {
  type: "delta";
  /** Since the common start. */
  atMs: number;
  /** In the order of the scenario's steps. */
  steps: StepDelta[];
  /** Latencies outside the measured time, for the live view and the timeline alone. */
  outside: Sparse;
  /** Answers of any phase, wrong ones included. */
  answers: number;
  errors: number;
  /** Answers that came inside the measured time, which is what throughput counts. */
  answersInWindow: number;
  bytes: number;
  statuses: Record<string, number>;
  /** What errors said, counted. */
  details: Record<string, number>;
  openConnections: number;
  /** Requests that were due and waited for a free connection. */
  backlog: number;
  /** Open model: how late requests left although a connection was free. */
  lag: Sparse;
  /** How late the 100 ms timer of this report was: what the process's own work delays. */
  tickLateMs: number;
}

export interface Done {
  type: "done";
  /** CPU of the measured time, in cores: 1 is one core fully used. */
  cpuCores: number;
}

export type FromWorker =
  | { type: "ready" }
  | { type: "prepared"; steps: string[] }
  | { type: "failed"; message: string; usage: boolean }
  | Delta
  | Done;

export type ToWorker =
  | { type: "job"; job: Job }
  /** `startEpochMs`: the common start, in the clock of `Date.now()`. */
  | { type: "go"; startEpochMs: number }
  | { type: "stop" };
