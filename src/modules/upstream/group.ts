import type { Request } from "../../core/request.ts";
import type { Balancer } from "./balancer.ts";
import { KeepalivePool, type KeepaliveOptions } from "./keepalive.ts";
import type { Peer } from "./peer.ts";

/** A named group of peers, or the one peer that an address stands for. */
export class Upstream {
  readonly pool: KeepalivePool;
  readonly #primary: readonly Peer[];
  readonly #backup: readonly Peer[];

  constructor(
    readonly name: string,
    readonly peers: readonly Peer[],
    private readonly balancer: Balancer,
    keepalive: KeepaliveOptions,
  ) {
    this.pool = new KeepalivePool(keepalive);
    this.#primary = peers.filter((peer) => !peer.backup);
    this.#backup = peers.filter((peer) => peer.backup);
  }

  /** The peer for the next try; backups only when no other is left, undefined when none is. */
  pick(request: Request, tried: ReadonlySet<Peer>): Peer | undefined {
    const nowMs = Date.now();
    if (this.peers.length === 1) return tried.size === 0 && this.peers[0]!.hasRoom ? this.peers[0] : undefined;
    return this.balancer(this.#primary, request, tried, nowMs) ?? this.balancer(this.#backup, request, tried, nowMs);
  }

  close(): void {
    this.pool.close();
  }
}
