import { type Arguments, ConfigError } from "../../core/arguments.ts";
import { counter, counters, countersPerWorker, sumOf } from "../../core/counters.ts";
import { cycleKey } from "../../core/cycle.ts";
import type { Place } from "../../core/diagnostic.ts";
import { defineModule, value } from "../../core/module.ts";
import type { Verdict } from "../../core/phase.ts";
import type { Request } from "../../core/request.ts";
import { generationKey } from "../../ngx/generation.ts";
import type { SharedDict } from "../../shm/dict.ts";
import { cycleZones } from "../../shm/zones.ts";
import { version } from "../../std/version.ts";
import { upstreams } from "../upstream/upstream.ts";
import { nameInSeries, prometheusText } from "./prometheus.ts";
import type { PeerStatus, Status, WorkerStatus } from "./report.ts";

interface Page {
  readonly format: "json" | "prometheus";
  /** The dictionary with what scripts count and measure. */
  readonly metrics: string | undefined;
}

/** Dictionaries that locations show, and where they say so. */
const shownDicts = cycleKey<Map<string, Place>>("dictionaries of resty_status", () => new Map());

/** What stub_status says and more, as JSON for `resty status`, or as Prometheus collects it. */
export const restyStatus = defineModule({
  name: "resty_status",
  directives: {
    resty_status: value<Page | undefined>({
      contexts: ["server", "location"],
      args: [0, 2],
      syntax: "[format=json | format=prometheus] [metrics=dict]",
      default: undefined,
      merge: "conditional",
      read: readPage,
    }),
  },
  finish(cycle) {
    const zones = cycle.get(cycleZones).declared;
    for (const [name, place] of cycle.get(shownDicts))
      if (zones.get(name)?.kind !== "dict")
        throw new ConfigError(`no dictionary "${name}" is declared`, place, `"shared_dict ${name} 64k;" in http`);
  },
  handler: (conf) => conf.resty_status && pageHandler(conf.resty_status),
});

function readPage(args: Arguments): Page {
  const known = ["format=json", "format=prometheus"];
  for (let i = 0; i < args.count; i++)
    if (!known.includes(args.text(i)) && !/^metrics=./.test(args.text(i)))
      throw args.invalidParameter(i, [...known, "metrics=NAME"].join(", "));
  const metrics = args.named("metrics");
  if (metrics) args.cycle.get(shownDicts).set(metrics.text, metrics.place);
  return {
    format: args.named("format")?.text === "prometheus" ? "prometheus" : "json",
    metrics: metrics?.text,
  };
}

function pageHandler({ format, metrics }: Page): (request: Request) => Verdict | Promise<Verdict> {
  return (request) => {
    if (request.method !== "GET" && request.method !== "HEAD") return 405;
    const { response } = request;
    const status = report(request, metrics);
    response.status = 200;
    if (format === "json") {
      response.contentType = "application/json";
      return request.respond(`${JSON.stringify(status)}\n`);
    }
    response.contentType = "text/plain; version=0.0.4; charset=utf-8";
    return request.respond(prometheusText(status));
  };
}

function report(request: Request, metrics: string | undefined): Status {
  const { cycle } = request.plan;
  const active = sumOf(counter.active);
  const reading = sumOf(counter.reading);
  const writing = sumOf(counter.writing);
  return {
    version,
    master: process.ppid,
    worker: process.pid,
    connections: {
      active,
      accepted: sumOf(counter.accepted),
      handled: sumOf(counter.handled),
      reading,
      writing,
      waiting: Math.max(0, active - reading - writing),
    },
    requests: sumOf(counter.requests),
    workers: workers(),
    zones: Object.fromEntries(
      [...cycle.get(cycleZones).declared.values()].map(({ name, kind, zone }) => [name, { kind, ...zone?.stats() }]),
    ),
    upstreams: Object.fromEntries(
      [...cycle.get(upstreams).values()].map(({ name, peers }) => [name, peers.map(peerStatus)]),
    ),
    ...(metrics === undefined ? {} : { metrics: metricsIn(cycle.get(generationKey).shared[metrics]) }),
  };
}

/** The numbers of a dictionary whose keys are names of metrics, in their order. */
function metricsIn(dict: SharedDict | undefined): Record<string, number> {
  const found: Record<string, number> = {};
  for (const key of dict?.getKeys(0).sort() ?? []) {
    const number = dict!.get(key);
    if (typeof number === "number" && !(nameInSeries(key) ?? "resty_").startsWith("resty_")) found[key] = number;
  }
  return found;
}

/** Slots that have served something; a worker that was replaced goes on in its predecessor's. */
function workers(): WorkerStatus[] {
  const { all } = counters;
  const list: WorkerStatus[] = [];
  for (let slot = 0; slot * countersPerWorker < all.length; slot++) {
    const at = slot * countersPerWorker;
    if (all[at + counter.accepted]! === 0) continue;
    list.push({ slot, active: all[at + counter.active]!, requests: all[at + counter.requests]! });
  }
  return list;
}

function peerStatus(peer: {
  readonly name: string;
  readonly active: number;
  readonly fails: number;
  readonly backup: boolean;
  readonly down: boolean;
  available(nowMs: number): boolean;
}): PeerStatus {
  const { name, active, fails, backup, down } = peer;
  return { name, active, fails, backup, state: down ? "down" : peer.available(Date.now()) ? "up" : "unavailable" };
}
