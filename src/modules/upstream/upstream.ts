import type { Arguments } from "../../core/arguments.ts";
import { cycleKey } from "../../core/cycle.ts";
import type { Place } from "../../core/diagnostic.ts";
import { block, type Context, defineModule, field, list, number, time, value } from "../../core/module.ts";
import type { Balancer, LateBalancer } from "./balancer.ts";
import { consistentHash, ipHash, keyHash } from "./balancers/hash.ts";
import { leastConn } from "./balancers/least_conn.ts";
import { random, randomTwo } from "./balancers/random.ts";
import { roundRobin } from "./balancers/round_robin.ts";
import { parseAddress } from "./address.ts";
import { Upstream } from "./group.ts";
import { Peer } from "./peer.ts";
import { checkSharedZones, readZone, sharedCounts } from "./shared.ts";
import { upstreamPrefixes, upstreamVariables } from "./variables.ts";

/** Every `upstream` of a cycle by its name. */
export const upstreams = cycleKey<Map<string, Upstream>>("upstream", () => new Map());

/** Names that something passes requests to, to be checked once all is read. */
export const upstreamUses = cycleKey<UpstreamUse[]>("upstream uses", () => []);

interface UpstreamUse {
  /** As it is written, and without its port. */
  readonly host: string;
  readonly name: string;
  readonly place: Place;
  /** 0 where there is none, and an address has to name its port. */
  readonly defaultPort: number;
}

const inside: readonly Context[] = ["upstream"];

/** A directive that chooses how peers are picked; the last one written counts, with a warning as nginx gives. */
function balancer(args: number | readonly [number, number], syntax: string, read: (args: Arguments) => Balancer) {
  return {
    ...value<Balancer | undefined>({ contexts: inside, default: undefined, args, syntax, read }),
    field: "balancer",
  };
}

/** nginx's ngx_http_upstream_module and its balancers. */
export const upstream = defineModule({
  name: "upstream",
  directives: {
    upstream: block({ contexts: ["http"], args: 1, syntax: "name { ... }", opens: "upstream", read: declare }),
    server: {
      ...list<Peer>({ contexts: inside, args: [1, 16], syntax: "address [parameters]", read: readPeer }),
      field: "peers",
    },
    keepalive: number({ contexts: inside, default: 32, min: 0 }),
    keepalive_requests: number({ contexts: inside, default: 1000 }),
    keepalive_time: time({ contexts: inside, default: 3_600_000 }),
    keepalive_timeout: time({ contexts: inside, default: 60_000 }),
    least_conn: balancer(0, "", () => leastConn),
    ip_hash: balancer(0, "", () => ipHash),
    hash: balancer([1, 2], "key [consistent]", (args) => {
      if (!args.has(1)) return keyHash(args.complex(0));
      args.choice(1, ["consistent"]);
      return consistentHash(args.complex(0));
    }),
    random: balancer([0, 2], "[two [least_conn]]", (args) => {
      if (!args.has(0)) return random;
      args.choice(0, ["two"]);
      if (args.has(1)) args.choice(1, ["least_conn"]);
      return randomTwo;
    }),
    zone: value<string | undefined>({
      contexts: inside,
      default: undefined,
      args: [1, 2],
      syntax: "name [size]",
      read: readZone,
    }),
  },
  fields: {
    peers: field<readonly Peer[]>([], "none"),
    balancer: field<LateBalancer | undefined>(undefined, "none"),
  },
  variables: upstreamVariables,
  prefixes: upstreamPrefixes,
  finish(cycle) {
    checkSharedZones(cycle);
    for (const group of cycle.get(upstreams).values())
      cycle.atStart(async () => {
        await group.resolve();
        if (group.zone !== undefined) group.share(sharedCounts(cycle, group.zone));
      });
    if (!cycle.validating) return;
    const known = cycle.get(upstreams);
    for (const { host, name, place, defaultPort } of cycle.get(upstreamUses)) {
      if (known.has(host)) continue;
      if (!isFound(name))
        cycle.diagnostics.error(`host not found in upstream "${name}"`, place, "an upstream, or a name that resolves");
      else if (defaultPort === 0 && host === name)
        cycle.diagnostics.error(`no port in upstream "${host}"`, place, "HOST:PORT");
    }
  },
});

/** nginx asks the system's resolver while it reads the configuration, and so does this; addresses need no asking. */
function isFound(host: string): boolean {
  if (/^[\d.]+$/.test(host) || host.includes(":") || host === "localhost") return true;
  try {
    return Bun.spawnSync(["getent", "ahosts", host], { stdout: "ignore", stderr: "ignore" }).exitCode !== 2;
  } catch {
    return true; // no getent here: the first request will tell
  }
}

function declare(args: Arguments): void {
  const name = args.text(0);
  const all = args.cycle.get(upstreams);
  if (all.has(name)) throw args.wrong(0, `duplicate upstream "${name}"`);
  const conf = upstream.at(args.opened!);
  if (conf.peers.length === 0) throw args.wrong(0, "no servers are inside upstream", "at least one server");
  const group = new Upstream(name, conf.peers, conf.balancer ?? roundRobin, {
    connections: conf.keepalive,
    requests: conf.keepalive_requests,
    timeMs: conf.keepalive_time,
    timeoutMs: conf.keepalive_timeout,
  });
  all.set(name, group);
  group.zone = conf.zone;
  args.cycle.atEnd(() => group.close());
}

function readPeer(args: Arguments): Peer {
  const address = parseAddress(args.text(0), 80);
  if (!address) throw args.wrong(0, `invalid host in upstream "${args.text(0)}"`, "HOST[:PORT] or unix:PATH");
  let weight = 1;
  let maxFails = 1;
  let failTimeoutMs = 10_000;
  let maxConns = 0;
  let backup = false;
  let down = false;
  for (let i = 1; i < args.count; i++) {
    const [key, setting] = args.text(i).split("=") as [string, string | undefined];
    if (key === "weight") weight = args.integerOf(i, setting ?? "", { min: 1 });
    else if (key === "max_fails") maxFails = args.integerOf(i, setting ?? "");
    else if (key === "max_conns") maxConns = args.integerOf(i, setting ?? "");
    else if (key === "fail_timeout") failTimeoutMs = args.timeMsOf(i, setting ?? "");
    else if (key === "backup" && setting === undefined) backup = true;
    else if (key === "down" && setting === undefined) down = true;
    else throw args.invalidParameter(i, "weight=, max_fails=, fail_timeout=, max_conns=, backup or down");
  }
  return new Peer(address, weight, maxFails, failTimeoutMs, maxConns, backup, down);
}
