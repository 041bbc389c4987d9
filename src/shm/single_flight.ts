import type { SharedDict } from "./dict.ts";
import { Leases } from "./mutex.ts";
import type { Value } from "./value.ts";

export interface GetOrSetOptions {
  /** For how long after its expiry an old value will do for those who find another at work on the new one. */
  staleSeconds?: number;
  /** After this, another worker may load as well: the first may hang. */
  leaseSeconds?: number;
}

/**
 * Loads missing values once for all workers: the first who misses a key runs the loader, the others wait for the
 * value or take the stale one. When the loader fails its caller gets the error, and the next in line tries.
 * @internal
 */
export class SingleFlight {
  readonly #dict: SharedDict;
  readonly #leases: Leases;
  /** Loads and waits of this worker, so that its requests for one key share one. */
  readonly #flights = new Map<string, Promise<Value | undefined>>();

  constructor(dict: SharedDict) {
    this.#dict = dict;
    this.#leases = new Leases(dict.zone.table, "load ");
  }

  async get<T extends Value>(
    key: string,
    ttlSeconds: number,
    load: () => T | undefined | Promise<T | undefined>,
    options: GetOrSetOptions,
  ): Promise<T | undefined> {
    const value = this.#dict.get(key);
    if (value !== undefined) return value as T;
    let flight = this.#flights.get(key);
    if (flight) {
      const stale = this.#stale(key, options);
      if (stale !== undefined) return stale as T;
    } else {
      flight = this.#fly(key, ttlSeconds, load, options).finally(() => this.#flights.delete(key));
      this.#flights.set(key, flight);
    }
    return flight as Promise<T | undefined>;
  }

  async #fly(
    key: string,
    ttlSeconds: number,
    load: () => Value | undefined | Promise<Value | undefined>,
    options: GetOrSetOptions,
  ): Promise<Value | undefined> {
    const leaseSeconds = options.leaseSeconds ?? 30;
    for (let stepMs = 1; ; stepMs = Math.min(stepMs * 2, 25)) {
      const token = this.#leases.take(key, leaseSeconds);
      if (token !== 0) return this.#load(key, ttlSeconds, load, token);
      const stale = this.#stale(key, options);
      if (stale !== undefined) return stale;
      await Bun.sleep(stepMs * (0.5 + Math.random()));
      const value = this.#dict.get(key);
      if (value !== undefined) return value;
    }
  }

  async #load(
    key: string,
    ttlSeconds: number,
    load: () => Value | undefined | Promise<Value | undefined>,
    token: number,
  ): Promise<Value | undefined> {
    try {
      const made = this.#dict.get(key); // between our miss and our lease, another may have finished
      if (made !== undefined) return made;
      const value = await load();
      if (value !== undefined && value !== null) this.#dict.set(key, value, ttlSeconds);
      return value;
    } finally {
      if (token > 0) this.#leases.release(key, token);
    }
  }

  #stale(key: string, { staleSeconds = 0 }: GetOrSetOptions): Value | undefined {
    if (staleSeconds === 0) return undefined;
    const found = this.#dict.getStale(key);
    if (found === undefined || !found.stale) return found?.value;
    return Date.now() - this.#dict.lastExpires < staleSeconds * 1000 ? found.value : undefined;
  }
}
