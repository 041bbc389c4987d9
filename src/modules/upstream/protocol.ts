import type { Events, UpstreamConnection } from "../../clients/connection.ts";
import type { Request } from "../../core/request.ts";
import type { Upstream } from "./group.ts";
import type { PassConf } from "./pass_conf.ts";
import type { Peer } from "./peer.ts";

/** Where one request goes, as far as every protocol has to know. */
export interface Destination {
  readonly group: Upstream;
  readonly tls: boolean;
}

/** How a request differs from the client's own. */
export interface Variation {
  /** "GET" where a HEAD is asked for the cache's sake. */
  readonly method: string;
  /** The client's conditions and ranges stay behind: the cache wants the whole answer. */
  readonly unconditional: boolean;
  /** Validators of a stored answer. */
  readonly ifModifiedSince: string | undefined;
  readonly ifNoneMatch: string | undefined;
}

/** What one protocol has of its own; all else about passing a request on is common. */
export interface Protocol<C extends PassConf, D extends Destination> {
  destination(request: Request, conf: C): D | undefined;
  /** For messages: `http://127.0.0.1:8080/path`. */
  url(to: D, peer: string): string;
  /** Connections of another one are not for this request, though they lead to the same peer. */
  connectionKind(request: Request, conf: C, to: D): string;
  /** What `…_cache_key` is when nobody says. */
  cacheKey(request: Request, to: D): string;
  /** Bytes in the place of the client's body. */
  setBody(request: Request, conf: C): Uint8Array | undefined;
  /** @throws UpstreamError */
  connect(request: Request, conf: C, to: D, peer: Peer): Promise<UpstreamConnection>;
  /**
   * Sends the request's head, and the body with it where it is at hand.
   * @param bodyBytes -1: there is no body; undefined: how long it is turns out when it ends.
   */
  send(
    connection: UpstreamConnection,
    events: Events,
    request: Request,
    conf: C,
    to: D,
    variation: Variation | undefined,
    bodyBytes: number | undefined,
    body: Uint8Array | undefined,
  ): void;
  /** A part of the body as it goes over the wire. */
  frame(chunk: Uint8Array, isLengthKnown: boolean): Uint8Array;
  /** What follows the last part. */
  ending(isLengthKnown: boolean): Uint8Array | undefined;
  /** A header field of the answer as the client is to see it. @param lower its name */
  rewrite(request: Request, conf: C, to: D, lower: string, value: string): string;
  passesTrailers(conf: C): boolean;
  /** Where `Server` and `Date` are passed, does an answer without them leave out ours? */
  readonly passesNothing: boolean;
  /** Does what an application wrote beside its answer make the answer worthless? */
  isFatal(conf: C, stderr: string): boolean;
}
