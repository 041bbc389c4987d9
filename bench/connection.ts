import { isIP } from "node:net";
import type { Socket, TCPSocketConnectOptions } from "bun";
import { MALFORMED, NEED_MORE, ResponseParser } from "./parser.ts";
import type { Target } from "./request.ts";
import type { Planned } from "./scenarios/scenario.ts";

/** How a request can fail before a scenario gets to see an answer. */
export type FailureKind = "connect" | "timeout" | "reset" | "protocol";

/** One request on its way. Slots belong to their connection and are used again. */
export interface Slot {
  planned: Planned;
  /** When it was due (open model) or sent (closed model), in the clock of `performance.now()`. */
  dueMs: number;
  sentMs: number;
}

export interface Endpoint {
  target: Target;
  /** The address that `target.hostname` was resolved to. */
  address: string;
  /** Accept any certificate. */
  insecure: boolean;
}

/** Whom a connection tells what happened. */
export interface ConnectionOwner {
  bytesRead: number;
  opened(connection: Connection): void;
  /** `connection.parser` holds the answer until this returns. */
  answered(connection: Connection, slot: Slot): void;
  /** Called once per request that got no answer, before `closed`. */
  failed(connection: Connection, slot: Slot, kind: FailureKind, detail: string): void;
  /** A request that the server never took up, since it announced the close in an earlier answer: send it again. */
  unsent(connection: Connection, slot: Slot): void;
  /** `failure` is there when no connection came about, or the server spoke out of turn. */
  closed(connection: Connection, failure?: { kind: FailureKind; detail: string }): void;
}

// What the first `planned` of a slot is before anything was sent.
const NOTHING: Planned = {
  step: { name: "", head: false, keep: false, accepts: () => true },
  index: 0,
  bytes: new Uint8Array(0),
};

const handlers = {
  open(socket: Socket<Connection>) {
    if (!socket.data.endpoint.target.tls) socket.data.onOpen(socket);
  },
  handshake(socket: Socket<Connection>, success: boolean, problem: Error | null) {
    const { data } = socket;
    // Bun says "no success" of a certificate it cannot verify, too.
    if (data.endpoint.insecure || (success && !problem)) return data.onOpen(socket);
    data.onConnectError(`TLS: ${problem?.message ?? "the handshake failed"}`);
    socket.terminate();
  },
  data(socket: Socket<Connection>, bytes: Buffer) {
    socket.data.onData(bytes);
  },
  drain(socket: Socket<Connection>) {
    socket.data.onDrain();
  },
  close(socket: Socket<Connection>, error?: Error) {
    socket.data.onClose(error);
  },
  error(socket: Socket<Connection>, error: Error) {
    socket.data.onError(error);
  },
  connectError(socket: Socket<Connection>, error: Error) {
    socket.data.onConnectError(describe(error));
  },
};

/** One HTTP/1.1 connection: opens, writes prepared requests, reads answers in order, and opens again when told to. */
export class Connection {
  readonly parser = new ResponseParser();
  readonly endpoint: Endpoint;
  /** The loopback address to come from; "" leaves it to the kernel. */
  readonly sourceAddress: string;
  /** What the scenario remembers for this connection. */
  user: unknown;
  state: "closed" | "connecting" | "open" = "closed";
  /** When the present attempt to connect began. */
  connectStartedMs = 0;
  /** Failed attempts in a row: the owner waits longer after each. */
  failures = 0;
  /** For an owner that opens a connection per request: when that request was due. */
  dueMs = 0;
  inFlight = 0;

  readonly #owner: ConnectionOwner;
  readonly #slots: Slot[];
  #oldest = 0;
  #socket: Socket<Connection> | undefined;
  /** What the kernel's send buffer had no room for. */
  #unwritten: Uint8Array | undefined;
  #error: Error | undefined;
  #closeAnnounced = false;
  /** Counts attempts, so that a late report of an abandoned one is told from the present one's. */
  #generation = 0;

  /** @param depth How many requests may be on their way at once. */
  constructor(owner: ConnectionOwner, endpoint: Endpoint, user: unknown, depth: number, sourceAddress = "") {
    this.#owner = owner;
    this.endpoint = endpoint;
    this.user = user;
    this.sourceAddress = sourceAddress;
    this.#slots = Array.from({ length: depth }, () => ({ planned: NOTHING, dueMs: 0, sentMs: 0 }));
  }

  /** The request that has been waiting longest. Only while `inFlight` is above 0. */
  get oldest(): Slot {
    return this.#slots[this.#oldest]!;
  }

