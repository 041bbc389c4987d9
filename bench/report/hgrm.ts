import { fromSparse } from "../histogram.ts";
import type { Report } from "./report.ts";

/** The percentile distribution in the text form that HdrHistogram's plotter reads, in milliseconds. */
export function hgrmReport(report: Report): string {
  return fromSparse(report.histogram).outputPercentileDistribution(5, 1000);
}
