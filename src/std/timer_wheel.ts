/** Something with a deadline that moves often and is reached seldom. */
export interface Timed {
  /** Milliseconds on the clock of `Date.now`; Infinity: never. May be moved later at any time for free. */
  deadlineMs: number;
  /** Kept by the wheel: when it will look at the deadline. One that moves before this needs `watch` again. */
  lookMs: number;
  onDeadline(): void;
}

const slotMs = 250;
const slots = 512;

/**
 * Deadlines to a quarter of a second: moving one is a field write, because an entry stays where it is and is looked at
 * again when its slot comes round. A timer each would cost a request two calls into the runtime.
 */
export class TimerWheel {
  readonly #slots: Set<Timed>[] = Array.from({ length: slots }, () => new Set());
  readonly #slotOf = new Map<Timed, number>();
  #tick = Math.floor(Date.now() / slotMs);
  #timer: Timer | undefined;

  /** Starts watching `entry`, or looks at it earlier than planned because its deadline has moved nearer. */
  watch(entry: Timed): void {
    const before = this.#slotOf.get(entry);
    const slot = this.#slotFor(entry.deadlineMs);
    if (before === slot) return;
    if (before !== undefined) this.#slots[before]!.delete(entry);
    this.#slots[slot]!.add(entry);
    this.#slotOf.set(entry, slot);
    entry.lookMs = Math.min(entry.deadlineMs, (this.#tick + slots - 1) * slotMs);
    this.#timer ??= setInterval(() => this.#turn(), slotMs).unref();
  }

  forget(entry: Timed): void {
    const slot = this.#slotOf.get(entry);
    if (slot === undefined) return;
    this.#slots[slot]!.delete(entry);
    this.#slotOf.delete(entry);
    entry.lookMs = Number.POSITIVE_INFINITY;
    if (this.#slotOf.size > 0 || !this.#timer) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** The slot after the deadline; one beyond the wheel waits in the farthest and is placed again from there. */
  #slotFor(deadlineMs: number): number {
    this.#tick = Math.max(this.#tick, Math.floor(Date.now() / slotMs) - slots + 2);
    const tick = Number.isFinite(deadlineMs) ? Math.ceil(deadlineMs / slotMs) : Number.MAX_SAFE_INTEGER;
    return Math.min(Math.max(tick, this.#tick + 1), this.#tick + slots - 1) % slots;
  }

  #turn(): void {
    const now = Date.now();
    const last = Math.floor(now / slotMs);
    for (; this.#tick < last; this.#tick++) {
      const slot = (this.#tick + 1) % slots;
      for (const entry of [...this.#slots[slot]!]) {
        if (entry.deadlineMs > now) {
          this.#tick += 1; // place it relative to the slot being emptied
          this.watch(entry);
          this.#tick -= 1;
          continue;
        }
        this.forget(entry);
        entry.onDeadline();
      }
    }
  }
}
