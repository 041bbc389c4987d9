/**
 * When requests are due in the open model: at `ratePerSecond`, after a ramp over which the rate rises evenly from 0.
 * The times are computed, never accumulated, so that a late tick moves none of the later ones.
 */
export class Pace {
  readonly #startMs: number;
  readonly #perMs: number;
  readonly #rampMs: number;
  readonly #inRamp: number;
  #sent = 0;
  /** When the next request is due, in the clock of `performance.now()`. */
  nextMs: number;

  /** @param share Which of `shares` processes this is: their requests interleave. */
  constructor(startMs: number, ratePerSecond: number, rampMs: number, share = 0, shares = 1) {
    this.#perMs = ratePerSecond / 1000 / shares;
    this.#rampMs = rampMs;
    this.#inRamp = (this.#perMs * rampMs) / 2;
    this.#startMs = startMs + share / shares / this.#perMs;
    this.nextMs = this.#due();
  }

  advance(): void {
    this.#sent++;
    this.nextMs = this.#due();
  }

  /** How many are due by `nowMs` and were not taken yet. */
  backlog(nowMs: number): number {
    if (nowMs < this.nextMs) return 0;
    const elapsed = nowMs - this.#startMs;
    const due =
      elapsed < this.#rampMs
        ? (this.#perMs * elapsed * elapsed) / (2 * this.#rampMs)
        : this.#inRamp + (elapsed - this.#rampMs) * this.#perMs;
    return Math.max(1, Math.floor(due) + 1 - this.#sent);
  }

  #due(): number {
    const ordinal = this.#sent;
    // The integral of a rate that rises from 0: count = rate · t² / (2 · ramp).
    if (ordinal < this.#inRamp) return this.#startMs + Math.sqrt((2 * ordinal * this.#rampMs) / this.#perMs);
    return this.#startMs + this.#rampMs + (ordinal - this.#inRamp) / this.#perMs;
  }
}
