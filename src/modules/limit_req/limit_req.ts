import { type KeyedZone, KeyedZones } from "../../compile/keyed_zones.ts";
import type { Arguments } from "../../core/arguments.ts";
import { ClientGone } from "../../core/exchange.ts";
import type { LogLevel } from "../../core/log.ts";
import { choice, type Context, defineModule, flag, list, number } from "../../core/module.ts";
import { DECLINED, type Verdict } from "../../core/phase.ts";
import type { Request } from "../../core/request.ts";
import { requestSlot } from "../../core/slot.ts";
import { LeakyBucket, NO_MEMORY, REFUSED } from "../../shm/limit.ts";

const contexts: readonly Context[] = ["http", "server", "location"];
/** The rule is the rate, in requests per second. */
const zones = new KeyedZones<number, LeakyBucket>("limit_req", 65_535);

type Zone = KeyedZone<number, LeakyBucket>;

/** One `limit_req`. */
interface Limit {
  readonly zone: Zone;
  /** Requests beyond the rate that are let in. */
  readonly burst: number;
  /** Of these, how many do not wait; Infinity for `nodelay`. */
  readonly undelayed: number;
}

type Outcome = "PASSED" | "DELAYED" | "REJECTED" | "DELAYED_DRY_RUN" | "REJECTED_DRY_RUN";

const outcome = requestSlot<Outcome>();

/** nginx's ngx_http_limit_req_module. */
export const limitReq = defineModule({
  name: "limit_req",
  directives: {
    limit_req_zone: list<undefined>({
      contexts: ["http"],
      args: 3,
      syntax: "key zone=name:size rate=rate",
      read: readZone,
    }),
    limit_req: list<Limit>({
      contexts,
      args: [1, 3],
      syntax: "zone=name [burst=number] [nodelay | delay=number]",
      read: readLimit,
    }),
    limit_req_log_level: choice({ contexts, default: "error", of: ["info", "notice", "warn", "error"] }),
    limit_req_status: number({ contexts, default: 503, min: 400, max: 599 }),
    limit_req_dry_run: flag({ contexts, default: false }),
  },
  variables: { limit_req_status: ({ main }) => main.get(outcome) },
  enabled: (conf) => conf.limit_req.length > 0,
  finish: (cycle) => zones.prepare(cycle, (zone, ratePerSecond) => new LeakyBucket(zone, ratePerSecond)),
  hooks: {
    preaccess(request, conf) {
      // An internal redirect runs this phase again; the client made one request, so charge it once.
      if (request.main.get(outcome)) return DECLINED;
      const applied =
        conf.limit_req.length === 1 ? chargeOne(request, conf.limit_req[0]!) : chargeAll(request, conf.limit_req);
      if (!applied) return DECLINED;
      return conclude(request, applied, conf);
    },
  },
});

function readZone(args: Arguments): undefined {
  const key = args.complex(0);
  let at = 0;
  let ratePerSecond = 1;
  for (let i = 1; i < args.count; i++) {
    const text = args.text(i);
    if (text.startsWith("zone=")) at = i;
    else if (text.startsWith("rate=")) ratePerSecond = readRate(args, i);
    else throw args.invalidParameter(i, "zone=name:size or rate=rate");
  }
  if (at === 0) throw args.wrong(0, '"limit_req_zone" must have "zone" parameter');
  zones.declare(args, at, key, ratePerSecond);
  return undefined;
}

/** `rate=10r/s`, `rate=30r/m`. */
function readRate(args: Arguments, index: number): number {
  const match = /^rate=(\d{1,9})(r\/[sm])?$/.exec(args.text(index));
  const rate = match ? Number(match[1]) : 0;
  if (rate === 0) throw args.wrong(index, `invalid rate "${args.text(index)}"`, "rate=10r/s or rate=30r/m");
  return match![2] === "r/m" ? rate / 60 : rate;
}

function readLimit(args: Arguments): Limit {
  let zone: Zone | undefined;
  let burst = 0;
  let undelayed = 0;
  for (let i = 0; i < args.count; i++) {
    const text = args.text(i);
    if (text.startsWith("zone=")) zone = zones.named(args, i, text.slice("zone=".length));
    else if (text.startsWith("burst=")) burst = readCount(args, i, "burst");
    else if (text.startsWith("delay=")) undelayed = readCount(args, i, "delay");
    else if (text === "nodelay") undelayed = Number.POSITIVE_INFINITY;
    else throw args.invalidParameter(i, "zone=name, burst=number, nodelay or delay=number");
  }
  if (!zone) throw args.wrong(0, '"limit_req" must have "zone" parameter');
  const others = (args.level.own(limitReq, "limit_req") ?? []) as readonly Limit[];
  if (others.some((limit) => limit.zone === zone)) throw args.wrong(0, '"limit_req" directive is duplicate');
  return { zone, burst, undelayed };
}