  connect(): void {
    const { target, address, insecure } = this.endpoint;
    this.state = "connecting";
    this.connectStartedMs = performance.now();
    this.parser.reset();
    this.#error = undefined;
    this.#unwritten = undefined;
    this.#closeAnnounced = false;
    const generation = ++this.#generation;
    // An address is no server name (RFC 6066, 3).
    const name = isIP(target.hostname) ? {} : { serverName: target.hostname };
    const tls = target.tls ? { rejectUnauthorized: !insecure, ...name } : false;
    const common = { data: this, socket: handlers, tls };
    const attempt = target.unix
      ? Bun.connect<Connection>({ ...common, unix: target.unix })
      : Bun.connect<Connection>({
          ...common,
          hostname: address,
          port: target.port,
          ...(this.sourceAddress && { localAddress: this.sourceAddress }),
        } as TCPSocketConnectOptions<Connection>);
    attempt.then(
      (socket) => {
        // It came after the owner gave up on it, or on everything.
        if (generation !== this.#generation || this.state === "closed") socket.terminate();
      },
      (error: Error) => {
        if (generation === this.#generation) this.onConnectError(describe(error));
      },
    );
  }

  /** Sends now. Only while open and with fewer than `depth` on their way. */
  send(planned: Planned, dueMs: number, sentMs: number): void {
    const slots = this.#slots;
    const at = this.#oldest + this.inFlight;
    const slot = slots[at < slots.length ? at : at - slots.length]!;
    slot.planned = planned;
    slot.dueMs = dueMs;
    slot.sentMs = sentMs;
    if (this.inFlight++ === 0) this.#expect(slot);
    const { bytes } = planned;
    if (this.#unwritten) {
      this.#unwritten = Buffer.concat([this.#unwritten, bytes]);
      return;
    }
    const written = this.#socket!.write(bytes);
    if (written < bytes.length) this.#unwritten = written > 0 ? bytes.subarray(written) : bytes;
  }

  /** Ends the connection; every request on its way fails with `kind`, or is dropped without one. */
  close(kind?: FailureKind, detail = ""): void {
    if (this.state === "closed") return;
    const connecting = this.state === "connecting";
    const socket = this.#socket;
    this.#detach();
    socket?.terminate();
    if (kind && !connecting) this.#failAll(kind, detail);
    this.inFlight = 0;
    this.#owner.closed(this, kind && connecting ? { kind, detail } : undefined);
  }

  /** Gives up the oldest request without telling the owner. Only while `inFlight` is above 0. */
  take(): Slot {
    const slot = this.oldest;
    this.#oldest = this.#oldest + 1 === this.#slots.length ? 0 : this.#oldest + 1;
    this.inFlight--;
    return slot;
  }

  #detach(): void {
    this.state = "closed";
    this.#socket = undefined;
    this.#generation++;
  }

  #expect(slot: Slot): void {
    this.parser.headRequest = slot.planned.step.head;
    this.parser.keep = slot.planned.step.keep;
  }

  #failAll(kind: FailureKind, detail: string): void {
    while (this.inFlight > 0) this.#owner.failed(this, this.take(), kind, detail);
  }

  onOpen(socket: Socket<Connection>): void {
    if (this.state !== "connecting") {
      socket.terminate();
      return;
    }
    this.#socket = socket;
    this.state = "open";
    this.failures = 0;
    this.#owner.opened(this);
  }

  onConnectError(detail: string): void {
    if (this.state !== "connecting") return;
    this.failures++;
    this.#detach();
    this.#owner.closed(this, { kind: "connect", detail });
  }

  onDrain(): void {
    const rest = this.#unwritten;
    if (!rest || !this.#socket) return;
    const written = this.#socket.write(rest);
    this.#unwritten = written < rest.length ? rest.subarray(Math.max(written, 0)) : undefined;
  }

  onData(bytes: Uint8Array): void {
    const { parser } = this;
    this.#owner.bytesRead += bytes.length;
    let at = 0;
    while (at < bytes.length && this.state === "open") {
      const next = this.inFlight === 0 ? MALFORMED : parser.feed(bytes, at);
      if (next === NEED_MORE) return;
      if (next === MALFORMED) {
        if (this.inFlight === 0) this.#endUnasked();
        else this.close("protocol", parser.problem);
        return;
      }
      at = next;
      this.#completed(at < bytes.length);
    }
  }

  /** @param more Did bytes come behind the answer? */
  #completed(more: boolean): void {
    const slot = this.take();
    // Nobody has asked for them yet, so they must not pass for the answer to the request that is sent next.
    const unasked = more && this.inFlight === 0;
    const reusable = this.parser.keepAlive && !unasked;
    if (!reusable) this.#closeAnnounced = true;
    // The owner may send the next request from here, into the slot that has just become free: it reads first.
    this.#owner.answered(this, slot);
    if (this.state !== "open") return;
    if (unasked) this.#endUnasked();
    else if (!reusable) this.#ended("reset", "");
    else if (this.inFlight > 0) this.#expect(this.oldest);
  }

  #endUnasked(): void {
    this.#socket?.terminate();
    this.#detach();
    this.#owner.closed(this, { kind: "protocol", detail: "bytes that no request asked for" });
  }

  /** True while the connection can take a request: not once its end was announced. */
  get usable(): boolean {
    return this.state === "open" && !this.#closeAnnounced;
  }

  onError(error: Error): void {
    this.#error = error;
  }

  onClose(error?: Error): void {
    if (this.state === "connecting") {
      this.onConnectError(error ? describe(error) : "closed before the connection was ready");
      return;
    }
    if (this.state === "closed") return;
    if (this.inFlight > 0 && this.parser.finish()) {
      this.#closeAnnounced = true;
      this.#owner.answered(this, this.take());
      if (this.state !== "open") return;
    }
    const cause = this.#error ?? error;
    const when = this.parser.started ? "in the middle of an answer" : "before an answer";
    this.#ended("reset", cause ? `${describe(cause)} ${when}` : `the server closed ${when}`);
  }

  #ended(kind: FailureKind, detail: string): void {
    const socket = this.#socket;
    const announced = this.#closeAnnounced;
    this.#detach();
    socket?.end();
    if (announced) while (this.inFlight > 0) this.#owner.unsent(this, this.take());
    else this.#failAll(kind, detail);
    this.#owner.closed(this);
  }
}

/** "ECONNREFUSED", or the message where there is no code. */
export function describe(error: Error & { code?: unknown }): string {
  return typeof error.code === "string" && error.code !== "" ? error.code : error.message;
}
