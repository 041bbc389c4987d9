import { decodeUtf8, encodeUtf8 } from "../std/bytestring.ts";

/** A value of an argument or header that came more than once is an array, in order. */
export type Repeated<T> = T | T[];
/** Arguments by name; one without "=" is true. */
export type Args = Record<string, Repeated<string | true>>;
/** What can be made into arguments: false, null and undefined leave a name out. */
export type ArgsInput = Record<string, ArgValue | readonly ArgValue[]>;
type ArgValue = string | number | boolean | bigint | null | undefined;

const plainText = /^[A-Za-z0-9\-._~!'()*]*$/;

/** Most arguments have nothing to decode, which one look tells. */
const undecoded = /[+%\x80-\uffff]/;

/** Decodes "%XX" and "+" of an argument into text; what is no escape stays as it is. */
export function unescapeText(bytes: string): string {
  if (!undecoded.test(bytes)) return bytes;
  let decoded = bytes.includes("+") ? bytes.replaceAll("+", " ") : bytes;
  if (decoded.includes("%"))
    decoded = decoded.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return decodeUtf8(decoded);
}

/**
 * Escapes text for a place in a URI: type 2 keeps only what `encodeURIComponent` keeps, type 0 also what separates the
 * parts of a URI.
 */
export function escapeText(text: string, type: 0 | 2 = 2): string {
  if (plainText.test(text)) return text;
  const kept = type === 2 ? /[^A-Za-z0-9\-._~!'()*]/g : /[^A-Za-z0-9\-._~!'()*:/?#[\]@$&+,;=]/g;
  return encodeUtf8(text).replace(kept, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`);
}

/**
 * Takes `a=1&b&a=2` apart.
 * @param max How many to take; 0 is all of them.
 * @returns With what remains untaken.
 * @see lua-nginx-module, ngx.req.get_uri_args
 */
export function decodeArgs(text: string, max = 100): { args: Args; truncated: boolean } {
  const args: Args = {};
  let count = 0;
  for (let start = 0; start < text.length;) {
    let end = text.indexOf("&", start);
    if (end < 0) end = text.length;
    const equals = text.indexOf("=", start);
    const hasValue = equals >= 0 && equals < end;
    const key = unescapeText(text.slice(start, hasValue ? equals : end));
    const value = hasValue ? unescapeText(text.slice(equals + 1, end)) : true;
    start = end + 1;
    if (key === "") continue;
    if (max > 0 && count === max) return { args, truncated: true };
    count++;
    append(args, key, value);
  }
  return { args, truncated: false };
}

/** Adds to a record that may hold `__proto__` as any other name. */
export function append<T>(record: Record<string, Repeated<T>>, key: string, value: T): void {
  if (!Object.hasOwn(record, key)) {
    if (key === "__proto__")
      Object.defineProperty(record, key, { value, writable: true, enumerable: true, configurable: true });
    else record[key] = value;
    return;
  }
  const before = record[key]!;
  if (Array.isArray(before)) before.push(value);
  else record[key] = [before, value];
}

/** The first value of a name, or undefined; true is "". */
export function firstOf(value: Repeated<string | true> | undefined): string | undefined {
  const first = Array.isArray(value) ? value[0] : value;
  return first === true ? "" : first;
}

/**
 * Joins arguments by "&", escaped.
 * @see lua-nginx-module, ngx.encode_args
 */
export function encodeArgs(args: ArgsInput): string {
  const pairs: string[] = [];
  for (const [name, value] of Object.entries(args))
    for (const one of Array.isArray(value) ? (value as readonly ArgValue[]) : [value as ArgValue]) {
      if (one === undefined || one === null || one === false) continue;
      if (typeof one === "object") throw new TypeError(`argument "${name}" is an object, not text or a number`);
      pairs.push(one === true ? escapeText(name) : `${escapeText(name)}=${escapeText(String(one))}`);
    }
  return pairs.join("&");
}
