import type { Arguments } from "../../core/arguments.ts";
import { type Cycle, cycleKey } from "../../core/cycle.ts";
import { parseAddress } from "./address.ts";
import { roundRobin } from "./balancers/round_robin.ts";
import { Upstream } from "./group.ts";
import { Peer } from "./peer.ts";
import { upstreams, upstreamUses } from "./upstream.ts";

/** Groups that an address stands for, by the address: all that pass requests there share connections. */
const implicit = cycleKey<Map<string, Upstream>>("implicit upstreams", () => new Map());

/** What `HOST`, an address or an upstream's name, stands for; undefined for what is neither. */
export function groupFor(cycle: Cycle, host: string, defaultPort: number): Upstream | undefined {
  const declared = cycle.get(upstreams).get(host);
  if (declared) return declared;
  const key = `${host} ${defaultPort}`;
  const groups = cycle.get(implicit);
  let group = groups.get(key);
  if (!group) {
    const address = parseAddress(host, defaultPort);
    if (!address) return undefined;
    const peer = new Peer(address, 1, 0, 0, 0, false, false);
    const keepalive = { connections: 32, requests: 1000, timeMs: 3_600_000, timeoutMs: 60_000 };
    group = new Upstream(host, [peer], roundRobin, keepalive);
    groups.set(key, group);
    const opened = group;
    cycle.atEnd(() => opened.close());
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
  cycle.atStart(async () => {
    group = groupFor(cycle, host, defaultPort);
    await group?.resolve();
  });
  return () => (group ??= groupFor(cycle, host, defaultPort));
}
