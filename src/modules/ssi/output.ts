import type { Sink } from "../../core/body.ts";
import type { Chunk } from "../../core/exchange.ts";
import { bytesOf } from "../../std/bytestring.ts";

/** What an included location may be ahead of its turn before it has to wait. */
const aheadBytesMax = 1024 * 1024;

/** A place in the page that something else fills, now or later. */
export class Part {
  readonly chunks: Chunk[] = [];
  done = false;
  #bytes = 0;
  #waiting: PromiseWithResolvers<void> | undefined;

  constructor(private readonly changed: () => void) {}

  write(chunk: Chunk): void | Promise<void> {
    if (chunk.length === 0) return undefined;
    this.chunks.push(chunk);
    this.#bytes += chunk.length;
    this.changed();
    if (this.#bytes <= aheadBytesMax) return undefined;
    return (this.#waiting ??= Promise.withResolvers<void>()).promise;
  }

  /** Nothing more comes. */
  end(): void {
    this.done = true;
    this.changed();
  }

  /** For the output: the next chunk has its turn. */
  shift(): Chunk | undefined {
    const chunk = this.chunks.shift();
    if (chunk === undefined) return undefined;
    this.#bytes -= chunk.length;
    if (this.#bytes <= aheadBytesMax) this.release();
    return chunk;
  }

  /** Who waits need not any more. */
  release(): void {
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }
}

/** Sends the parts of a page in their order, whichever is ready first. */
export class OrderedOutput {
  readonly #parts: Part[] = [];
  #open: Part | undefined;
  #wake: (() => void) | undefined;
  #running: Promise<void> | undefined;
  #failure: unknown;

  constructor(private readonly next: Sink) {}

  /** Text of the page itself, a byte string. */
  text(bytes: string): void {
    if (bytes === "") return;
    // Neighbours make one chunk; what is on its way already is not added to.
    const last = this.#open;
    const before = last?.chunks[0];
    if (last && typeof before === "string") last.chunks[0] = before + bytes;
    else {
      this.#open = this.#append();
      this.#open.chunks.push(bytes);
      this.#open.done = true;
    }
  }

  /** A place for something that comes later. */
  part(): Part {
    this.#open = undefined;
    return this.#append();
  }

  #append(): Part {
    const part = new Part(() => this.#changed());
    this.#parts.push(part);
    return part;
  }

  #changed(): void {
    this.#wake?.();
    this.flush();
  }

  /** Begins to send what is there, without waiting for it. */
  flush(): void {
    this.#open = undefined;
    this.#running ??= this.#send()
      .catch((error: unknown) => {
        this.#failure = error;
        for (const part of this.#parts) part.release();
      })
      .finally(() => (this.#running = undefined));
  }

  async #send(): Promise<void> {
    for (;;) {
      const part = this.#parts[0];
      if (!part || this.#failure) return;
      for (let chunk = part.shift(); chunk !== undefined; chunk = part.shift()) {
        // A string is the page's own text, which is bytes; what was included comes as bytes already.
        await this.next(typeof chunk === "string" ? bytesOf(chunk) : chunk, false);
      }
      if (part.done && part.chunks.length === 0) this.#parts.shift();
      else if (part.chunks.length === 0) await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** Waits until all that has a place has been sent. @throws what sending failed with */
  async drained(): Promise<void> {
    while (this.#parts.length > 0 && this.#failure === undefined) {
      this.flush();
      await this.#running;
    }
    if (this.#failure !== undefined) throw this.#failure;
  }
}
