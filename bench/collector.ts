import {
  absorb,
  createHistogram,
  percentileMs,
  summarize,
  toSparse,
  type Histogram,
  type Sparse,
} from "./histogram.ts";
import { ERROR_KINDS, type Delta, type ErrorCounts, type ErrorKind } from "./protocol.ts";
import type { Phase, Report, StepReport, TimelineRow, Totals } from "./report/report.ts";

export interface RunShape {
  processes: number;
  open: boolean;
  rampMs: number;
  warmupMs: number;
  durationMs: number;
}

interface StepTotals {
  name: string;
  latency: Histogram;
  service: Histogram;
  answers: number;
  errors: number;
}

interface Second extends TimelineRow {
  /** Dropped once the second is over and its percentiles are taken. */
  histogram: Histogram | undefined;
}

/** What the live view shows: all of it kept up to date, none of it computed on the sending path. */
export interface LiveState {
  phase: Phase;
  elapsedMs: number;
  totalMs: number;
  openConnections: number;
  backlog: number;
  /** Answers in the last full second. */
  requestsPerSecond: number;
  answers: number;
  errors: number;
  errorsByKind: ErrorCounts;
  /** Of the measured time so far; before it, of what there was. */
  latency: Histogram;
  /** Answers per second, one entry a second. */
  throughput: number[];
}

/** Adds up what the sending processes report. */
export class Collector {
  readonly shape: RunShape;
  readonly latency = createHistogram();
  readonly service = createHistogram();
  readonly lag = createHistogram();
  readonly errorsByKind: ErrorCounts = {};
  readonly statuses: Record<string, number> = {};
  readonly details: Record<string, number> = {};
  tickLateMsMax = 0;
  backlogMax = 0;
  /** Connections that were open when the measurement began; -1 before it. */
  openAtStart = -1;

  readonly #steps: StepTotals[];
  readonly #early = createHistogram();
  readonly #seconds: Second[] = [];
  /** The latest word of each process. */
  readonly #open: number[] = [];
  readonly #backlog: number[] = [];
  #answers = 0;
  #errors = 0;
  #allAnswers = 0;
  #answersInWindow = 0;
  #bytesInWindow = 0;
  #atMs = 0;

