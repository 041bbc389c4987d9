import { Connection, type ConnectionOwner, type Endpoint, type FailureKind, type Slot } from "./connection.ts";
import { KeptAnswer } from "./scenarios/answer.ts";
import type { Answer, Planned, SetupClient } from "./scenarios/scenario.ts";
import { BenchError } from "./usage.ts";

interface Waiting {
  planned: Planned;
  resolve(answer: Answer): void;
  reject(error: Error): void;
}

/** Sends single requests over a few connections and gives each answer as a promise. No request is tried twice. */
export class Client implements SetupClient, ConnectionOwner {
  readonly parallel: number;
  bytesRead = 0;
  /** Has any connection come about? */
  reached = false;
  readonly #connections: Connection[] = [];
  readonly #queue: Waiting[] = [];
  readonly #busy = new Map<Connection, Waiting>();
  readonly #timeoutMs: number;
  readonly #sweep: Timer;
  #ended = false;

  constructor(endpoint: Endpoint, parallel: number, timeoutMs: number) {
    this.parallel = parallel;
    this.#timeoutMs = timeoutMs;
    for (let i = 0; i < parallel; i++) this.#connections.push(new Connection(this, endpoint, undefined, 1));
    this.#sweep = setInterval(() => this.#expire(), Math.min(100, timeoutMs));
  }

  send(planned: Planned): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ planned: { ...planned, step: { ...planned.step, keep: true } }, resolve, reject });
      const free = this.#connections.find((one) => one.usable && one.inFlight === 0);
      if (free) return this.#serve(free);
      this.#connections.find((one) => one.state === "closed")?.connect();
    });
  }

  end(): void {
    this.#ended = true;
    clearInterval(this.#sweep);
    for (const connection of this.#connections) connection.close();
  }

  #serve(connection: Connection): void {
    const waiting = this.#queue.shift();
    if (!waiting) return;
    this.#busy.set(connection, waiting);
    const now = performance.now();
    connection.send(waiting.planned, now, now);
  }

  #expire(): void {
    const now = performance.now();
    for (const connection of this.#connections) {
      const since = connection.inFlight > 0 ? connection.oldest.sentMs : connection.connectStartedMs;
      const waits = connection.inFlight > 0 || connection.state === "connecting";
      if (waits && now - since > this.#timeoutMs) connection.close("timeout", `no answer in ${this.#timeoutMs} ms`);
    }
  }

  opened(connection: Connection): void {
    this.reached = true;
    this.#serve(connection);
  }

  answered(connection: Connection): void {
    const waiting = this.#busy.get(connection)!;
    this.#busy.delete(connection);
    const { status, head, body } = connection.parser;
    waiting.resolve(new KeptAnswer(status, head, body));
    if (connection.usable) this.#serve(connection);
  }

  failed(connection: Connection, _slot: Slot, kind: FailureKind, detail: string): void {
    const waiting = this.#busy.get(connection);
    this.#busy.delete(connection);
    waiting?.reject(new BenchError(`${kind}: ${detail}`));
  }

  unsent(): void {
    // One request at a time leaves none behind an announced close.
  }

  closed(connection: Connection, failure?: { kind: FailureKind; detail: string }): void {
    if (this.#ended) return;
    if (failure) this.#queue.shift()?.reject(new BenchError(`${failure.kind}: ${failure.detail}`));
    if (this.#queue.length > 0) connection.connect();
  }
}
