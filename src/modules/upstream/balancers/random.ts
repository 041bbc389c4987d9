import { type Balancer, usable } from "../balancer.ts";
import type { Peer } from "../peer.ts";

function pick(peers: readonly Peer[]): Peer | undefined {
  let at = Math.random() * peers.reduce((sum, peer) => sum + peer.weight, 0);
  for (const peer of peers) if ((at -= peer.weight) < 0) return peer;
  return peers[0];
}

/** A peer by chance, weights respected. */
export const random: Balancer = (peers, _request, tried, nowMs) =>
  pick(peers.filter((peer) => usable(peer, tried, nowMs)));

/** Two by chance, and of these the one with fewer requests for its weight. */
export const randomTwo: Balancer = (peers, _request, tried, nowMs) => {
  const candidates = peers.filter((peer) => usable(peer, tried, nowMs));
  const first = pick(candidates);
  const second = pick(candidates.filter((peer) => peer !== first));
  if (!first || !second) return first;
  return second.active / second.weight < first.active / first.weight ? second : first;
};
