import type { ComplexValue } from "../../../core/complex.ts";
import { addressBytes } from "../../../std/address.ts";
import { type Balancer, usable } from "../balancer.ts";
import type { Peer } from "../peer.ts";
import { roundRobin } from "./round_robin.ts";

const { crc32 } = Bun.hash;

/** After so many misses the peers are tried in turn instead. */
const attemptsMax = 20;

function weighted(peers: readonly Peer[], hash: number): Peer | undefined {
  let total = 0;
  for (const peer of peers) total += peer.weight;
  let at = hash % total;
  for (const peer of peers) {
    at -= peer.weight;
    if (at < 0) return peer;
  }
  return undefined;
}

/** Clients of one IPv4 /24, or of one IPv6 address, go to one peer. */
export const ipHash: Balancer = (peers, request, tried, nowMs) => {
  const bytes = addressBytes(request.main.remoteAddress);
  const significant = bytes.length === 4 ? 3 : bytes.length;
  let hash = 89;
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    for (let i = 0; i < significant; i++) hash = (hash * 113 + bytes.charCodeAt(i)) % 6271;
    const peer = weighted(peers, hash);
    if (peer && usable(peer, tried, nowMs)) return peer;
  }
  return roundRobin(peers, request, tried, nowMs);
};

/** `hash KEY`: the key's CRC-32 modulo the weights, rehashed while the peer is not to be had. */
export function keyHash(key: ComplexValue): Balancer {
  return (peers, request, tried, nowMs) => {
    const text = key.evaluate(request);
    if (text === "") return roundRobin(peers, request, tried, nowMs);
    let hash = 0;
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const salted = Buffer.from(attempt === 0 ? text : `${attempt}${text}`, "latin1");
      hash = (hash + ((crc32(salted) >>> 16) & 0x7fff)) >>> 0;
      const peer = weighted(peers, hash);
      if (peer && usable(peer, tried, nowMs)) return peer;
    }
    return roundRobin(peers, request, tried, nowMs);
  };
}

/** Points a unit of weight puts on the ring. */
const pointsPerWeight = 160;

/** `hash KEY consistent`: ketama; a peer that comes or goes moves only its own share of the keys. */
export function consistentHash(key: ComplexValue): Balancer {
  const rings = new WeakMap<readonly Peer[], { readonly points: Uint32Array; readonly owners: readonly Peer[] }>();
  return (peers, request, tried, nowMs) => {
    const text = key.evaluate(request);
    if (text === "") return roundRobin(peers, request, tried, nowMs);
    let ring = rings.get(peers);
    if (!ring) rings.set(peers, (ring = buildRing(peers)));
    const { points, owners } = ring;
    const hash = crc32(Buffer.from(text, "latin1")) >>> 0;
    let low = 0;
    for (let high = points.length; low < high;) {
      const middle = (low + high) >> 1;
      if (points[middle]! < hash) low = middle + 1;
      else high = middle;
    }
    for (let i = 0; i < owners.length; i++) {
      const peer = owners[(low + i) % owners.length]!;
      if (usable(peer, tried, nowMs)) return peer;
    }
    return undefined;
  };
}

function buildRing(peers: readonly Peer[]): { points: Uint32Array; owners: Peer[] } {
  const entries: { point: number; peer: Peer }[] = [];
  for (const peer of peers) {
    const { host, port, unix } = peer.address;
    const base = crc32(Buffer.from(unix ? `unix:\0${host}` : `${host}\0${port || ""}`, "latin1"));
    const previous = Buffer.alloc(4);
    for (let i = 0; i < peer.weight * pointsPerWeight; i++) {
      const point = crc32(previous, base) >>> 0;
      entries.push({ point, peer });
      previous.writeUInt32LE(point);
    }
  }
  entries.sort((a, b) => a.point - b.point);
  return { points: Uint32Array.from(entries, ({ point }) => point), owners: entries.map(({ peer }) => peer) };
}
