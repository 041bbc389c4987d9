import type { Status } from "./report.ts";

/** Labels of a sample, in their order. */
type Labels = Readonly<Record<string, string>>;

const nameOfZoneFigure: Readonly<Record<string, string>> = {
  sizeBytes: "size_bytes",
  freeBytes: "free_bytes",
  entries: "entries",
  hits: "hits_total",
  misses: "misses_total",
  stores: "stores_total",
  evictions: "evictions_total",
  expiries: "expiries_total",
  lockWaits: "lock_waits_total",
  recoveries: "recoveries_total",
  largestEntryBytes: "largest_entry_bytes",
};

const metricName = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const label = String.raw`[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"`;
const seriesPattern = new RegExp(`^(${metricName})(?:\\{${label}(?:,${label})*\\})?$`);

/** The name in `name{label="value",…}`; undefined for what is no such thing. */
export const nameInSeries = (series: string): string | undefined => seriesPattern.exec(series)?.[1];

/** The status in the text format that Prometheus collects. */
export function prometheusText(status: Status): string {
  const samples = new Samples();
  const { connections, workers, zones, upstreams, metrics = {} } = status;
  samples.add("resty_build_info", { version: status.version }, 1);
  for (const state of ["active", "reading", "writing", "waiting"] as const)
    samples.add(`resty_connections_${state}`, {}, connections[state]);
  for (const what of ["accepted", "handled"] as const)
    samples.add(`resty_connections_${what}_total`, {}, connections[what]);
  samples.add("resty_requests_total", {}, status.requests);
  for (const { slot, active, requests } of workers) {
    samples.add("resty_worker_connections_active", { slot: String(slot) }, active);
    samples.add("resty_worker_requests_total", { slot: String(slot) }, requests);
  }
  for (const [zone, { kind, ...figures }] of Object.entries(zones))
    for (const [figure, value] of Object.entries(figures)) {
      const name = nameOfZoneFigure[figure];
      if (name !== undefined) samples.add(`resty_zone_${name}`, { zone, kind }, value as number);
    }
  for (const [upstream, peers] of Object.entries(upstreams))
    for (const [i, { name, active, fails, state }] of peers.entries()) {
      // A server may be in a group more than once.
      const labels = { upstream, peer: name, position: String(i) };
      samples.add("resty_upstream_peer_active", labels, active);
      samples.add("resty_upstream_peer_fails", labels, fails);
      samples.add("resty_upstream_peer_up", labels, state === "up" ? 1 : 0);
    }
  for (const [series, value] of Object.entries(metrics)) samples.addSeries(series, value);
  return samples.text();
}

/** Samples by name, as the format wants them: those of one name stand together. */
class Samples {
  readonly #lines = new Map<string, string[]>();

  add(name: string, labels: Labels, value: number): void {
    const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escape(text)}"`);
    this.#push(name, `${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${textOf(value)}\n`);
  }

  /** @param series As `nameInSeries` takes it. */
  addSeries(series: string, value: number): void {
    this.#push(nameInSeries(series)!, `${series} ${textOf(value)}\n`);
  }

  #push(name: string, line: string): void {
    const lines = this.#lines.get(name);
    if (lines) lines.push(line);
    else this.#lines.set(name, [line]);
  }

  text(): string {
    let text = "";
    for (const [name, lines] of this.#lines)
      text += `# TYPE ${name} ${name.endsWith("_total") ? "counter" : "gauge"}\n${lines.join("")}`;
    return text;
  }
}

const escape = (text: string): string =>
  text.replace(/["\\\n]/g, (character) => (character === "\n" ? "\\n" : `\\${character}`));

const textOf = (value: number): string => String(value).replace("Infinity", "Inf");
