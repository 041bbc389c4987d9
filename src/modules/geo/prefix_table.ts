import { type Cidr, ipv4Word, addressWords } from "../../std/cidr.ts";

type Networks = Map<number | string, string>;

/** Values by network: the longest prefix that holds an address answers, at a look for each length that is in use. */
export class PrefixTable {
  /** Networks by the length of their prefix; an IPv6 network's key is its words. */
  readonly #inet: (Networks | undefined)[] = [];
  readonly #inet6: (Networks | undefined)[] = [];

  /** @returns what was there before. */
  set(cidr: Cidr, value: string): string | undefined {
    const side = cidr.family === "inet" ? this.#inet : this.#inet6;
    const length = prefixLength(cidr.mask);
    const networks = (side[length] ??= new Map());
    const key = keyOf(cidr.network);
    const before = networks.get(key);
    networks.set(key, value);
    return before;
  }

  /** @returns false when there was none. */
  delete(cidr: Cidr): boolean {
    const side = cidr.family === "inet" ? this.#inet : this.#inet6;
    return side[prefixLength(cidr.mask)]?.delete(keyOf(cidr.network)) ?? false;
  }

  /** @param address What is no IP address is looked up as 255.255.255.255, as nginx does. */
  find(address: string): string | undefined {
    const word = ipv4Word(address);
    if (word !== undefined) return this.#findInet(word);
    const words = addressWords(address);
    if (!words) return this.#findInet(-1);
    if (words[0] === 0 && words[1] === 0 && words[2] === 0xffff) return this.#findInet(words[3]!);
    for (let length = this.#inet6.length - 1; length >= 0; length--) {
      const networks = this.#inet6[length];
      if (!networks) continue;
      const found = networks.get(keyOf(words.map((part, i) => part & maskWord(length - i * 32))));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #findInet(word: number): string | undefined {
    for (let length = this.#inet.length - 1; length >= 0; length--) {
      const found = this.#inet[length]?.get(word & maskWord(length));
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

function maskWord(bits: number): number {
  return bits <= 0 ? 0 : bits >= 32 ? -1 : -1 << (32 - bits);
}

function prefixLength(mask: readonly number[]): number {
  return mask.reduce((sum, word) => sum + Math.clz32(~word), 0);
}

function keyOf(words: readonly number[]): number | string {
  return words.length === 1 ? words[0]! : words.join();
}
