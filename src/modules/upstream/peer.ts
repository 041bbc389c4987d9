import type { Address } from "../../clients/connection.ts";

/** One `server` line of an upstream, with what this worker knows of its health. */
export class Peer {
  /** Smooth weighted round robin moves this; the highest is chosen. */
  currentWeight = 0;
  /** Falls with failures and recovers with use. */
  effectiveWeight: number;
  /** Failures within the present `fail_timeout`. */
  fails = 0;
  checkedMs = 0;
  /** Requests it is answering for this worker. */
  active = 0;

  constructor(
    readonly address: Address,
    /** As `$upstream_addr` shows it. */
    readonly name: string,
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
  }

  available(nowMs: number): boolean {
    if (this.down || (this.maxConns > 0 && this.active >= this.maxConns)) return false;
    return this.maxFails === 0 || this.fails < this.maxFails || nowMs - this.checkedMs > this.failTimeoutMs;
  }

  failed(nowMs: number): void {
    this.fails++;
    this.checkedMs = nowMs;
    if (this.maxFails > 0)
      this.effectiveWeight = Math.max(0, this.effectiveWeight - Math.floor(this.weight / this.maxFails));
  }

  succeeded(nowMs: number): void {
    if (nowMs - this.checkedMs > this.failTimeoutMs || this.fails < this.maxFails) this.fails = 0;
  }
}
