import type { Address } from "../../clients/connection.ts";

/** A number that all workers see. */
export interface SharedCount {
  readonly value: number;
  add(delta: number): void;
}

/** One `server` line of an upstream, with what this worker knows of its health. */
export class Peer {
  /** As `$upstream_addr` shows it. */
  readonly name: string;
  /** Smooth weighted round robin moves this; the highest is chosen. */
  currentWeight = 0;
  /** Falls with failures and recovers with use. */
  effectiveWeight: number;
  /** Failures since the last use that was not soon after a failure. */
  fails = 0;
  /** When it failed last, and when it was last tried though it had. */
  failedMs = 0;
  checkedMs = 0;
  /** Where `zone` counts for all workers. */
  shared: SharedCount | undefined;
  #active = 0;

  constructor(
    readonly address: Address,
    readonly weight: number,
    /** 0 turns the accounting of failures off. */
    readonly maxFails: number,
    readonly failTimeoutMs: number,
    /** 0 is without limit. */
    readonly maxConns: number,
    readonly backup: boolean,
    readonly down: boolean,
  ) {
    this.effectiveWeight = weight;
    this.name = nameOf(address);
  }

  /** The same at another address. */
  at(address: Address): Peer {
    const { weight, maxFails, failTimeoutMs, maxConns, backup, down } = this;
    return new Peer(address, weight, maxFails, failTimeoutMs, maxConns, backup, down);
  }

  /** Requests it is answering: for this worker, or with `zone` for all. */
  get active(): number {
    return this.shared ? this.shared.value : this.#active;
  }

  #count(delta: number): void {
    if (this.shared) this.shared.add(delta);
    else this.#active += delta;
  }

  available(nowMs: number): boolean {
    if (!this.hasRoom) return false;
    return this.maxFails === 0 || this.fails < this.maxFails || nowMs - this.checkedMs > this.failTimeoutMs;
  }

  get hasRoom(): boolean {
    return !this.down && (this.maxConns === 0 || this.active < this.maxConns);
  }

  /** It is about to be asked: one request after each `fail_timeout` finds out whether it is back. */
  chosen(nowMs: number): void {
    this.#count(1);
    if (nowMs - this.checkedMs > this.failTimeoutMs) this.checkedMs = nowMs;
  }

  failed(nowMs: number): void {
    this.#count(-1);
    this.fails++;
    this.failedMs = nowMs;
    this.checkedMs = nowMs;
    if (this.maxFails > 0)
      this.effectiveWeight = Math.max(0, this.effectiveWeight - Math.floor(this.weight / this.maxFails));
  }

  /** @param answered false where the exchange ended without telling anything of the peer */
  released(answered: boolean): void {
    this.#count(-1);
    if (answered && this.failedMs < this.checkedMs) this.fails = 0;
  }
}

function nameOf({ host, port, unix }: Address): string {
  if (unix) return `unix:${host}`;
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}