function readCount(args: Arguments, index: number, name: "burst" | "delay"): number {
  const text = args.text(index).slice(name.length + 1);
  if (!/^\d{1,9}$/.test(text) || Number(text) === 0)
    throw args.wrong(index, `invalid ${name} value "${args.text(index)}"`, "a number of requests");
  return Number(text);
}

/** What the zones said: the excess, in thousandths of a request, of the one that refused or delays longest. */
interface Applied {
  readonly refused: boolean;
  readonly excess: number;
  readonly delayMs: number;
  readonly zone: Zone;
}

function chargeOne(request: Request, limit: Limit): Applied | undefined {
  const { zone } = limit;
  const key = zones.key(request, zone);
  return key === "" ? undefined : charge(limit, key, limit.burst, Date.now());
}

/** All zones agree before any is charged. */
function chargeAll(request: Request, limits: readonly Limit[]): Applied | undefined {
  const nowMs = Date.now();
  const applicable: { limit: Limit; key: string }[] = [];
  for (const limit of limits) {
    const key = zones.key(request, limit.zone);
    if (key !== "") applicable.push({ limit, key });
  }
  const last = applicable.pop();
  if (!last) return undefined;
  for (const { limit, key } of applicable)
    if (limit.zone.opened!.look(key, limit.burst, nowMs) === REFUSED) return refusal(limit, key, nowMs);
  let applied = charge(last.limit, last.key, last.limit.burst, nowMs);
  if (applied.refused) return applied;
  for (const { limit, key } of applicable) {
    const one = charge(limit, key, Number.POSITIVE_INFINITY, nowMs);
    if (one.delayMs > applied.delayMs) applied = one;
  }
  return applied;
}

function charge(limit: Limit, key: string, burst: number, nowMs: number): Applied {
  const { zone, undelayed } = limit;
  const bucket = zone.opened!;
  const excess = bucket.take(key, burst, nowMs);
  if (excess === REFUSED) return refusal(limit, key, nowMs);
  if (excess === NO_MEMORY) return { refused: true, excess: 0, delayMs: 0, zone };
  return {
    refused: false,
    excess,
    delayMs: undelayed === Number.POSITIVE_INFINITY ? 0 : bucket.delayMs(excess, undelayed),
    zone,
  };
}

function refusal({ zone }: Limit, key: string, nowMs: number): Applied {
  return { refused: true, excess: zone.opened!.look(key, Number.POSITIVE_INFINITY, nowMs), delayMs: 0, zone };
}

interface Conf {
  readonly limit_req_log_level: LogLevel;
  readonly limit_req_status: number;
  readonly limit_req_dry_run: boolean;
}

/** A delay is told of one level lower than a refusal. */
const delayLevels: Readonly<Partial<Record<LogLevel, LogLevel>>> = {
  error: "warn",
  warn: "notice",
  notice: "info",
  info: "info",
};

function conclude(
  request: Request,
  { refused, excess, delayMs, zone }: Applied,
  conf: Conf,
): Verdict | Promise<Verdict> {
  const { main } = request;
  const dryRun = conf.limit_req_dry_run;
  const said = dryRun ? ", dry run" : "";
  const thousandths = `${Math.floor(excess / 1000)}.${String(excess % 1000).padStart(3, "0")}`;
  const { name } = zone;
  if (refused) {
    request.log(conf.limit_req_log_level, `limiting requests${said}, excess: ${thousandths} by zone "${name}"`);
    main.set(outcome, dryRun ? "REJECTED_DRY_RUN" : "REJECTED");
    return dryRun ? DECLINED : conf.limit_req_status;
  }
  if (delayMs === 0) {
    main.set(outcome, "PASSED");
    return DECLINED;
  }
  request.log(
    delayLevels[conf.limit_req_log_level]!,
    `delaying request${said}, excess: ${thousandths}, by zone "${name}"`,
  );
  main.set(outcome, dryRun ? "DELAYED_DRY_RUN" : "DELAYED");
  return dryRun ? DECLINED : delay(request, delayMs);
}

/** @throws ClientGone when there is nobody left to answer */
function delay(request: Request, delayMs: number): Promise<Verdict> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(DECLINED), delayMs);
    request.exchange.onAbort(() => {
      clearTimeout(timer);
      reject(new ClientGone());
    });
  });
}
