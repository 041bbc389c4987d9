import { asHost } from "../std/host_context.ts";
import { calls } from "./calls.ts";
import type { Generation } from "./generation.ts";

/** @param premature The generation is being replaced or the worker is stopping: the time has not come. */
export type TimerCallback<Args extends unknown[] = unknown[]> = (premature: boolean, ...args: Args) => unknown;

/** One timer, to cancel it. */
export interface TimerHandle {
  /** @returns Whether there was still something to cancel. */
  cancel(): boolean;
  readonly pending: boolean;
}

export interface TimerApi {
  /**
   * Calls `callback` once, after `seconds`, to the millisecond; 0 is as soon as the running code lets go.
   * @throws RangeError for a negative delay; Error when there are `lua_max_pending_timers` already, or the worker is
   * stopping and the delay is not 0.
   * @see lua-nginx-module, ngx.timer.at
   */
  at<Args extends unknown[]>(seconds: number, callback: TimerCallback<Args>, ...args: Args): TimerHandle;
  /** As `at`, again and again. A call that takes longer than the interval does not hold up the next one. */
  every<Args extends unknown[]>(seconds: number, callback: TimerCallback<Args>, ...args: Args): TimerHandle;
  /**
   * A timer that every worker starts, by the same name, and one of them runs: whichever comes first. The name is then
   * taken for `seconds`, or 5 where that is more.
   * @example init_worker_by_ts_block { ngx.timer.once("report", 60, () => report()); }
   */
  once<Args extends unknown[]>(
    name: string,
    seconds: number,
    callback: TimerCallback<Args>,
    ...args: Args
  ): TimerHandle;
  /** As `once`, again and again. */
  everyOnce<Args extends unknown[]>(
    name: string,
    seconds: number,
    callback: TimerCallback<Args>,
    ...args: Args
  ): TimerHandle;
  /** Timers whose time has not come. */
  pendingCount(): number;
  /** Calls that are under way. */
  runningCount(): number;
}

const inTimer = "a callback of ngx.timer";

/** How far apart workers may start the same timer, and it still runs once. */
const onceSeconds = 5;

class Pending implements TimerHandle {
  timer: Timer | undefined;
  pending = true;

  constructor(
    private readonly timers: Timers,
    readonly delayMs: number,
    readonly again: boolean,
    readonly callback: TimerCallback,
    readonly args: unknown[],
  ) {}

  cancel(): boolean {
    if (!this.pending) return false;
    this.pending = false;
    clearTimeout(this.timer);
    this.timers.pending.delete(this);
    return true;
  }
}

/** The timers of one generation. */
export class Timers {
  readonly pending = new Set<Pending>();
  maxPending = 1024;
  maxRunning = 256;
  #running = 0;
  #ended = false;
  #idle: (() => void)[] = [];

  constructor(private readonly generation: Generation) {}

  readonly api: TimerApi = {
    at: (seconds, callback, ...args) => this.#add(seconds, callback as TimerCallback, args, false),
    every: (seconds, callback, ...args) => {
      if (seconds === 0) throw new RangeError("ngx.timer.every cannot have a delay of 0");
      return this.#add(seconds, callback as TimerCallback, args, true);
    },
    once: (name, seconds, callback, ...args) =>
      this.#add(seconds, this.#byOne(name, Math.max(seconds, onceSeconds), callback as TimerCallback), args, false),
    everyOnce: (name, seconds, callback, ...args) => {
      if (seconds === 0) throw new RangeError("ngx.timer.everyOnce cannot have a delay of 0");
      return this.#add(seconds, this.#byOne(name, seconds * 0.95, callback as TimerCallback), args, true);
    },
    pendingCount: () => this.pending.size,
    runningCount: () => this.#running,
  };

  /** Lets the first worker that comes make the call: the others find its mark, which goes just before the next call. */
  #byOne(name: string, markSeconds: number, callback: TimerCallback): TimerCallback {
    return (premature, ...args) => {
      const { internal } = this.generation;
      if (premature || !internal) return callback(premature, ...args);
      return internal.add(`once ${name}`, process.pid, markSeconds) === true ? callback(false, ...args) : undefined;
    };
  }

  #add(seconds: number, callback: TimerCallback, args: unknown[], again: boolean): TimerHandle {
    if (typeof callback !== "function") throw new TypeError("a timer needs a function to call");
    if (!(seconds >= 0)) throw new RangeError(`a timer cannot have a delay of ${seconds} seconds`);
    if (this.#ended && seconds > 0) throw new Error("process exiting");
    if (this.pending.size >= this.maxPending) throw new Error("too many pending timers");
    const entry = new Pending(this, seconds * 1000, again, callback, args);
    this.pending.add(entry);
    this.#arm(entry);
    return entry;
  }

  #arm(entry: Pending): void {
    // Our timer and not the handler's generation's: it has to be told when that one ends.
    entry.timer = asHost(() => setTimeout(() => this.#fire(entry), entry.delayMs));
  }

  #fire(entry: Pending): void {
    if (entry.again) this.#arm(entry);
    else {
      entry.pending = false;
      this.pending.delete(entry);
    }
    if (this.#running >= this.maxRunning) {
      this.generation.log("alert", `${this.#running} timers are running: one more is skipped`);
      return;
    }
    this.#call(entry, this.#ended && entry.delayMs > 0);
  }

  #call(entry: Pending, premature: boolean): void {
    this.#running++;
    let result: unknown;
    calls.enter(inTimer);
    try {
      result = this.generation.enter(entry.callback, premature, ...entry.args);
    } catch (error) {
      return this.#failed(error, 0);
    } finally {
      calls.leave();
    }
    if (!(result instanceof Promise)) return this.#done(0);
    const waiting = calls.wait(inTimer);
    result.then(
      () => this.#done(waiting),
      (error: unknown) => this.#failed(error, waiting),
    );
  }

  #failed(error: unknown, waiting: number): void {
    this.generation.failed("ngx.timer", error);
    this.#done(waiting);
  }

  #done(waiting: number): void {
    calls.end(waiting);
    if (--this.#running > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** Tells each timer that waits, as OpenResty does when a worker stops: `premature` is true. */
  retire(): void {
    this.#ended = true;
    for (const entry of [...this.pending]) if (entry.delayMs > 0 && entry.cancel()) this.#call(entry, true);
  }

  /** Resolves when no call is under way, or after `ms`. */
  async idle(ms: number): Promise<void> {
    for (const entry of this.pending) entry.cancel();
    if (this.#running === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#idle.push(resolve);
    const timer = setTimeout(resolve, ms);
    await promise;
    clearTimeout(timer);
  }
}
