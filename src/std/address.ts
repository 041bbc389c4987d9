/** The 4 bytes of an IPv4 address, the 16 of an IPv6 one, as a Latin-1 string; the text itself for anything else. */
export function addressBytes(address: string): string {
  if (address.includes(":")) return address.startsWith("unix:") ? address : ipv6Bytes(address);
  const parts = address.split(".");
  return parts.length === 4 ? String.fromCharCode(...parts.map(Number)) : address;
}

function ipv6Bytes(address: string): string {
  const [head = "", tail] = address.split("::");
  const groups = (text: string): number[] =>
    text === ""
      ? []
      : text.split(":").flatMap((group) => {
          if (!group.includes(".")) return [Number.parseInt(group, 16)];
          const [a, b, c, d] = group.split(".").map(Number) as [number, number, number, number];
          return [(a << 8) | b, (c << 8) | d];
        });
  const before = groups(head);
  const after = tail === undefined ? [] : groups(tail);
  const middle = new Array<number>(8 - before.length - after.length).fill(0);
  return String.fromCharCode(...[...before, ...middle, ...after].flatMap((group) => [group >> 8, group & 255]));
}

/** An IPv4 address that a socket of IPv6 was reached from, in its own form; any other as it is. */
export function plainAddress(address: string): string {
  return address.startsWith("::ffff:") ? address.slice("::ffff:".length) : address;
}
