import { defineCommand } from "citty";
import type { Status } from "../modules/resty_status/report.ts";
import { UsageError } from "./usage.ts";

const defaultUrl = "http://127.0.0.1:8080/resty_status";
const timeoutMs = 5000;

export const statusCommand = defineCommand({
  meta: { name: "status", description: "Show connections, requests, workers, zones and upstreams, live on a terminal" },
  args: {
    url: {
      type: "positional",
      required: false,
      default: defaultUrl,
      description: "A location with resty_status or stub_status",
    },
    interval: { type: "string", default: "1", valueHint: "SECONDS", description: "Between two looks, on a terminal" },
    once: { type: "boolean", description: "One look, also on a terminal" },
    json: { type: "boolean", description: "Print the document as it is" },
  },
  async run({ args }) {
    const intervalMs = Number(args.interval) * 1000;
    if (!(intervalMs >= 100)) throw new UsageError(`--interval ${args.interval}: at least 0.1 seconds`);
    if (!URL.canParse(args.url)) throw new UsageError(`"${args.url}" is no URL`);
    const live = process.stdout.isTTY === true && !args.once && !args.json;
    return live ? watch(args.url, intervalMs) : show(args.url, args.json === true);
  },
});

async function show(url: string, json: boolean): Promise<number> {
  try {
    const status = await look(url);
    process.stdout.write(json ? `${JSON.stringify(status, null, 2)}\n` : `${table(status, undefined, 0)}\n`);
    return 0;
  } catch (error) {
    process.stderr.write(`resty: ${url}: ${(error as Error).message}\n`);
    return 1;
  }
}

/** Draws over the last drawing until it is interrupted. */
async function watch(url: string, intervalMs: number): Promise<number> {
  let before: Status | undefined;
  let beforeMs = 0;
  for (;;) {
    let text: string;
    try {
      const status = await look(url);
      const now = performance.now();
      text = table(status, before, now - beforeMs);
      before = status;
      beforeMs = now;
    } catch (error) {
      text = `${url}: ${(error as Error).message}`;
    }
    process.stdout.write(`\x1b[H\x1b[J${text}\n`);
    await Bun.sleep(intervalMs);
  }
}

async function look(url: string): Promise<Status> {
  const response = await fetch(url, {
    signal: AbortSignal.timeout(timeoutMs),
    headers: { "User-Agent": "resty status" },
  });
  const text = await response.text();
  if (!response.ok)
    throw new Error(`answered ${response.status}; expected a location with resty_status or stub_status`);
  if (text.startsWith("Active connections:")) return fromStubStatus(text);
  try {
    return JSON.parse(text) as Status;
  } catch {
    throw new Error("answered neither resty_status' document nor stub_status' text");
  }
}

/** nginx's own page knows connections and requests only. */
function fromStubStatus(text: string): Status {
  const [active, accepted, handled, requests, reading, writing, waiting] = [...text.matchAll(/\d+/g)].map(Number);
  return {
    version: "",
    master: 0,
    worker: 0,
    connections: {
      active: active ?? 0,
      accepted: accepted ?? 0,
      handled: handled ?? 0,
      reading: reading ?? 0,
      writing: writing ?? 0,
      waiting: waiting ?? 0,
    },
    requests: requests ?? 0,
    workers: [],
    zones: {},
    upstreams: {},
  };
}

/** The status as text; rates where there is an earlier one, taken `elapsedMs` before. */
function table(status: Status, before: Status | undefined, elapsedMs: number): string {
  const rate = (now: number, then: number | undefined): string =>
    then === undefined || elapsedMs === 0 ? "" : `  ${Math.round(((now - then) * 1000) / elapsedMs)}/s`;
  const { connections: c } = status;
  const lines = [
    status.version === "" ? "stub_status" : `resty ${status.version}  master ${status.master}`,
    "",
    `connections  ${c.active} active: ${c.reading} reading, ${c.writing} writing, ${c.waiting} waiting`,
    `accepted     ${c.accepted}${rate(c.accepted, before?.connections.accepted)}`,
    `requests     ${status.requests}${rate(status.requests, before?.requests)}`,
  ];
  if (status.workers.length > 0)
    lines.push(
      "",
      ...columns(
        ["worker", "connections", "requests", ""],
        status.workers.map(({ slot, active, requests }) => [
          String(slot),
          String(active),
          String(requests),
          rate(requests, before?.workers.find((worker) => worker.slot === slot)?.requests).trim(),
        ]),
      ),
    );
  const zones = Object.entries(status.zones);
  if (zones.length > 0)
    lines.push(
      "",
      ...columns(
        ["zone", "kind", "size", "free", "entries", "hits", "misses", "evictions"],
        zones.map(([name, zone]) => [
          name,
          zone.kind,
          bytes(zone.sizeBytes),
          bytes(zone.freeBytes),
          ...["entries", "hits", "misses", "evictions"].map((key) => String(zone[key] ?? "-")),
        ]),
      ),
    );
  for (const [name, peers] of Object.entries(status.upstreams))
    lines.push(
      "",
      ...columns(
        [name, "state", "active", "fails"],
        peers.map((peer) => [
          peer.name + (peer.backup ? " (backup)" : ""),
          peer.state,
          String(peer.active),
          String(peer.fails),
        ]),
      ),
    );
  return lines.join("\n");
}

function bytes(value: unknown): string {
  if (typeof value !== "number") return "-";
  if (value >= 1024 * 1024) return `${(value / 1024 / 1024).toFixed(1)}m`;
  return value >= 1024 ? `${(value / 1024).toFixed(1)}k` : String(value);
}

/** Rows under a heading, the first column to the left, figures to the right. */
function columns(heading: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = [heading, ...rows];
  const widths = heading.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  return all.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join("  ")
      .trimEnd(),
  );
}
