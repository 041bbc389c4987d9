import { isIP } from "../../std/ip.ts";
import type { Arguments } from "../../core/arguments.ts";
import { type Cycle, cycleKey } from "../../core/cycle.ts";
import type { NameServers } from "../resolver/name_servers.ts";
import { parseAddress } from "./address.ts";
import { roundRobin } from "./balancers/round_robin.ts";
import { Upstream } from "./group.ts";
import { Peer } from "./peer.ts";
import { upstreams, upstreamUses } from "./upstream.ts";

type Groups = Map<string, Upstream>;

/** Groups that addresses of the configuration stand for: all that pass requests there share connections. */
const constant = cycleKey<Groups>("implicit upstreams", () => new Map());
/** Those that addresses of requests stand for, by who resolves their names. */
const dynamic = cycleKey<Map<NameServers | undefined, Groups>>("dynamic upstreams", () => new Map());
/** Clients may name hosts without end: the ones that came first are forgotten. */
const dynamicMax = 1000;

const keepalive = { connections: 32, requests: 1000, timeMs: 3_600_000, timeoutMs: 60_000 };

function groupIn(cycle: Cycle, groups: Groups, host: string, defaultPort: number): Upstream | undefined {
  const declared = cycle.get(upstreams).get(host);
  if (declared) return declared;
  const key = `${host} ${defaultPort}`;
  let group = groups.get(key);
  if (group) return group;
  const address = parseAddress(host, defaultPort);
  if (!address) return undefined;
  group = new Upstream(host, [new Peer(address, 1, 0, 0, 0, false, false)], roundRobin, keepalive);
  if (groups.size === 0) cycle.atEnd(() => groups.forEach((one) => one.close()));
  groups.set(key, group);
  return group;
}

/**
 * What a host that a request brings stands for: an upstream's name, an address or a name; undefined for none of these.
 * @param names who knows the addresses of names; the system, without
 */
export function groupFor(cycle: Cycle, host: string, defaultPort: number, names?: NameServers): Upstream | undefined {
  const all = cycle.get(dynamic);
  let groups = all.get(names);
  if (!groups) all.set(names, (groups = new Map()));
  const before = groups.size;
  const group = groupIn(cycle, groups, host, defaultPort);
  if (!group || groups.size === before) return group;
  const { host: name, unix } = group.peers[0]!.address;
  if (names && !unix && isIP(name) === 0) group.resolveBy(names);
  if (groups.size > dynamicMax) {
    const [key, oldest] = groups.entries().next().value!;
    groups.delete(key);
    oldest.close();
  }
  return group;
}

/**
 * As `groupFor`, for a host that the configuration names: the group is there, its names resolved, when requests come.
 * @throws ConfigError for what can be neither a name nor an address
 */
export function constantGroup(args: Arguments, host: string, defaultPort: number): () => Upstream | undefined {
  const { cycle } = args;
  const place = args.words[0]!.place;
  const name = host.replace(/:\d+$/, "");
  if (!parseAddress(host, defaultPort || 1)) throw args.wrong(0, `invalid host in upstream "${host}"`, "HOST[:PORT]");
  if (!host.startsWith("unix:") && !host.startsWith("["))
    cycle.get(upstreamUses).push({ host, name, place, defaultPort });
  let group: Upstream | undefined;
  const find = (): Upstream | undefined => (group ??= groupIn(cycle, cycle.get(constant), host, defaultPort));
  cycle.atStart(() => find()?.resolve());
  return find;
}
