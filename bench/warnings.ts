import type { Report } from "./report/report.ts";
import { formatMs, formatShare, groupDigits } from "./report/format.ts";

/** What the warnings are drawn from: a report without them. */
export type Evidence = Omit<Report, "warnings" | "objectives">;

/** The generator accuses itself: each way in which it, and not the server, may have set the figures. */
export function accuse(report: Evidence): string[] {
  const { generator, model, totals } = report;
  const warnings: string[] = [];
  const busiest = Math.max(0, ...generator.cpuCores);
  // In the open model the last moments before a request is due are spent polling, so CPU says nothing there.
  if (model === "closed" && busiest > 0.9) {
    warnings.push(
      `a sending process used ${formatShare(busiest)} of a core: the server may be faster than this; ` +
        "give more with --threads",
    );
  }
  if (model === "open" && generator.lag.count > 0 && generator.lag.p99Ms > 1) {
    warnings.push(
      `requests left late although a connection was free (p99 ${formatMs(generator.lag.p99Ms)}, ` +
        `max ${formatMs(generator.lag.maxMs)}): this machine, not the server, adds that to the latencies from when due`,
    );
  }
  if (generator.tickLateMsMax > 100) {
    warnings.push(
      `a sending process was held up for ${formatMs(generator.tickLateMsMax)}: latencies of that moment include it`,
    );
  }
  if (generator.machineBusy > 0.95) {
    warnings.push(
      `all ${report.machine.cores} cores of this machine were in use (${formatShare(generator.machineBusy)}): ` +
        "whatever else runs here, a server too, competes with the generator",
    );
  }
  const { openAtStart } = generator;
  if (report.keepAlive && openAtStart >= 0 && openAtStart < report.connections * 0.99) {
    warnings.push(
      `${groupDigits(openAtStart)} of ${groupDigits(report.connections)} connections were open when the measurement ` +
        "began: give --ramp more time",
    );
  }
  const starved = (word: string): number =>
    Object.entries(report.errorDetails).reduce((sum, [detail, count]) => sum + (detail.includes(word) ? count : 0), 0);
  const descriptors = starved("EMFILE") + starved("ENFILE");
  if (descriptors > 0) {
    warnings.push(`${groupDigits(descriptors)} connections failed for want of file descriptors here: see ulimit -n`);
  }
  const ports = starved("EADDRNOTAVAIL");
  if (ports > 0) {
    warnings.push(
      `${groupDigits(ports)} connections failed for want of local ports here: see net.ipv4.ip_local_port_range` +
        (report.keepAlive ? "" : " and leave out --no-keepalive"),
    );
  }
  if (model === "open" && totals.seconds > 0 && totals.requestsPerSecond < report.rate * 0.98) {
    warnings.push(
      `${groupDigits(report.rate)} requests a second were due, ${groupDigits(totals.requestsPerSecond)} were answered` +
        (generator.backlogMax > 0
          ? `, and up to ${groupDigits(generator.backlogMax)} waited for a free connection (--connections)`
          : ""),
    );
  }
  return warnings;
}
