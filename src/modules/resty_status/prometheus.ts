import type { Status } from "./report.ts";

/** Labels of a sample, in their order. */
type Labels = Readonly<Record<string, string>>;

/** What is said of each metric; of those of scripts nothing is known. */
const help: Readonly<Record<string, string>> = {
  resty_build_info: "The version, as a label.",
  resty_connections_active: "Open client connections.",
  resty_connections_reading: "Connections of which a request head is being read.",
  resty_connections_writing: "Connections with a request that is being answered.",
  resty_connections_waiting: "Connections that wait for a request.",
  resty_connections_accepted_total: "Client connections that were accepted.",
  resty_connections_handled_total: "Client connections that were served.",
  resty_requests_total: "Requests of clients.",
  resty_worker_connections_active: "Open client connections of a worker.",
  resty_worker_requests_total: "Requests of clients to a worker.",
  resty_zone_size_bytes: "Size of a zone of shared memory.",
  resty_zone_free_bytes: "Room that is left in a zone.",
  resty_zone_entries: "Keys in a zone, expired ones that are still there included.",
  resty_zone_hits_total: "Reads that found a key.",
  resty_zone_misses_total: "Reads that found none.",
  resty_zone_stores_total: "Values stored.",
  resty_zone_evictions_total: "Live entries that were removed to make room.",
  resty_zone_expiries_total: "Expired entries that were removed.",
  resty_zone_lock_waits_total: "How often the lock of a zone was found taken.",
  resty_zone_recoveries_total: "How often the lock of a zone was taken from a dead process.",
  resty_zone_largest_entry_bytes: "Key and value of the largest entry there ever was.",
  resty_upstream_peer_active: "Requests that a peer is answering, as the worker that was asked sees it.",
  resty_upstream_peer_fails: "Failures of a peer within fail_timeout.",
  resty_upstream_peer_up: "1 where a peer may be asked.",
};
const helpOfScripts = "Kept by scripts.";

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
      text +=
        `# HELP ${name} ${help[name] ?? helpOfScripts}\n` +
        `# TYPE ${name} ${name.endsWith("_total") ? "counter" : "gauge"}\n${lines.join("")}`;
    return text;
  }
}

const escape = (text: string): string =>
  text.replace(/["\\\n]/g, (character) => (character === "\n" ? "\\n" : `\\${character}`));

const textOf = (value: number): string => String(value).replace("Infinity", "Inf");
