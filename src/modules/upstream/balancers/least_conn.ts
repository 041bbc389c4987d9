import { type Balancer, usable } from "../balancer.ts";
import { roundRobin } from "./round_robin.ts";

/** The peer with the fewest requests for its weight; several equal ones take turns. */
export const leastConn: Balancer = (peers, request, tried, nowMs) => {
  let least = Number.POSITIVE_INFINITY;
  for (const peer of peers) if (usable(peer, tried, nowMs)) least = Math.min(least, peer.active / peer.weight);
  const equals = peers.filter((peer) => usable(peer, tried, nowMs) && peer.active / peer.weight === least);
  return equals.length === 1 ? equals[0] : roundRobin(equals, request, tried, nowMs);
};
