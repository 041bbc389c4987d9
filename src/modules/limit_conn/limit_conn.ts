import { type KeyedZone, KeyedZones } from "../../compile/keyed_zones.ts";
import type { Arguments } from "../../core/arguments.ts";
import type { LogLevel } from "../../core/log.ts";
import { choice, type Context, defineModule, flag, list, number } from "../../core/module.ts";
import { DECLINED, type Verdict } from "../../core/phase.ts";
import type { Request } from "../../core/request.ts";
import { requestSlot } from "../../core/slot.ts";
import { workerProcess } from "../../ngx/generation.ts";
import { ConcurrencyLimit, REFUSED } from "../../shm/limit.ts";
import type { Zone as SharedZone } from "../../shm/zone.ts";

const contexts: readonly Context[] = ["http", "server", "location"];
const zones = new KeyedZones<undefined, ConcurrencyLimit>("limit_conn", 255);

type Zone = KeyedZone<undefined, ConcurrencyLimit>;

/** One `limit_conn`. */
interface Limit {
  readonly zone: Zone;
  readonly max: number;
}

const outcome = requestSlot<"PASSED" | "REJECTED" | "REJECTED_DRY_RUN">();

/** nginx's ngx_http_limit_conn_module. */
export const limitConn = defineModule({
  name: "limit_conn",
  directives: {
    limit_conn_zone: list<undefined>({ contexts: ["http"], args: 2, syntax: "key zone=name:size", read: readZone }),
    limit_conn: list<Limit>({ contexts, args: 2, syntax: "zone number", read: readLimit }),
    limit_conn_log_level: choice({ contexts, default: "error", of: ["info", "notice", "warn", "error"] }),
    limit_conn_status: number({ contexts, default: 503, min: 400, max: 599 }),
    limit_conn_dry_run: flag({ contexts, default: false }),
  },
  variables: { limit_conn_status: ({ main }) => main.get(outcome) },
  enabled: (conf) => conf.limit_conn.length > 0,
  finish: (cycle) => zones.prepare(cycle, takeUp),
  hooks: {
    preaccess(request, conf): Verdict | Promise<Verdict> {
      if (request.main.get(outcome)) return DECLINED;
      const full = enter(request, conf.limit_conn);
      if (!full) return DECLINED;
      // The runtime hands over new requests before closed connections: who has just left may still be counted.
      return nextTurn().then(() => refuse(request, enter(request, conf.limit_conn), conf));
    },
  },
});

/** Counts the request in everywhere, or nowhere. @returns the zone that is full, and why */
function enter(request: Request, limits: readonly Limit[]): Full | undefined {
  const entered: { present: ConcurrencyLimit; key: string }[] = [];
  const leave = (): void => {
    for (const { present, key } of entered) present.leave(key);
  };
  for (const { zone, max } of limits) {
    const key = zones.key(request, zone);
    if (key === "") continue;
    const present = zone.opened!;
    const count = present.enter(key, max);
    if (count < 0) {
      leave();
      return { zone, reached: count === REFUSED };
    }
    entered.push({ present, key });
  }
  if (entered.length === 0) return undefined;
  request.main.set(outcome, "PASSED");
  request.main.onEnd(leave);
  return undefined;
}

interface Full {
  readonly zone: Zone;
  /** The limit is reached; otherwise the zone has no room for the key. */
  readonly reached: boolean;
}

interface Conf {
  readonly limit_conn_log_level: LogLevel;
  readonly limit_conn_status: number;
  readonly limit_conn_dry_run: boolean;
}

function refuse(request: Request, full: Full | undefined, conf: Conf): Verdict {
  if (!full) return DECLINED;
  const dryRun = conf.limit_conn_dry_run;
  if (full.reached)
    request.log(
      conf.limit_conn_log_level,
      `limiting connections${dryRun ? ", dry run," : ""} by zone "${full.zone.name}"`,
    );
  request.main.set(outcome, dryRun ? "REJECTED_DRY_RUN" : "REJECTED");
  return dryRun ? DECLINED : conf.limit_conn_status;
}

/** Once the runtime has looked at its sockets again: a timer alone may be due before it has, an immediate too. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(() => setImmediate(resolve), 1));
}

function readZone(args: Arguments): undefined {
  const key = args.complex(0);
  if (!args.text(1).startsWith("zone=")) throw args.invalidParameter(1, "zone=name:size");
  zones.declare(args, 1, key, undefined);
  return undefined;
}

function readLimit(args: Arguments): Limit {
  const zone = zones.named(args, 0, args.text(0));
  const others = (args.level.own(limitConn, "limit_conn") ?? []) as readonly Limit[];
  if (others.some((limit) => limit.zone === zone)) throw args.wrong(0, '"limit_conn" directive is duplicate');
  const text = args.text(1);
  const max = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (max === 0) throw args.wrong(1, `invalid number of connections "${text}"`, "a number from 1 to 65535");
  if (max > 65_535) throw args.wrong(1, "connection limit must be less 65536", "a number from 1 to 65535");
  return { zone, max };
}

/** Files of zones that this process has taken up, in this configuration or an earlier one. */
const takenUp = new Set<string>();

function takeUp(zone: SharedZone): ConcurrencyLimit {
  const present = new ConcurrencyLimit(zone, slotCapacity(), workerProcess.slot);
  // Whoever had this slot before is gone, perhaps killed with requests that nobody has counted out.
  if (!takenUp.has(zone.path)) present.clearSlot(workerProcess.slot);
  takenUp.add(zone.path);
  return present;
}

/** Records have a word for each worker: in steps, so that a reload with some more workers can use those there are. */
function slotCapacity(): number {
  let capacity = 8;
  while (capacity < workerProcess.count) capacity *= 2;
  return capacity;
}
