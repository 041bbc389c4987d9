import type { ResponseHead } from "../../core/response_head.ts";
import { httpTime } from "../../std/clock.ts";
import { parseTimeSeconds } from "../../std/units.ts";

/** What an `expires` says, once its text is known. */
export type Expires =
  | { readonly kind: "off" | "epoch" | "max" }
  /** Seconds from now, or from the last modification. */
  | { readonly kind: "access" | "modified"; readonly seconds: number }
  /** At so many seconds after midnight, local time. */
  | { readonly kind: "daily"; readonly seconds: number };

const daySeconds = 24 * 60 * 60;

/** Reads the time of an `expires`; a string is what is wrong with it, in nginx's words. */
export function parseExpires(text: string, modified: boolean): Expires | string {
  if (!modified && (text === "epoch" || text === "max" || text === "off")) return { kind: text };
  if (text.startsWith("@")) {
    if (modified) return 'daily time cannot be used with "modified" parameter';
    const seconds = parseTimeSeconds(text.slice(1));
    if (seconds === undefined) return "invalid value";
    return seconds > daySeconds ? "daily time value must be less than 24 hours" : { kind: "daily", seconds };
  }
  const negative = text.startsWith("-");
  const seconds = parseTimeSeconds(negative || text.startsWith("+") ? text.slice(1) : text);
  if (seconds === undefined) return "invalid value";
  return { kind: modified ? "modified" : "access", seconds: negative ? -seconds : seconds };
}

/** Sets Expires and Cache-Control in place of those that are there. */
export function applyExpires(response: ResponseHead, expires: Expires, nowSeconds: number): void {
  if (expires.kind === "off") return;
  const [date, cacheControl] = fieldsOf(expires, response.lastModified, nowSeconds);
  response.headers.set("Expires", date);
  response.headers.set("Cache-Control", cacheControl);
}

function fieldsOf(
  expires: Exclude<Expires, { kind: "off" }> | { kind: "epoch" | "max" | "off" },
  lastModified: number,
  nowSeconds: number,
): [date: string, cacheControl: string] {
  if (!("seconds" in expires)) {
    return expires.kind === "max"
      ? ["Thu, 31 Dec 2037 23:55:55 GMT", "max-age=315360000"]
      : ["Thu, 01 Jan 1970 00:00:01 GMT", "no-cache"];
  }
  if (expires.seconds === 0 && expires.kind !== "daily") return [httpTime(nowSeconds), "max-age=0"];
  const at = expiryTime(expires.kind, expires.seconds, lastModified, nowSeconds);
  const maxAge = at - nowSeconds;
  return [httpTime(at), expires.seconds < 0 || maxAge < 0 ? "no-cache" : `max-age=${maxAge}`];
}

function expiryTime(kind: "access" | "modified" | "daily", seconds: number, lastModified: number, now: number): number {
  if (kind === "daily") return nextTimeOfDay(seconds, now);
  return seconds + (kind === "modified" && lastModified >= 0 ? lastModified : now);
}

/** The next moment that is so many seconds after a local midnight. */
function nextTimeOfDay(seconds: number, nowSeconds: number): number {
  const date = new Date(nowSeconds * 1000);
  date.setHours(0, 0, seconds, 0);
  if (date.getTime() <= nowSeconds * 1000) date.setDate(date.getDate() + 1);
  return date.getTime() / 1000;
}
