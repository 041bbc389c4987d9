import type { Totals } from "./report/report.ts";
import { percentileMs, type Histogram } from "./histogram.ts";
import { UsageError } from "./usage.ts";

/** One condition of a service level objective, as `p99<50ms`. */
export interface Objective {
  /** As written. */
  text: string;
  metric: "latency" | "errors" | "rps";
  /** For latency: the percentile; 100 is the maximum, -1 the mean. */
  percentile: number;
  operator: "<" | "<=" | ">" | ">=";
  /** Milliseconds, share of all requests (0 to 1), count of errors, or requests per second. */
  limit: number;
  /** Errors: is the limit a share? */
  share: boolean;
}

export interface ObjectiveResult {
  text: string;
  /** What was measured, for people. */
  actual: string;
  ok: boolean;
}

const conditionPattern = /^(p\d+(?:\.\d+)?|max|mean|errors|rps)\s*(<=?|>=?)\s*(\d+(?:\.\d+)?)(us|µs|ms|s|%)?$/i;
const SCALE: Record<string, number> = { us: 0.001, µs: 0.001, ms: 1, s: 1000 };

/** @throws UsageError that says what a condition looks like. */
export function parseObjectives(text: string): Objective[] {
  return text.split(",").map((part) => {
    const condition = part.trim();
    const parts = conditionPattern.exec(condition);
    const refuse = (): never => {
      throw new UsageError(
        `--slo: "${condition}" is no condition: expected p99<50ms, max<=1s, mean<5ms, ` +
          "errors<0.1%, errors<=3 or rps>1000",
      );
    };
    if (!parts) return refuse();
    const name = parts[1]!.toLowerCase();
    const operator = parts[2] as Objective["operator"];
    const value = Number(parts[3]);
    const unit = parts[4]?.toLowerCase();
    if (name === "errors" || name === "rps") {
      if (unit !== undefined && (name === "rps" || unit !== "%")) return refuse();
      const share = unit === "%";
      return { text: condition, metric: name, percentile: 0, operator, limit: share ? value / 100 : value, share };
    }
    if (unit === "%" || unit === undefined) return refuse();
    const percentile = name === "max" ? 100 : name === "mean" ? -1 : Number(name.slice(1));
    if (percentile > 100) return refuse();
    return { text: condition, metric: "latency", percentile, operator, limit: value * SCALE[unit]!, share: false };
  });
}

export function judge(objectives: readonly Objective[], totals: Totals, latency: Histogram): ObjectiveResult[] {
  return objectives.map((objective) => {
    const { metric, percentile, share } = objective;
    let value: number;
    let actual: string;
    if (metric === "rps") {
      value = totals.requestsPerSecond;
      actual = `${value.toFixed(0)}/s`;
    } else if (metric === "errors") {
      value = share ? totals.errorShare : totals.errors;
      actual = share ? `${(value * 100).toFixed(3)} %` : String(value);
    } else {
      value = percentile < 0 ? latency.mean / 1000 : percentileMs(latency, percentile);
      actual = `${value.toFixed(3)} ms`;
    }
    // A run without an answer holds no objective, however few errors it allows.
    const ok = totals.answers > 0 && compare(value, objective.operator, objective.limit);
    return { text: objective.text, actual: totals.answers > 0 ? actual : "no answers", ok };
  });
}

function compare(value: number, operator: Objective["operator"], limit: number): boolean {
  switch (operator) {
    case "<":
      return value < limit;
    case "<=":
      return value <= limit;
    case ">":
      return value > limit;
    case ">=":
      return value >= limit;
  }
}
