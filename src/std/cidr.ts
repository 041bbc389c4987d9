import { isIPv4, isIPv6 } from "./ip.ts";
import { addressBytes } from "./address.ts";

/** A range of addresses: `192.0.2.0/24`, `2001:db8::/32`, or `unix:` for every UNIX-domain socket. */
export interface Cidr {
  readonly family: "inet" | "inet6" | "unix";
  /** 32-bit words of the network: one for IPv4, four for IPv6. */
  readonly network: readonly number[];
  readonly mask: readonly number[];
  /** The text had bits set behind the prefix; they are cleared here. */
  readonly hadHostBits: boolean;
}

const unixSockets: Cidr = { family: "unix", network: [], mask: [], hadHostBits: false };

/** Every address of each family, as `all` means them. */
export const everyAddress: readonly Cidr[] = [
  { family: "inet", network: [0], mask: [0], hadHostBits: false },
  { family: "inet6", network: [0, 0, 0, 0], mask: [0, 0, 0, 0], hadHostBits: false },
  unixSockets,
];

/** An address with or without `/prefix`; undefined for anything else. */
export function parseCidr(text: string): Cidr | undefined {
  if (text === "unix:") return unixSockets;
  const slash = text.indexOf("/");
  const address = slash < 0 ? text : text.slice(0, slash);
  const prefix = slash < 0 ? undefined : text.slice(slash + 1);
  const family = isIPv4(address) ? "inet" : isIPv6(address) && !address.includes("%") ? "inet6" : undefined;
  if (!family || (prefix !== undefined && !/^\d{1,3}$/.test(prefix))) return undefined;
  const words = addressWords(address)!;
  const bits = words.length * 32;
  const length = prefix === undefined ? bits : Number(prefix);
  if (length > bits) return undefined;
  const mask = words.map((_, i) => maskWord(length - i * 32));
  const network = words.map((word, i) => word & mask[i]!);
  return { family, network, mask, hadHostBits: words.some((word, i) => word !== network[i]) };
}

function maskWord(bits: number): number {
  return bits <= 0 ? 0 : bits >= 32 ? -1 : -1 << (32 - bits);
}

/** A numeric address as signed 32-bit words, one or four of them; undefined for what is none. */
export function addressWords(address: string): readonly number[] | undefined {
  const ipv4 = ipv4Word(address);
  if (ipv4 !== undefined) return [ipv4];
  if (!isIPv6(address) || address.includes("%")) return undefined;
  const bytes = addressBytes(address);
  const words: number[] = [];
  for (let i = 0; i < 16; i += 4)
    words.push(
      (bytes.charCodeAt(i) << 24) |
        (bytes.charCodeAt(i + 1) << 16) |
        (bytes.charCodeAt(i + 2) << 8) |
        bytes.charCodeAt(i + 3),
    );
  return words;
}

/** `192.0.2.1` as a signed 32-bit word; undefined for what is no such address. Makes no garbage. */
export function ipv4Word(address: string): number | undefined {
  const { length } = address;
  if (length < 7 || length > 15) return undefined;
  let word = 0;
  let part = -1;
  let parts = 0;
  for (let i = 0; i < length; i++) {
    const code = address.charCodeAt(i);
    if (code >= 48 && code <= 57) {
      part = (part < 0 ? 0 : part * 10) + code - 48;
      if (part > 255) return undefined;
    } else if (code === 46 && part >= 0 && parts < 3) {
      word = (word << 8) | part;
      part = -1;
      parts++;
    } else return undefined;
  }
  return parts === 3 && part >= 0 ? (word << 8) | part : undefined;
}

/** Ranges in the order they were added; the first that holds an address answers for it. */
export class CidrList<T> {
  readonly #inet: { readonly network: number; readonly mask: number; readonly value: T }[] = [];
  readonly #inet6: { readonly cidr: Cidr; readonly value: T }[] = [];
  readonly #unix: T[] = [];

  add(cidr: Cidr, value: T): void {
    if (cidr.family === "inet") this.#inet.push({ network: cidr.network[0]!, mask: cidr.mask[0]!, value });
    else if (cidr.family === "inet6") this.#inet6.push({ cidr, value });
    else this.#unix.push(value);
  }

  get size(): number {
    return this.#inet.length + this.#inet6.length + this.#unix.length;
  }

  /** @param address Numeric, or "unix:". An IPv4 address that came as an IPv6 one is looked up as IPv4. */
  find(address: string): T | undefined {
    const word = ipv4Word(address);
    if (word !== undefined) return this.#findInet(word);
    if (address.startsWith("unix:")) return this.#unix[0];
    const words = addressWords(address);
    if (!words) return undefined;
    if (words[0] === 0 && words[1] === 0 && words[2] === 0xffff) return this.#findInet(words[3]!);
    for (const { cidr, value } of this.#inet6)
      if (words.every((part, i) => (part & cidr.mask[i]!) === cidr.network[i])) return value;
    return undefined;
  }

  #findInet(word: number): T | undefined {
    for (const { network, mask, value } of this.#inet) if ((word & mask) === network) return value;
    return undefined;
  }
}
