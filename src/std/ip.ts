/** What node:net says of texts that may be addresses, without the 2 ms that loading it takes. */

const octet = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const dotted = new RegExp(`^${octet}(?:\\.${octet}){3}$`);
const zoned = /^(.*)%[\w.:-]+$/s;
const group = /^[\da-f]{1,4}$/i;

/** Four decimal numbers, none with a leading zero. */
export function isIPv4(text: string): boolean {
  return dotted.test(text);
}

/** In any spelling of RFC 4291, 2.2, with or without a zone. */
export function isIPv6(text: string): boolean {
  if (!text.includes(":")) return false;
  const [head, tail, ...more] = (zoned.exec(text)?.[1] ?? text).split("::") as [string, ...string[]];
  if (more.length > 0) return false;
  if (tail === undefined) return groupsOf(head, true) === 8;
  const before = groupsOf(head, false);
  const after = groupsOf(tail, true);
  return before + after < 8;
}

/** 4, 6, or 0 for what is no address. */
export function isIP(text: string): 0 | 4 | 6 {
  return isIPv4(text) ? 4 : isIPv6(text) ? 6 : 0;
}

/** How many groups the text stands for; NaN when something in it is none. The last two may be an IPv4 address. */
function groupsOf(text: string, atEnd: boolean): number {
  if (text === "") return 0;
  const groups = text.split(":");
  const last = groups.at(-1)!;
  const embedded = atEnd && isIPv4(last);
  if (embedded) groups.pop();
  return groups.every((word) => group.test(word)) ? groups.length + (embedded ? 2 : 0) : NaN;
}
