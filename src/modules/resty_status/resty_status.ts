import { counter, counters, countersPerWorker, sumOf } from "../../core/counters.ts";
import { defineModule, mark } from "../../core/module.ts";
import type { Verdict } from "../../core/phase.ts";
import type { Request } from "../../core/request.ts";
import { cycleZones } from "../../shm/zones.ts";
import { version } from "../../std/version.ts";
import { upstreams } from "../upstream/upstream.ts";
import type { PeerStatus, Status, WorkerStatus } from "./report.ts";

/** What stub_status says and more, as JSON: the page that `resty status` reads. */
export const restyStatus = defineModule({
  name: "resty_status",
  directives: {
    resty_status: mark(["server", "location"]),
  },
  handler: (conf) => (conf.resty_status ? answer : undefined),
});

function answer(request: Request): Verdict | Promise<Verdict> {
  if (request.method !== "GET" && request.method !== "HEAD") return 405;
  request.response.status = 200;
  request.response.contentType = "application/json";
  return request.respond(`${JSON.stringify(report(request))}\n`);
}

function report(request: Request): Status {
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
  };
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
