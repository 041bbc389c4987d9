import type { Request } from "../../core/request.ts";
import type { Peer } from "./peer.ts";

/** Chooses among the peers that are available and were not tried yet; undefined where none is left. */
export interface Balancer {
  (peers: readonly Peer[], request: Request, tried: ReadonlySet<Peer>, nowMs: number): Peer | undefined;
  /** Asked even where there is one peer, since it may name others. */
  readonly decidesAlone?: boolean;
}

/** As `Balancer`; one that has to wait before it knows answers by a promise, which does not reject. */
export interface LateBalancer {
  (...args: Parameters<Balancer>): Peer | undefined | Promise<Peer | undefined>;
  readonly decidesAlone?: boolean;
}

export function usable(peer: Peer, tried: ReadonlySet<Peer>, nowMs: number): boolean {
  return !tried.has(peer) && peer.available(nowMs);
}
