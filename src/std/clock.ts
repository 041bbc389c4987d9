import { existsSync } from "node:fs";
import { hasLibc, libc } from "./libc.ts";

const days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const two = (value: number): string => (value < 10 ? `0${value}` : String(value));

/** `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, section 5.6.7) of seconds since the epoch. */
export function httpTime(seconds: number): string {
  const date = new Date(seconds * 1000);
  return (
    `${days[date.getUTCDay()]}, ${two(date.getUTCDate())} ${months[date.getUTCMonth()]} ${date.getUTCFullYear()} ` +
    `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())} GMT`
  );
}

const datesKeptMax = 1024;
const datesKept = new Map<number, string>();

/** As `httpTime`, for dates that come again and again, as those of files do: 25 ns in place of 250. */
export function recurringHttpTime(seconds: number): string {
  let text = datesKept.get(seconds);
  if (text === undefined) {
    if (datesKept.size >= datesKeptMax) datesKept.clear();
    datesKept.set(seconds, (text = httpTime(seconds)));
  }
  return text;
}

/** The three date forms of RFC 9110 to seconds since the epoch, or undefined. */
export function parseHttpTime(text: string): number | undefined {
  const match =
    /^[A-Za-z]{3}, (\d{2}) ([A-Za-z]{3}) (\d{4}) (\d{2}):(\d{2}):(\d{2})(?: GMT)?$/.exec(text) ??
    /^[A-Za-z]{6,9}, (\d{2})-([A-Za-z]{3})-(\d{2}) (\d{2}):(\d{2}):(\d{2})(?: GMT)?$/.exec(text);
  if (match) return timestamp(match[3]!, match[2]!, match[1]!, match[4]!, match[5]!, match[6]!);
  const asctime = /^[A-Za-z]{3} ([A-Za-z]{3}) ([ \d]\d) (\d{2}):(\d{2}):(\d{2}) (\d{4})$/.exec(text);
  if (!asctime) return undefined;
  return timestamp(asctime[6]!, asctime[1]!, asctime[2]!.trim(), asctime[3]!, asctime[4]!, asctime[5]!);
}

function timestamp(
  yearText: string,
  monthName: string,
  day: string,
  h: string,
  m: string,
  s: string,
): number | undefined {
  const month = months.indexOf(monthName);
  let year = Number(yearText);
  if (yearText.length === 2) year += year < 70 ? 2000 : 1900;
  if (month < 0 || Number(h) > 23 || Number(m) > 59 || Number(s) > 60) return undefined;
  const date = new Date(Date.UTC(year, month, Number(day), Number(h), Number(m), Number(s)));
  if (date.getUTCDate() !== Number(day) && Number(s) < 60) return undefined;
  return date.getTime() / 1000;
}

/** Containers often have a TZ and none of the files that explain it to the C library; the runtime has its own. */
const libcKnowsZone = hasLibc && (process.env.TZ === undefined || existsSync("/usr/share/zoneinfo"));

const secondAsked = new BigInt64Array(1);
/** C's `struct tm` of 64 bits, alike in glibc and musl; `tm_gmtoff` is its sixth word. */
const brokenDown = new BigInt64Array(8);

/**
 * How far the local time is ahead of UTC then. From the C library: the runtime asks ICU, which takes 5 ms to find the
 * zone when it is asked first, before the first line of a log (Bun 1.4.5).
 */
function offsetMs(timeMs: number): number {
  if (!libcKnowsZone) return new Date(timeMs).getTimezoneOffset() * -60_000;
  secondAsked[0] = BigInt(Math.floor(timeMs / 1000));
  libc().localtime_r(secondAsked, brokenDown);
  return Number(brokenDown[5]) * 1000;
}

/** Its UTC fields are the local ones of `date`. */
function shifted(date: Date): Date {
  return new Date(date.getTime() + offsetMs(date.getTime()));
}

const dayOf = (local: Date, sign: string): string =>
  `${local.getUTCFullYear()}${sign}${two(local.getUTCMonth() + 1)}${sign}${two(local.getUTCDate())}`;

const clockOf = (local: Date): string =>
  `${two(local.getUTCHours())}:${two(local.getUTCMinutes())}:${two(local.getUTCSeconds())}`;

/** `2006/01/02 15:04:05`, as the error log begins its lines. */
export function errorLogTime(date: Date): string {
  const local = shifted(date);
  return `${dayOf(local, "/")} ${clockOf(local)}`;
}

function zone(date: Date, colon: string): string {
  const minutes = Math.trunc(offsetMs(date.getTime()) / 60_000);
  const size = Math.abs(minutes);
  return `${minutes < 0 ? "-" : "+"}${two(Math.floor(size / 60))}${colon}${two(size % 60)}`;
}

/** `02/Jan/2006:15:04:05 +0000`, `$time_local`. */
export function localTime(date: Date): string {
  const local = shifted(date);
  const day = `${two(local.getUTCDate())}/${months[local.getUTCMonth()]}/${local.getUTCFullYear()}`;
  return `${day}:${clockOf(local)} ${zone(date, "")}`;
}

/** `2006-01-02T15:04:05+00:00`, `$time_iso8601`. */
export function isoTime(date: Date): string {
  const local = shifted(date);
  return `${dayOf(local, "-")}T${clockOf(local)}${zone(date, ":")}`;
}

/** `2006-01-02 15:04:05`, local. */
export function localTimeText(date: Date): string {
  const local = shifted(date);
  return `${dayOf(local, "-")} ${clockOf(local)}`;
}

/** `2006-01-02 15:04:05`, UTC. */
export function utcTimeText(date: Date): string {
  return date.toISOString().slice(0, 19).replace("T", " ");
}

/** `Nov  3 15:04:05`, local time, as RFC 3164 wants it. */
export function syslogTime(nowMs: number): string {
  const local = shifted(new Date(nowMs));
  return `${months[local.getUTCMonth()]} ${String(local.getUTCDate()).padStart(2)} ${clockOf(local)}`;
}

/** Calls `format` at most once a second and hands out its last result in between. */
export function everySecond<T>(format: (nowMs: number) => T): (nowMs: number) => T {
  let second = -1;
  let text: T;
  return (nowMs) => {
    const now = Math.floor(nowMs / 1000);
    if (now !== second) {
      second = now;
      text = format(nowMs);
    }
    return text;
  };
}

/** The Date header of now. */
export const dateHeader = everySecond((nowMs) => httpTime(Math.floor(nowMs / 1000)));
