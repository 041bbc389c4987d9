import { nodeDns } from "../../std/builtins.ts";
import { isIP } from "../../std/ip.ts";
import type { Request } from "../../core/request.ts";
import type { NameServers } from "../resolver/name_servers.ts";
import type { LateBalancer } from "./balancer.ts";
import { KeepalivePool, type KeepaliveOptions } from "./keepalive.ts";
import type { Peer, SharedCount } from "./peer.ts";

/** A named group of peers, or those that an address stands for. */
export class Upstream {
  readonly pool: KeepalivePool;
  /** `zone`: where its peers are counted for all workers. */
  zone: string | undefined;
  #peers: readonly Peer[];
  #primary: readonly Peer[] = [];
  #backup: readonly Peer[] = [];
  #resolved: Promise<void> | undefined;
  #names: NameServers | undefined;
  /** The peer whose name it is, and the addresses that were found for it last. */
  #named: Peer | undefined;
  #addresses: readonly string[] | undefined;

  constructor(
    readonly name: string,
    peers: readonly Peer[],
    private readonly balancer: LateBalancer,
    keepalive: KeepaliveOptions,
  ) {
    this.pool = new KeepalivePool(keepalive);
    this.#peers = peers;
    this.#sort();
  }

  get peers(): readonly Peer[] {
    return this.#peers;
  }

  #sort(): void {
    this.#primary = this.#peers.filter((peer) => !peer.backup);
    this.#backup = this.#peers.filter((peer) => peer.backup);
  }

  /** Puts a peer for each of its addresses in the place of one that is given by name. */
  resolve(): Promise<void> {
    return (this.#resolved ??= this.#resolveNames());
  }

  async #resolveNames(): Promise<void> {
    if (this.#peers.every(({ address: { host, unix } }) => unix || isIP(host) !== 0)) return;
    const peers = await Promise.all(this.#peers.map(addressesOf));
    this.#peers = peers.flat();
    this.#sort();
  }

  /** Has the peers' requests counted for all workers. @param countOf the count of that name */
  share(countOf: (name: string) => SharedCount): void {
    for (const [i, peer] of this.#peers.entries()) peer.shared = countOf(`${this.name} ${i} ${peer.name}`);
  }

  /** Has `names` asked for the addresses of the one peer, whenever what they said no longer holds. */
  resolveBy(names: NameServers): void {
    this.#names = names;
    this.#named = this.#peers[0];
  }

  /** A promise while the name servers have to be asked. @throws NotResolved, by the promise */
  ready(): Promise<void> | undefined {
    if (!this.#names) return undefined;
    const addresses = this.#names.lookup(this.#named!.address.host);
    if (addresses instanceof Promise) return addresses.then((found) => this.#use(found));
    this.#use(addresses);
    return undefined;
  }

  #use(addresses: readonly string[]): void {
    if (addresses === this.#addresses) return;
    this.#addresses = addresses;
    const { port } = this.#named!.address;
    const before = new Map(this.#peers.map((peer) => [peer.address.host, peer]));
    this.#peers = addresses.map((host) => before.get(host) ?? this.#named!.at({ host, port, unix: false }));
    this.#sort();
  }

  /** The peer for the next try; backups only when no other is left, undefined when none is. */
  pick(request: Request, tried: ReadonlySet<Peer>): Peer | undefined | Promise<Peer | undefined> {
    const nowMs = Date.now();
    const only = this.#peers.length === 1 && !this.balancer.decidesAlone ? this.#peers[0]! : undefined;
    if (only) return tried.size === 0 && only.hasRoom ? only : undefined;
    const chosen = this.balancer(this.#primary, request, tried, nowMs);
    if (this.#backup.length === 0) return chosen;
    if (!(chosen instanceof Promise)) return chosen ?? this.balancer(this.#backup, request, tried, nowMs);
    return chosen.then((peer) => peer ?? this.balancer(this.#backup, request, tried, Date.now()));
  }

  close(): void {
    this.pool.close();
  }
}

async function addressesOf(peer: Peer): Promise<Peer[]> {
  const { host, port, unix } = peer.address;
  if (unix || isIP(host) !== 0) return [peer];
  // What cannot be resolved now may be later: connecting tries again.
  const found = await nodeDns()
    .promises.lookup(host, { all: true, order: "verbatim" })
    .catch(() => []);
  if (found.length === 0) return [peer];
  return found.map(({ address }) => peer.at({ host: address, port, unix: false }));
}
