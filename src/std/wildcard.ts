/** Names with and without a wildcard: "www.example.com", "*.example.com", ".example.com", "www.example.*". */
export class WildcardMap<T> {
  readonly #exact = new Map<string, T>();
  /** `*.example.com` under ".example.com". */
  readonly #leading = new Map<string, T>();
  /** `www.example.*` under "www.example.". */
  readonly #trailing = new Map<string, T>();

  /**
   * @param name In lower case.
   * @returns false when the name was there already: the first one counts.
   * @throws RangeError for a wildcard that is neither the first nor the last label.
   */
  add(name: string, value: T): boolean {
    if (name.startsWith("*.")) return addOnce(this.#leading, name.slice(1), value);
    if (name.startsWith(".")) {
      const fresh = addOnce(this.#exact, name.slice(1), value);
      return addOnce(this.#leading, name, value) || fresh;
    }
    if (name.endsWith(".*")) return addOnce(this.#trailing, name.slice(0, -1), value);
    if (name.includes("*")) throw new RangeError(`invalid hostname or wildcard "${name}"`);
    return addOnce(this.#exact, name, value);
  }

  /** Exact name first, then the longest leading wildcard, then the longest trailing one. */
  find(name: string): T | undefined {
    const exact = this.#exact.get(name);
    if (exact !== undefined) return exact;
    if (this.#leading.size > 0)
      for (let dot = name.indexOf("."); dot >= 0; dot = name.indexOf(".", dot + 1)) {
        const found = dot > 0 ? this.#leading.get(name.slice(dot)) : undefined;
        if (found !== undefined) return found;
      }
    if (this.#trailing.size > 0)
      for (let dot = name.lastIndexOf("."); dot > 0; dot = name.lastIndexOf(".", dot - 1)) {
        const found = this.#trailing.get(name.slice(0, dot + 1));
        if (found !== undefined) return found;
      }
    return undefined;
  }

  get size(): number {
    return this.#exact.size + this.#leading.size + this.#trailing.size;
  }
}

function addOnce<T>(map: Map<string, T>, key: string, value: T): boolean {
  if (map.has(key)) return false;
  map.set(key, value);
  return true;
}
