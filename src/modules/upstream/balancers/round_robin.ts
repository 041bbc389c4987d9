import { type Balancer, usable } from "../balancer.ts";
import type { Peer } from "../peer.ts";

/** Smooth weighted round robin: 5, 1, 1 gives a a b a c a a, not five of a in a row. */
export const roundRobin: Balancer = (peers, _request, tried, nowMs) => {
  let best: Peer | undefined;
  let total = 0;
  for (const peer of peers) {
    if (!usable(peer, tried, nowMs)) continue;
    peer.currentWeight += peer.effectiveWeight;
    total += peer.effectiveWeight;
    if (peer.effectiveWeight < peer.weight) peer.effectiveWeight++;
    if (!best || peer.currentWeight > best.currentWeight) best = peer;
  }
  if (best) best.currentWeight -= total;
  return best;
};
