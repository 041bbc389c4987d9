import { build, type JsHistogram } from "hdr-histogram-js";

/** Latencies in whole microseconds, three significant digits, up to an hour (a longer one makes it grow). */
export type Histogram = JsHistogram;

/** A histogram as it crosses a process boundary: value, count, value, count, …; values in microseconds, rising. */
export type Sparse = number[];

/** The percentiles every report shows, in rising order. */
export const PERCENTILES = [50, 75, 90, 95, 99, 99.9, 99.99] as const;

const HIGHEST_MICROSECONDS = 3_600_000_000;

export function createHistogram(): Histogram {
  // The plain implementation: the WebAssembly one has to be instantiated first and records no faster from here.
  return build({
    bitBucketSize: 32,
    lowestDiscernibleValue: 1,
    highestTrackableValue: HIGHEST_MICROSECONDS,
    numberOfSignificantValueDigits: 3,
    autoResize: true,
    useWebAssembly: false,
  }) as JsHistogram;
}

/** Records a latency; below a microsecond, or a clock that stepped back, counts as 1 µs. */
export function recordMs(histogram: Histogram, latencyMs: number): void {
  const microseconds = Math.round(latencyMs * 1000);
  histogram.recordValue(microseconds > 0 ? microseconds : 1);
}

/** Visits every recorded value: the middle of its bucket is within 0.05 % of what was measured. */
export function forEachRecorded(histogram: Histogram, visit: (microseconds: number, count: number) => void): void {
  if (histogram.totalCount === 0) return;
  const first = histogram.countsArrayIndex(histogram.minNonZeroValue);
  const last = histogram.countsArrayIndex(histogram.maxValue);
  for (let index = first; index <= last; index++) {
    const count = histogram.getCountAtIndex(index);
    if (count > 0) visit(histogram.valueFromIndex(index), count);
  }
}

/**
 * The contents as pairs. The highest and the lowest value are kept to the microsecond, the others as the lower edge
 * of their bucket: `absorb` puts each back into the bucket it came from.
 */
export function toSparse(histogram: Histogram): Sparse {
  const pairs: Sparse = [];
  if (histogram.totalCount === 0) return pairs;
  forEachRecorded(histogram, (value, count) => pairs.push(value, count));
  const last = pairs.length - 2;
  const lastCount = pairs[last + 1]!;
  if (pairs[last] === histogram.maxValue) return pairs;
  if (lastCount === 1) pairs[last] = histogram.maxValue;
  else {
    pairs[last + 1] = lastCount - 1;
    pairs.push(histogram.maxValue, 1);
  }
  return pairs;
}

/** As `toSparse`, and empties the histogram. */
export function drain(histogram: Histogram): Sparse {
  const pairs = toSparse(histogram);
  if (pairs.length > 0) histogram.reset();
  return pairs;
}

export function absorb(histogram: Histogram, pairs: Sparse): void {
  for (let i = 0; i < pairs.length; i += 2) histogram.recordValueWithCount(pairs[i]!, pairs[i + 1]!);
}

export function fromSparse(pairs: Sparse): Histogram {
  const histogram = createHistogram();
  absorb(histogram, pairs);
  return histogram;
}

/** What a report says of one histogram; all in milliseconds. */
export interface LatencySummary {
  count: number;
  minMs: number;
  meanMs: number;
  deviationMs: number;
  p50Ms: number;
  p75Ms: number;
  p90Ms: number;
  p95Ms: number;
  p99Ms: number;
  p99_9Ms: number;
  p99_99Ms: number;
  maxMs: number;
}

/** The value that `percentile` per cent of all are at or below, in milliseconds; 0 when nothing was recorded. */
export function percentileMs(histogram: Histogram, percentile: number): number {
  if (histogram.totalCount === 0) return 0;
  // The bucket's upper edge can lie above the highest value that was really seen.
  return Math.min(histogram.getValueAtPercentile(percentile), histogram.maxValue) / 1000;
}

export function summarize(histogram: Histogram): LatencySummary {
  const empty = histogram.totalCount === 0;
  return {
    count: histogram.totalCount,
    minMs: empty ? 0 : histogram.minNonZeroValue / 1000,
    meanMs: histogram.mean / 1000,
    deviationMs: empty ? 0 : histogram.stdDeviation / 1000,
    p50Ms: percentileMs(histogram, 50),
    p75Ms: percentileMs(histogram, 75),
    p90Ms: percentileMs(histogram, 90),
    p95Ms: percentileMs(histogram, 95),
    p99Ms: percentileMs(histogram, 99),
    p99_9Ms: percentileMs(histogram, 99.9),
    p99_99Ms: percentileMs(histogram, 99.99),
    maxMs: histogram.maxValue / 1000,
  };
}
