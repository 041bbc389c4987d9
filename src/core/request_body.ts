import { ClientGone } from "./exchange.ts";
import type { Request } from "./request.ts";

/** The body is larger than `client_max_body_size`. */
export class BodyTooLarge extends Error {
  override readonly name = "BodyTooLarge";
}

/** The client did not send the next part of the body within `client_body_timeout`. */
export class BodyTimeout extends Error {
  override readonly name = "BodyTimeout";
}

type State = "unread" | "streaming" | "read" | "failed";

/** The request's body: read once, whole or as a stream, with back-pressure to the client. */
export class RequestBody {
  /** Most bytes to take; 0 is without limit. Set from `client_max_body_size` when the location is known. */
  limitBytes = 0;
  /** Between two successive reads, milliseconds. */
  timeoutMs = 60_000;
  /** What `client_body_buffer_size` would keep in memory. */
  receivedBytes = 0;
  #state: State = "unread";
  #bytes: Uint8Array | undefined;
  #reading: Promise<Uint8Array> | undefined;

  constructor(private readonly request: Request) {}

  get state(): State {
    return this.#state;
  }

  /** The whole body where it has been read already. */
  get buffered(): Uint8Array | undefined {
    return this.#bytes;
  }

  get exists(): boolean {
    return this.#bytes !== undefined ? this.#bytes.length > 0 : this.request.exchange.hasBody;
  }

  /** Puts other bytes in the body's place, for a subrequest or `ngx.req.setBodyData`. */
  replace(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#state = "read";
    this.#reading = Promise.resolve(bytes);
  }

  /**
   * Reads all of it into memory; later calls get the same bytes.
   * @throws BodyTooLarge, BodyTimeout, ClientGone
   */
  bytes(): Promise<Uint8Array> {
    return (this.#reading ??= this.#collect());
  }

  async #collect(): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of this.stream()) chunks.push(chunk);
    const bytes = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
    this.#bytes = bytes;
    return bytes;
  }

  /** The chunks as they come; the client is slowed to the reader's pace. Can be taken once. */
  async *stream(): AsyncGenerator<Uint8Array, void, void> {
    if (this.#bytes) {
      if (this.#bytes.length > 0) yield this.#bytes;
      return;
    }
    if (this.#state !== "unread") throw new Error("the request body is being read already");
    const { exchange } = this.request;
    if (!exchange.hasBody) {
      this.#state = "read";
      return;
    }
    this.#state = "streaming";
    const queue: Uint8Array[] = [];
    let ended = false;
    let failure: Error | undefined;
    let wake: (() => void) | undefined;
    exchange.readBody(
      (chunk, last) => {
        this.receivedBytes += chunk.length;
        if (this.limitBytes > 0 && this.receivedBytes > this.limitBytes) failure = new BodyTooLarge();
        else if (chunk.length > 0) queue.push(chunk.slice());
        ended ||= last;
        if (!last) exchange.pauseBody();
        wake?.();
      },
      (error) => {
        failure = error;
        wake?.();
      },
    );
    try {
      for (;;) {
        if (failure) throw failure;
        const chunk = queue.shift();
        if (chunk) yield chunk;
        else if (ended) break;
        else {
          exchange.resumeBody();
          await this.#nextEvent((resolve) => (wake = resolve));
        }
      }
      this.#state = "read";
    } catch (error) {
      this.#state = "failed";
      throw error;
    }
  }

  #nextEvent(register: (resolve: () => void) => void): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(() => reject(new BodyTimeout()), this.timeoutMs);
    register(resolve);
    return promise.finally(() => clearTimeout(timer));
  }

  /** Reads and throws away what is left, so that the connection can carry another request. */
  async discard(): Promise<void> {
    if (this.#state !== "unread") return;
    try {
      for await (const _ of this.stream());
    } catch (error) {
      if (!(error instanceof ClientGone)) throw error;
    }
  }
}
