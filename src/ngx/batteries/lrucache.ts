interface Entry<V> {
  value: V;
  /** Milliseconds since 1970; Infinity for never. */
  expiresMs: number;
}

/** Values of this worker by key; the least recently used goes when there are too many. @see lua-resty-lrucache */
export class LruCache<V> {
  readonly #entries = new Map<string, Entry<V>>();

  constructor(readonly capacity: number) {
    if (!Number.isInteger(capacity) || capacity < 1) throw new RangeError(`a cache cannot hold ${capacity} values`);
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): V | undefined {
    const entry = this.#touch(key);
    return entry && entry.expiresMs > Date.now() ? entry.value : undefined;
  }

  /** As `get`, and a value that has expired but is still there, marked. */
  getStale(key: string): { readonly value: V; readonly stale: boolean } | undefined {
    const entry = this.#touch(key);
    return entry && { value: entry.value, stale: entry.expiresMs <= Date.now() };
  }

  /** @param ttlSeconds 0 is for ever. */
  set(key: string, value: V, ttlSeconds = 0): void {
    this.#entries.delete(key);
    this.#entries.set(key, {
      value,
      expiresMs: ttlSeconds > 0 ? Date.now() + ttlSeconds * 1000 : Number.POSITIVE_INFINITY,
    });
    if (this.#entries.size > this.capacity) this.#entries.delete(this.#entries.keys().next().value!);
  }

  delete(key: string): boolean {
    return this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
  }

  keys(): string[] {
    return [...this.#entries.keys()];
  }

  #touch(key: string): Entry<V> | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry;
  }
}
