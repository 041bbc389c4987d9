import type { ProxyHeader } from "../std/proxy_protocol.ts";

/** A chunk of a response body: text is sent as UTF-8. */
export type Chunk = string | Uint8Array;

/** What is known of one client connection, from accept to close. */
export interface Connection {
  /** Serial number in this worker, `$connection`. */
  readonly number: number;
  /** How many requests it has carried, the current one included, `$connection_requests`. */
  requests: number;
  /** When it was accepted, milliseconds since the epoch. */
  readonly startMs: number;
  /** The client as a numeric address; "unix:" for a UNIX-domain socket. */
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  /** What the PROXY protocol says of the client behind a proxy; undefined where it is not spoken. */
  readonly proxy: ProxyHeader | undefined;
  readonly tls: boolean;
  /** Name that the client asked for in the TLS handshake. */
  readonly tlsServerName: string | undefined;
  /** Of the client's certificate: "NONE", "SUCCESS" or "FAILED:reason". */
  readonly tlsVerify: string;
  /** No more requests after the current one. */
  closing: boolean;
}

/** What is wrong with a request before anything is looked at, and what the log says of it. */
export interface RequestProblem {
  readonly status: number;
  readonly message: string;
}

/**
 * One request and its answer, as an adapter sees them. Nothing here knows of configuration: the engine reads the head,
 * then calls `whole` once, or `head`, any number of `write`, and `end`.
 */
export interface Exchange {
  readonly connection: Connection;
  readonly method: string;
  /** The request target byte for byte, as Latin-1. */
  readonly target: string;
  /** 9, 10, 11, 20 or 30. */
  readonly httpVersion: number;
  /** Request header fields, flat, with order, case and repeats kept. The caller owns the array. */
  takeHeaders(): string[];
  readonly hasBody: boolean;
  /** The request is none: this is to be answered. */
  readonly problem?: RequestProblem | undefined;
  /** Bytes of the request's head. */
  readonly requestLength: number;
  /** It came before the answer to the one before it was finished. */
  readonly isPipelined: boolean;
  /** The client would send another request on this connection. */
  readonly keepalive: boolean;

  /** The head and all of the body in one write. */
  whole(status: number, reason: string, headers: string[], body: Chunk | undefined): void;
  head(status: number, reason: string, headers: string[]): void;
  /** Sends an interim response (100, 103) before the final one. */
  interim(status: number, reason: string, headers: string[]): void;
  /** @returns false when the kernel would take no more: wait for `drained` before the next one. */
  write(chunk: Chunk): boolean;
  /** Resolves when there is room again; rejects with ClientGone when there never will be. */
  drained(): Promise<void>;
  /** Ends the body; trailers only where the framing has room for them. */
  end(trailers?: string[]): void;
  /** Closes without (more of) an answer; `reset` sends RST instead of FIN. */
  abort(reset?: boolean): void;

  /** Body bytes handed to the socket so far. */
  readonly bodyBytesSent: number;
  /** Bytes of the response including its head, as far as they were handed to the socket. */
  readonly bytesSent: number;
  readonly aborted: boolean;
  onAbort(callback: () => void): void;

  /**
   * Delivers the request body from now on. `onData` gets each chunk, an empty one with `last` at least; `onError`
   * a client that went away or sent more than the framing allows.
   */
  readBody(onData: (chunk: Uint8Array, last: boolean) => void, onError: (error: Error) => void): void;
  pauseBody(): void;
  resumeBody(): void;
  /**
   * How long the connection may idle afterwards, and how long the client may take nothing of the answer; whether the
   * connection is reset then.
   */
  limits(keepaliveMs: number, sendMs: number, resets: boolean): void;
  /** The request is over and logged: wait for the next one, or close. */
  finished(keepalive: boolean): void;
  /** Takes over the connection as a byte tunnel after 101 or CONNECT. */
  tunnel?(events: TunnelEvents): Tunnel;
}

export interface TunnelEvents {
  /** The chunk is only valid during the call. */
  onData(chunk: Uint8Array): void;
  /** The client has gone, or sends no more. */
  onClose(): void;
  /** The client has taken what waited. */
  onDrain(): void;
}

export interface Tunnel {
  /** @returns false when some of it waits: no more should be written until `onDrain`. */
  write(chunk: Uint8Array): boolean;
  /** Reads nothing from the client until `resume`. */
  pause(): void;
  resume(): void;
  end(): void;
}

/** The body of a request stops to make sense: its framing is broken. */
export class BodyMalformed extends Error {
  override readonly name = "BodyMalformed";
  constructor() {
    super("client sent invalid chunked body");
  }
}

/** The client closed or reset the connection: there is nobody to answer. */
export class ClientGone extends Error {
  override readonly name = "ClientGone";
  constructor() {
    super("client prematurely closed connection");
  }
}
