import { BodyFile } from "./body_file.ts";
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

/** What the location says of request bodies. */
export interface BodyRules {
  /** `client_max_body_size`; 0 is without limit. */
  readonly limitBytes: number;
  /** `client_body_buffer_size`: a larger body goes to a file. */
  readonly bufferBytes: number;
  /** `client_body_timeout`: between two successive reads, milliseconds. */
  readonly timeoutMs: number;
  /** Where such files are made. */
  readonly folder: string;
  /** `client_body_in_file_only`: every body goes to a file, and "on" leaves it there. */
  readonly inFile: "off" | "clean" | "on";
}

const untold: BodyRules = { limitBytes: 0, bufferBytes: 16 * 1024, timeoutMs: 60_000, folder: "/tmp", inFile: "off" };

/** The request's body: read once, whole or as a stream, with back-pressure to the client. */
export class RequestBody {
  /** Set when the location is known. */
  rules: BodyRules = untold;
  receivedBytes = 0;
  #state: State = "unread";
  #bytes: Uint8Array | undefined;
  #file: BodyFile | undefined;
  #reading: Promise<void> | undefined;

  constructor(private readonly request: Request) {}

  get state(): State {
    return this.#state;
  }

  /** The whole body where it has been read and is in memory. */
  get buffered(): Uint8Array | undefined {
    return this.#bytes;
  }

  /** The file that holds the body, where it has been read and was too large for memory. */
  get file(): BodyFile | undefined {
    return this.#file;
  }

  get exists(): boolean {
    if (this.#bytes) return this.#bytes.length > 0;
    return this.#file !== undefined || this.request.exchange.hasBody;
  }

  /** The client sends it only when told to go on, which reading it does (RFC 9110, section 10.1.1). */
  get withheld(): boolean {
    const { request } = this;
    if (this.#state !== "unread" || !request.exchange.hasBody) return false;
    return request.header("expect")?.toLowerCase() === "100-continue";
  }

  /** Puts other bytes in the body's place, for a subrequest or `ngx.req.setBodyData`. */
  replace(bytes: Uint8Array): void {
    this.release();
    this.#bytes = bytes;
    this.#state = "read";
    this.#reading = Promise.resolve();
  }

  /**
   * Reads all of it, into memory or into a file; later calls wait for the same reading.
   * @throws BodyTooLarge, BodyTimeout, ClientGone
   */
  read(): Promise<void> {
    return (this.#reading ??= this.#collect());
  }

  /** All of it in memory, however large: what `client_max_body_size` lets in. Throws as `read`. */
  async bytes(): Promise<Uint8Array> {
    await this.read();
    return this.#bytes ?? this.#file?.bytes() ?? new Uint8Array(0);
  }

  async #collect(): Promise<void> {
    const { bufferBytes, folder, inFile } = this.rules;
    const chunks: Uint8Array[] = [];
    const memoryBytes = inFile === "off" ? bufferBytes : -1;
    for await (const chunk of this.#incoming()) {
      if (this.#file) this.#file.append(chunk);
      else if (this.receivedBytes <= memoryBytes) chunks.push(chunk);
      else {
        this.#file = new BodyFile(folder);
        for (const earlier of chunks) this.#file.append(earlier);
        this.#file.append(chunk);
      }
    }
    if (!this.#file) this.#bytes = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
  }

  /** The chunks as they come, or as they were read before; the client is slowed to the reader's pace. */
  async *stream(): AsyncGenerator<Uint8Array, void, void> {
    if (this.#reading) await this.#reading;
    if (this.#file) yield* this.#file.chunks();
    else if (!this.#bytes) yield* this.#passing();
    else if (this.#bytes.length > 0) yield this.#bytes;
  }

  /** As `#incoming`; a body that is small enough for memory is kept, for `$request_body`. */
  async *#passing(): AsyncGenerator<Uint8Array, void, void> {
    let kept: Uint8Array[] | undefined = [];
    for await (const chunk of this.#incoming()) {
      if (this.receivedBytes > this.rules.bufferBytes) kept = undefined;
      kept?.push(chunk);
      yield chunk;
    }
    if (kept) this.#bytes = Buffer.concat(kept);
  }

  async *#incoming(): AsyncGenerator<Uint8Array, void, void> {
    if (this.#state !== "unread") throw new Error("the request body is being read already");
    const { exchange } = this.request;
    if (!exchange.hasBody) {
      this.#state = "read";
      return;
    }
    if (this.withheld) exchange.interim(100, "Continue", []);
    this.#state = "streaming";
    const queue: Uint8Array[] = [];
    let ended = false;
    let failure: Error | undefined;
    let wake: (() => void) | undefined;
    exchange.readBody(
      (chunk, last) => {
        this.receivedBytes += chunk.length;
        if (this.rules.limitBytes > 0 && this.receivedBytes > this.rules.limitBytes) failure = new BodyTooLarge();
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
    const timer = setTimeout(() => reject(new BodyTimeout()), this.rules.timeoutMs);
    register(resolve);
    return promise.finally(() => clearTimeout(timer));
  }

  /** Reads and throws away what is left, so that the connection can carry another request. */
  async discard(): Promise<void> {
    if (this.#state !== "unread") return;
    try {
      for await (const _ of this.#incoming());
    } catch (error) {
      if (!(error instanceof ClientGone)) throw error;
    }
  }

  /** The request is over. */
  release(): void {
    this.#file?.close(this.rules.inFile === "on");
    this.#file = undefined;
  }
}
