import { counter, counters } from "../../core/counters.ts";
import type { Connection, Exchange } from "../../core/exchange.ts";
import type { ListenSpec } from "../../core/plan.ts";
import { plainAddress } from "../../std/address.ts";
import type { ProxyHeader } from "../../std/proxy_protocol.ts";
import { type Timed, TimerWheel } from "../../std/timer_wheel.ts";
import type { OpenConnection, OpenConnections } from "./connections.ts";
import type { NativeAddress, NativeSocket } from "./native.ts";
import type { ProxiedPeer } from "./proxied.ts";

/** What the runtime says of a client that sent none. */
const noCertificate = "UNABLE_TO_GET_ISSUER_CERT";

export type OnExchange = (exchange: Exchange) => void;

const wheel = new TimerWheel();
let connectionsMade = 0;

/** An exchange as its connection sees it: answered when those before it are. */
export interface Turn extends Exchange {
  /** Who answers it when its turn has come. */
  handle: OnExchange | undefined;
  /** It had to wait, and its turn has come. */
  begin(): void;
  /** The client went away. */
  gone(): void;
  /** It has taken nothing for too long. */
  timedOut(): void;
  /** What it sends of the body has stopped to make sense. */
  broken(): void;
}

/** One connection of a client, from its first request to its end. */
export class RawConnection implements Connection, OpenConnection, Timed {
  readonly number = ++connectionsMade;
  readonly startMs = Date.now();
  readonly tls: boolean;
  requests = 0;
  closing = false;
  deadlineMs = Number.POSITIVE_INFINITY;
  lookMs = Number.POSITIVE_INFINITY;
  keepaliveMs = 75_000;
  sendMs = 60_000;
  /** A client that takes nothing for so long is reset. */
  resets = false;
  /** A request with a body has come: what looks like a head may be part of that. */
  hadBody = false;
  /** The exchange being answered. */
  current: Turn | undefined;
  /** What came before its turn. */
  #queue: Turn[] | undefined;
  #remote: NativeAddress | undefined;
  #local: NativeAddress | undefined;

  constructor(
    readonly socket: NativeSocket<RawConnection>,
    readonly spec: ListenSpec,
    private readonly owner: OpenConnections,
    tls: boolean,
    private readonly peer: ProxiedPeer | undefined,
  ) {
    this.tls = tls;
    if (peer) peer.inner = this;
    else owner.add(this);
    const { own } = counters;
    own[counter.accepted]!++;
    own[counter.handled]!++;
    own[counter.active]!++;
    socket.onclose = () => this.#closed();
  }

  get remoteAddress(): string {
    if (this.spec.family === "unix") return "unix:";
    return this.peer?.remoteAddress ?? (this.#remote ??= plain(this.socket.remoteAddress)).address;
  }

  get remotePort(): number {
    if (this.spec.family === "unix") return 0;
    return this.peer?.remotePort ?? (this.#remote ??= plain(this.socket.remoteAddress)).port;
  }

  get localAddress(): string {
    if (this.spec.family === "unix") return this.spec.key;
    return this.peer?.localAddress ?? (this.#local ??= plain(this.socket.localAddress)).address;
  }

  get localPort(): number {
    return this.spec.port;
  }

  get proxy(): ProxyHeader | undefined {
    return this.peer?.header;
  }

  get tlsVerify(): string {
    const { peerCertVerified, authorizationError } = this.socket;
    if (!this.tls || authorizationError === noCertificate) return "NONE";
    return peerCertVerified ? "SUCCESS" : `FAILED:${authorizationError ?? "unknown"}`;
  }

  get tlsServerName(): string | undefined {
    return this.socket.servername ?? undefined;
  }

  arrived(exchange: Turn, handle: OnExchange): void {
    this.requests++;
    if (exchange.hasBody) this.hadBody = true;
    if (this.current) {
      (this.#queue ??= []).push(exchange);
      exchange.handle = handle;
      return;
    }
    this.deadlineMs = Number.POSITIVE_INFINITY;
    this.current = exchange;
    handle(exchange);
  }

  /** The body of the exchange under way is none: nothing that follows can be understood. */
  bodyBroken(): void {
    this.closing = true;
    if (this.current) this.current.broken();
    else this.socket.close();
  }

  /** The current exchange is over: answer the next one that waits, or wait for one. */
  done(keepalive: boolean): void {
    this.current = undefined;
    if (!keepalive || this.closing) {
      this.#queue = undefined;
      if (!this.socket.closed) this.socket.closeWhenDrained();
      return;
    }
    const next = this.#queue?.shift();
    if (!next) return this.due(this.keepaliveMs);
    this.current = next;
    next.begin();
    next.handle!(next);
  }

  due(ms: number): void {
    this.deadlineMs = Date.now() + ms;
    if (this.deadlineMs < this.lookMs && !this.socket.closed) wheel.watch(this);
  }

  onDeadline(): void {
    if (this.current) this.current.timedOut();
    else this.socket.close();
  }

  closeAfterAnswer(): void {
    this.closing = true;
    if (!this.current) this.socket.closeWhenDrained();
  }

  #closed(): void {
    counters.own[counter.active]!--;
    this.owner.delete(this);
    wheel.forget(this);
    this.current?.gone();
  }
}

function plain(at: NativeAddress | undefined): NativeAddress {
  return at ? { address: plainAddress(at.address), port: at.port } : { address: "", port: 0 };
}
