import type { Chunk } from "../../core/exchange.ts";

// Bun.serve({ onNodeHTTPRequest }) is what Bun's node:http stands on, and in none of its documentation. It is the one
// way to the request as it came and to every byte of the answer. All that resty relies on is declared here, used by
// raw.ts alone, and held by test/process/raw_contract.test.ts.

export interface NativeResponse {
  takeRawHeaders(): string[] | undefined;
  takeRequestTrailers(): string[];
  writeHead(status: number, reason: string, headers: string[]): void;
  writeHeadAndEnd(status: number, reason: string, headers: string[], body: Chunk | undefined): void;
  writeInformational(head: string): void;
  /** Negative: as many bytes wait, `onwritable` tells when they are gone. */
  write(chunk: Chunk): number;
  end(chunk?: Chunk): void;
  abort(): void;
  pause(): void;
  resume(): void;
  readonly aborted: boolean;
  onabort: ((event: number) => void) | undefined;
  ondata: ((chunk: Uint8Array | undefined, last: boolean, state: number) => void) | undefined;
  onwritable: (() => void) | undefined;
}

export interface NativeAddress {
  readonly address: string;
  readonly port: number;
}

/** @typeParam Own What the adapter keeps on a connection. */
export interface NativeSocket<Own = unknown> {
  onclose: (() => void) | undefined;
  ondata: ((chunk: Uint8Array, last: boolean) => void) | undefined;
  ondrain: (() => void) | undefined;
  readonly closed: boolean;
  readonly remoteAddress: NativeAddress | undefined;
  readonly localAddress: NativeAddress | undefined;
  readonly servername: string | null | undefined;
  readonly peerCertVerified: boolean;
  readonly authorizationError: string | null;
  close(): void;
  reset(): void;
  /** False: some of it waits. Of a tunnel, `ondrain` tells when it is gone. */
  write(chunk: Uint8Array): boolean;
  /** Of a tunnel: no more `ondata` until `readStart`. */
  readStop(): void;
  readStart(): void;
  end(): void;
  closeWhenDrained(): void;
  setResponseTrailers(trailers: string): void;
  startPipelinedResponse(response: NativeResponse, isHttp10: boolean, close: boolean): void;
  upgradeToTunnel(keep: boolean, response: NativeResponse): void;
  resty?: Own;
}
