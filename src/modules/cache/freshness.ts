import { parseHttpTime } from "../../std/clock.ts";

/** How long an answer may be used, by what its header says. Seconds. */
export interface Freshness {
  /** "no": it may not be stored; undefined: it says nothing. */
  validUntil: number | "no" | undefined;
  /** How much longer it may be given out while a new one is fetched. */
  staleWhileRevalidate: number;
  /** How much longer when a new one cannot be had. */
  staleIfError: number;
}

/** nginx takes more for "for ever", too: the largest lifetime of RFC 9111, section 1.2.2. */
const deltaMax = 0x7fffffff;

/**
 * What X-Accel-Expires, Cache-Control, Expires, Set-Cookie and Vary say, in this order of weight.
 * @param headers flat, as they came
 * @param ignored names in lower case that have no say
 * @see RFC 9111, section 5.2.2; RFC 5861
 */
export function freshness(headers: readonly string[], ignored: ReadonlySet<string>, nowSeconds: number): Freshness {
  const result: Freshness = { validUntil: undefined, staleWhileRevalidate: 0, staleIfError: 0 };
  let accel: string | undefined;
  let expires: string | undefined;
  let control = "";
  let isPrivate = false;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!.toLowerCase();
    if (ignored.has(name)) continue;
    const value = headers[i + 1]!;
    if (name === "x-accel-expires") accel ??= value;
    else if (name === "expires") expires ??= value;
    else if (name === "cache-control") control += `,${value}`;
    else if (name === "set-cookie" || (name === "vary" && value.trim() === "*")) isPrivate = true;
  }
  if (control !== "") readControl(control.toLowerCase(), nowSeconds, result);
  else if (expires !== undefined) {
    const at = parseHttpTime(expires);
    result.validUntil = at === undefined || at <= nowSeconds ? "no" : at;
  }
  if (accel !== undefined) result.validUntil = accelExpires(accel, nowSeconds) ?? result.validUntil;
  if (isPrivate) result.validUntil = "no";
  return result;
}

function readControl(control: string, nowSeconds: number, result: Freshness): void {
  const seconds = (name: string): number | undefined => {
    const match = new RegExp(`(?:^|[\\s,])${name}\\s*=\\s*"?(\\d+)`).exec(control);
    return match ? Math.min(Number(match[1]), deltaMax) : undefined;
  };
  result.staleWhileRevalidate = seconds("stale-while-revalidate") ?? 0;
  result.staleIfError = seconds("stale-if-error") ?? result.staleWhileRevalidate;
  if (/(?:^|[\s,])(?:no-cache|no-store|private)/.test(control)) {
    result.validUntil = "no";
    return;
  }
  const maxAge = seconds("s-maxage") ?? seconds("max-age");
  if (maxAge !== undefined) result.validUntil = maxAge === 0 ? "no" : nowSeconds + maxAge;
}

/** Seconds, or `@` and a moment; 0 is never. */
function accelExpires(value: string, nowSeconds: number): number | "no" | undefined {
  const match = /^(@?)(\d+)$/.exec(value.trim());
  if (!match) return undefined;
  const number = Math.min(Number(match[2]), match[1] ? Number.MAX_SAFE_INTEGER : deltaMax);
  if (match[1]) return number;
  return number === 0 ? "no" : nowSeconds + number;
}
