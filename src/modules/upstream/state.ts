import { requestSlot } from "../../core/slot.ts";

/** One try at one peer, for `$upstream_addr` and its like. */
export interface Try {
  readonly address: string;
  status: number;
  connectMs: number | undefined;
  headerMs: number | undefined;
  responseMs: number | undefined;
  bytesSent: number;
  bytesReceived: number;
  responseLength: number;
}

/** What a request has to do with upstreams; tries of several groups (after an internal redirect) follow each other. */
export interface UpstreamState {
  readonly groups: Try[][];
  /** Of the last answer. */
  headers: readonly string[];
  trailers: readonly string[];
}

export const upstreamState = requestSlot<UpstreamState>();
