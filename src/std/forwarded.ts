import { isIPv4, isIPv6 } from "./ip.ts";
import type { CidrList } from "./cidr.ts";

/** An address with the port that was written behind it; 0 without one. */
export interface AddressPort {
  readonly address: string;
  readonly port: number;
}

/** `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`, `unix:…`; undefined for anything else. */
export function parseAddressPort(text: string): AddressPort | undefined {
  if (isIPv4(text)) return { address: text, port: 0 };
  if (text.startsWith("unix:")) return { address: "unix:", port: 0 };
  const bracketed = /^\[([^\]]*)\](?::(\d{1,5}))?$/.exec(text);
  const plain = bracketed ? undefined : /^([\d.]+):(\d{1,5})$/.exec(text);
  const [, host, portText] = bracketed ?? plain ?? [undefined, text, undefined];
  const port = Number(portText ?? 0);
  if (port > 65_535 || (portText !== undefined && port === 0)) return undefined;
  if (plain) return isIPv4(host!) ? { address: host!, port } : undefined;
  return isIPv6(host!) && !host!.includes("%") ? { address: canonicalIpv6(host!), port } : undefined;
}

/** As the C library prints it: lower case, the longest run of zeros left out, an IPv4 address in its own form. */
export function canonicalIpv6(address: string): string {
  const short = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]+):([0-9a-f]+)$/.exec(short);
  if (!mapped) return short;
  const [high, low] = [Number.parseInt(mapped[1]!, 16), Number.parseInt(mapped[2]!, 16)];
  return `::ffff:${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}

/**
 * The client that a chain of proxies reports: from the right, each address is believed as long as the one that
 * reported it is trusted.
 * @param from Who sent the request.
 * @param lines The header's values in their order, each with one or more addresses.
 * @param recursive Go on to the last address that is not trusted, instead of taking the rightmost one.
 * @returns undefined when `from` is not trusted or reports nothing that is an address
 */
export function forwardedAddress(
  from: string,
  lines: readonly string[],
  trusted: CidrList<boolean>,
  recursive: boolean,
): AddressPort | undefined {
  let found: AddressPort | undefined;
  for (let i = lines.length - 1; i >= 0; i--)
    for (const text of lines[i]!.split(/[ ,]+/).filter(Boolean).reverse()) {
      if (!trusted.find(found?.address ?? from)) return found;
      const next = parseAddressPort(text);
      if (!next) return found;
      found = next;
      if (!recursive) return found;
    }
  return found;
}
