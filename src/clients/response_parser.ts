/** The upstream's bytes are no response of its protocol. */
export class BadResponse extends Error {
  override readonly name = "BadResponse";
}

/** What a response turns out to be, in the order it is told. */
export interface ResponseHandler {
  /** 1xx other than 101. */
  interim?(status: number, reason: string, headers: string[]): void;
  head(status: number, reason: string, headers: string[]): void;
  data(chunk: Uint8Array): void;
  /** What an application writes beside its answer. */
  stderr?(text: string): void;
  /** The response is complete; `reusable` if another may follow on the connection. */
  end(trailers: string[], reusable: boolean): void;
}

/** Reads one response after the other from the pieces that a socket delivers. */
export interface ResponseParser {
  /** Has anything of the response come? */
  readonly started: boolean;
  /** The connection has become a pair of byte streams. */
  readonly tunnelling: boolean;
  /** Expects a response to a request of `method`. */
  expect(method: string, handler: ResponseHandler): void;
  /** @throws BadResponse */
  feed(piece: Uint8Array): void;
  /**
   * The connection has ended.
   * @returns false when the response was cut short.
   * @throws BadResponse
   */
  closed(): boolean;
}
