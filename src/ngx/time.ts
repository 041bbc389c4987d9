import { everySecond, httpTime as format, localTimeText, parseHttpTime as parse, utcTimeText } from "../std/clock.ts";

// Working a local time out of a Date takes 0.85 us, a seventh of a small request; this way 0.16.
const localText = everySecond((nowMs) => localTimeText(new Date(nowMs)));
const utcText = everySecond((nowMs) => utcTimeText(new Date(nowMs)));

/** Seconds since 1970, with milliseconds. */
export function now(): number {
  return Date.now() / 1000;
}

/** Whole seconds since 1970. */
export function time(): number {
  return Math.floor(Date.now() / 1000);
}

/** Does nothing: the clock is never cached. */
export function updateTime(): void {}

/** `2006-01-02`, local. */
export function today(): string {
  return localText(Date.now()).slice(0, 10);
}

/** `2006-01-02 15:04:05`, local. */
export function localtime(): string {
  return localText(Date.now());
}

/** `2006-01-02 15:04:05`, UTC. */
export function utctime(): string {
  return utcText(Date.now());
}

/** `Sun, 06 Nov 1994 08:49:37 GMT` of seconds since 1970. */
export function httpTime(seconds: number): string {
  return format(Math.floor(seconds));
}

/** Seconds since 1970 of an HTTP date in any of its three forms; null for anything else. */
export function parseHttpTime(text: string): number | null {
  return parse(text) ?? null;
}

/** `Sun, 06-Nov-94 08:49:37 GMT` of seconds since 1970; four digits from 2038 on, as OpenResty and nginx do. */
export function cookieTime(seconds: number): string {
  const text = format(Math.floor(seconds));
  const year = seconds > 2_145_916_799 ? text.slice(12, 16) : text.slice(14, 16);
  return `${text.slice(0, 7)}-${text.slice(8, 11)}-${year}${text.slice(16)}`;
}
