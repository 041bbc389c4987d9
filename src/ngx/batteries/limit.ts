import type { SharedDict } from "../../shm/dict.ts";
import { ConcurrencyLimit, LeakyBucket, REFUSED, SlidingWindow } from "../../shm/limit.ts";
import { workerProcess } from "../generation.ts";

/** What a limit says of one who comes: how long to hold them back, or that they are too many. */
export type Incoming = { readonly delaySeconds: number; readonly excess: number } | "rejected";

/** A rate, with a burst that is held back to it: nginx's leaky bucket. @see lua-resty-limit-traffic, resty.limit.req */
export class RequestLimit {
  readonly #bucket: LeakyBucket;

  constructor(
    dict: SharedDict,
    ratePerSecond: number,
    readonly burst = 0,
  ) {
    this.#bucket = new LeakyBucket(dict.zone, ratePerSecond);
  }

  /** @param commit Without it, nothing is charged. */
  incoming(key: string, commit = true): Incoming {
    const excess = commit
      ? this.#bucket.take(`limit ${key}`, this.burst, Date.now())
      : this.#bucket.look(`limit ${key}`, this.burst, Date.now());
    if (excess === REFUSED) return "rejected";
    return { delaySeconds: excess <= 0 ? 0 : this.#bucket.delayMs(excess) / 1000, excess: Math.max(0, excess) / 1000 };
  }
}

/** How many may be at work at once, over all workers. @see resty.limit.conn */
export class ConnectionLimit {
  readonly #limit: ConcurrencyLimit;

  constructor(
    dict: SharedDict,
    readonly max: number,
  ) {
    this.#limit = new ConcurrencyLimit(dict.zone, workerProcess.count, workerProcess.slot);
  }

  /** @returns what has to be called when the work is done, or "rejected" */
  enter(key: string): (() => void) | "rejected" {
    if (this.#limit.enter(`conn ${key}`, this.max) === REFUSED) return "rejected";
    let left = false;
    return () => {
      if (!left) this.#limit.leave(`conn ${key}`);
      left = true;
    };
  }

  count(key: string): number {
    return this.#limit.count(`conn ${key}`);
  }
}

/** So many in any window of time, wherever it begins. @see resty.limit.count */
export class CountLimit {
  readonly #window: SlidingWindow;

  constructor(dict: SharedDict, limit: number, windowSeconds: number) {
    this.#window = new SlidingWindow(dict.zone, limit, windowSeconds * 1000);
  }

  /** @returns how many more may come now, or "rejected" */
  incoming(key: string): number | "rejected" {
    const left = this.#window.take(`count ${key}`, Date.now());
    return left === REFUSED ? "rejected" : Math.max(0, left);
  }
}
