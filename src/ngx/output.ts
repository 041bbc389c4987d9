import type { Chunk } from "../core/exchange.ts";
import { DONE, ERROR, OK, type Verdict } from "../core/phase.ts";
import type { Request } from "../core/request.ts";
import { asHost } from "../std/host_context.ts";
import { host } from "./host.ts";

/** Whose output it is. */
interface Printing {
  readonly request: Request;
  moves: number;
  sending: number;
}

/** Text waits for the end of the handler up to this size: then head and body leave in one write, with their length. */
const heldBytes = 64 * 1024;

/** What a handler has printed, until it is sent. */
export class Output {
  #text = "";
  #chunks: Chunk[] | undefined;
  #held = 0;
  /** The head has been handed over. */
  #begun = false;
  #ended = false;
  /** What a header filter answered in place of the head. */
  #refusal: Verdict | undefined;
  #tail: Promise<void> | undefined;
  /** Of a Content-Length that the handler has set: how much of it is still owed; -1 without. */
  #owed = -1;

  private readonly request: Request;

  constructor(private readonly owner: Printing) {
    const request = (this.request = owner.request);
    if (request.response.status === 0) request.response.status = 200;
    host.setContentType(request);
  }

  get ended(): boolean {
    return this.#ended;
  }

  add(chunk: Chunk): void {
    this.#held += chunk.length;
    if (typeof chunk === "string") this.#text += chunk;
    else {
      this.#shelve();
      this.#chunks!.push(chunk);
    }
    if (this.#held > heldBytes) void this.flush();
  }

  #shelve(): void {
    this.#chunks ??= [];
    if (this.#text !== "") this.#chunks.push(this.#text);
    this.#text = "";
  }

  #take(): Chunk {
    const chunks = this.#chunks;
    let all: Chunk = this.#text;
    if (chunks) {
      this.#shelve();
      all = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks.map((chunk) => Buffer.from(chunk as Uint8Array)));
    }
    this.#text = "";
    this.#chunks = undefined;
    this.#held = 0;
    return all;
  }

  /** Sends what is held; resolves when there is room for more. */
  flush(): Promise<void> {
    const chunk = this.#take();
    return this.#queue(() => this.#send(chunk, false));
  }

  /** Sends what is held and ends the body; the client is told of the end when the request is logged. */
  end(): Promise<void> {
    this.#ended = true;
    const chunk = this.#take();
    return this.#queue(() => this.#send(chunk, true));
  }

  /** As `end`, and tells the client at once: the handler may have much to do yet. */
  async endNow(): Promise<void> {
    await this.end();
    const { request } = this;
    if (!request.endPending) return;
    request.endPending = false;
    const { trailers } = request.response;
    request.exchange.end(trailers?.length ? trailers : undefined);
  }

  #queue(send: () => void | Promise<void>): Promise<void> {
    const tail = this.#tail ? this.#tail.then(send) : Promise.resolve(asHost(send));
    const { owner } = this;
    owner.moves++;
    owner.sending++;
    const settled = (): void => void owner.sending--;
    tail.then(settled, settled); // whoever awaits it is told of a failure; `finish` awaits the last one
    return (this.#tail = tail);
  }

  #send(chunk: Chunk, last: boolean): void | Promise<void> {
    if (this.#begun) return this.#pass(chunk, last);
    this.#begun = true;
    this.#owed = this.request.response.contentLength;
    const verdict = this.request.sendHead();
    if (typeof verdict !== "number") return verdict.then((late) => this.#passed(late, chunk, last));
    return this.#passed(verdict, chunk, last);
  }

  #passed(verdict: Verdict, chunk: Chunk, last: boolean): void | Promise<void> {
    if (verdict === OK) return this.#pass(chunk, last);
    this.#refusal = verdict;
  }

  #pass(chunk: Chunk, last: boolean): void | Promise<void> {
    if (this.#refusal !== undefined) return;
    if (this.#owed >= 0) {
      this.#owed -= Buffer.byteLength(chunk as string);
      if (this.#owed < 0 || (last && this.#owed > 0 && !this.request.headerOnly)) {
        this.request.log("error", "a handler sent another number of bytes than the Content-Length it had set");
        this.#refusal = ERROR;
        return;
      }
    }
    return this.request.send(chunk, last);
  }

  /** The handler is done: sends all that is left. @returns what becomes of the request */
  finish(): Verdict | Promise<Verdict> {
    if (!this.#begun && !this.#tail) {
      this.#begun = this.#ended = true;
      const body = this.#take();
      // A length that a handler promises is kept only where there is nothing to compare it with.
      if (!this.request.headerOnly || body.length > 0) this.request.response.contentLength = -1;
      return this.request.respond(body);
    }
    if (!this.#ended) void this.end();
    return this.#tail!.then(() => this.#refusal ?? DONE);
  }
}