  constructor(stepNames: readonly string[], shape: RunShape) {
    this.shape = shape;
    this.#steps = stepNames.map((name) => ({
      name,
      latency: createHistogram(),
      service: createHistogram(),
      answers: 0,
      errors: 0,
    }));
  }

  get measureFromMs(): number {
    return this.shape.rampMs + this.shape.warmupMs;
  }

  add(share: number, delta: Delta): void {
    this.#atMs = Math.max(this.#atMs, delta.atMs);
    this.#open[share] = delta.openConnections;
    this.#backlog[share] = delta.backlog;
    this.#allAnswers += delta.answers;
    const second = this.#second(Math.floor(Math.max(0, delta.atMs - 1) / 1000));
    const phase = this.phaseAt(delta.atMs);
    second.answers += delta.answers;
    second.errors += delta.errors;
    second.bytes += delta.bytes;
    second.openConnections = sum(this.#open);
    second.backlog = sum(this.#backlog);
    delta.steps.forEach((step, index) => {
      const totals = this.#steps[index]!;
      totals.answers += step.answers;
      this.#answers += step.answers;
      for (const kind of ERROR_KINDS) {
        const count = step.errors[kind] ?? 0;
        totals.errors += count;
        this.#errors += count;
        if (count > 0) this.errorsByKind[kind] = (this.errorsByKind[kind] ?? 0) + count;
      }
      this.#absorb(step.latency, totals.latency, this.latency, second.histogram);
      this.#absorb(step.service, totals.service, this.service);
    });
    this.#absorb(delta.outside, this.#early, second.histogram);
    this.#absorb(delta.lag, this.lag);
    addCounts(this.statuses, delta.statuses);
    addCounts(this.details, delta.details);
    this.#answersInWindow += delta.answersInWindow;
    if (phase === "measured") {
      if (this.openAtStart < 0 && this.#open.length >= this.shape.processes) this.openAtStart = second.openConnections;
      this.#bytesInWindow += delta.bytes;
      this.tickLateMsMax = Math.max(this.tickLateMsMax, delta.tickLateMs);
      this.backlogMax = Math.max(this.backlogMax, second.backlog);
    }
  }

  #absorb(pairs: Sparse, ...into: (Histogram | undefined)[]): void {
    if (pairs.length > 0) for (const histogram of into) if (histogram) absorb(histogram, pairs);
  }

  #second(index: number): Second {
    // Processes report at different moments: a second is closed when the next but one begins.
    for (let closing = 0; closing < index - 1 && closing < this.#seconds.length; closing++) {
      const second = this.#seconds[closing]!;
      if (second.histogram) takePercentiles(second);
    }
    for (let missing = this.#seconds.length; missing <= index; missing++) {
      this.#seconds.push({
        second: missing,
        phase: missing * 1000 < this.measureFromMs + this.shape.durationMs ? this.phaseAt(missing * 1000) : "end",
        answers: 0,
        errors: 0,
        bytes: 0,
        openConnections: 0,
        backlog: 0,
        p50Ms: 0,
        p90Ms: 0,
        p99Ms: 0,
        maxMs: 0,
        histogram: createHistogram(),
      });
    }
    return this.#seconds[index]!;
  }

  phaseAt(atMs: number): Phase {
    if (atMs < this.shape.rampMs) return "ramp";
    if (atMs < this.measureFromMs) return "warm-up";
    // A report belongs to the time before it.
    return atMs <= this.measureFromMs + this.shape.durationMs + 50 ? "measured" : "end";
  }

  live(): LiveState {
    const full = this.#seconds.at(-2) ?? this.#seconds.at(-1);
    return {
      phase: this.phaseAt(this.#atMs),
      elapsedMs: this.#atMs,
      totalMs: this.measureFromMs + this.shape.durationMs,
      openConnections: sum(this.#open),
      backlog: sum(this.#backlog),
      requestsPerSecond: full?.answers ?? 0,
      answers: this.#allAnswers,
      errors: this.#errors,
      errorsByKind: this.errorsByKind,
      latency: this.latency.totalCount > 0 ? this.latency : this.#early,
      // The present second is not over, and would look like a drop.
      throughput: this.#seconds.slice(0, -1).map((second) => second.answers),
    };
  }

  totals(): Totals {
    // After Ctrl-C less was measured than asked for.
    const measuredMs = Math.min(this.shape.durationMs, Math.max(0, this.#atMs - this.measureFromMs));
    const seconds = measuredMs / 1000;
    const all = this.#answers + this.#errors;
    return {
      answers: this.#answers,
      errors: this.#errors,
      errorShare: all > 0 ? this.#errors / all : 0,
      requestsPerSecond: seconds > 0 ? this.#answersInWindow / seconds : 0,
      bytesPerSecond: seconds > 0 ? this.#bytesInWindow / seconds : 0,
      seconds,
    };
  }

  steps(): StepReport[] {
    const { seconds } = this.totals();
    return this.#steps.map(({ name, answers, errors, latency, service }) => ({
      name,
      answers,
      errors,
      requestsPerSecond: seconds > 0 ? answers / seconds : 0,
      latency: summarize(latency),
      ...(this.shape.open && { service: summarize(service) }),
    }));
  }

  timeline(): TimelineRow[] {
    return this.#seconds.map((second) => {
      if (second.histogram) takePercentiles(second);
      const { histogram: _, ...row } = second;
      return row;
    });
  }

  /** The part of a report that comes from the sending processes. */
  results(): Pick<
    Report,
    | "totals"
    | "latency"
    | "service"
    | "steps"
    | "errorsByKind"
    | "errorDetails"
    | "statuses"
    | "timeline"
    | "histogram"
    | "serviceHistogram"
  > {
    return {
      totals: this.totals(),
      latency: summarize(this.latency),
      ...(this.shape.open && { service: summarize(this.service), serviceHistogram: toSparse(this.service) }),
      steps: this.steps(),
      errorsByKind: this.errorsByKind,
      errorDetails: this.details,
      statuses: this.statuses,
      timeline: this.timeline(),
      histogram: toSparse(this.latency),
    };
  }

  errorCount(kind: ErrorKind): number {
    return this.errorsByKind[kind] ?? 0;
  }
}

function takePercentiles(second: Second): void {
  const histogram = second.histogram!;
  second.p50Ms = percentileMs(histogram, 50);
  second.p90Ms = percentileMs(histogram, 90);
  second.p99Ms = percentileMs(histogram, 99);
  second.maxMs = histogram.maxValue / 1000;
  second.histogram = undefined;
}

function sum(values: readonly number[]): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

function addCounts(into: Record<string, number>, from: Record<string, number>): void {
  for (const key in from) into[key] = (into[key] ?? 0) + from[key]!;
}
