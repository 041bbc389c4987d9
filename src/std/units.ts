// Values with units, read as nginx reads them. Each gives undefined for what is no such value; the directive's own
// message says so, for it is the directive that knows what it wanted.

/** nginx counts in signed 64-bit integers. Beyond 2^53 a number here is no longer exact, which no such value misses. */
const integerMax = 2 ** 63 - 1;

/** Digits only: no sign, no blank, no fraction. */
export function parseInteger(text: string): number | undefined {
  if (!/^[0-9]+$/.test(text)) return undefined;
  const value = Number(text);
  return value < integerMax ? value : undefined;
}

/** A number of bytes, or of `k` or `m` of them, in either case: `1k`, `8M`. No `g`: that only an offset can have. */
export function parseSize(text: string): number | undefined {
  return scaled(text, { k: 1024, m: 1024 ** 2 });
}

/** A position or length within a file: as a size, and in `g` too. */
export function parseOffset(text: string): number | undefined {
  return scaled(text, { k: 1024, m: 1024 ** 2, g: 1024 ** 3 });
}

function scaled(text: string, units: Record<string, number>): number | undefined {
  const scale = units[text.slice(-1).toLowerCase()];
  const value = parseInteger(scale === undefined ? text : text.slice(0, -1));
  if (value === undefined) return undefined;
  const bytes = value * (scale ?? 1);
  return bytes < integerMax ? bytes : undefined;
}

/** In the order they have to be written in: a unit may follow only a larger one. */
const timeUnits = ["y", "M", "w", "d", "h", "m", "s", "ms"] as const;
const unitMs: Record<(typeof timeUnits)[number], number> = {
  y: 365 * 86_400_000,
  M: 30 * 86_400_000,
  w: 7 * 86_400_000,
  d: 86_400_000,
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
};

/** `1h30m`, `500ms`, `1m 30s`; a number alone is seconds. Years and months are not for times this fine. */
export function parseTimeMs(text: string): number | undefined {
  return time(text, "w", "ms");
}

/** `1y`, `1h30m`, `1w 2d`; a number alone is seconds, and there are no milliseconds. */
export function parseTimeSeconds(text: string): number | undefined {
  const ms = time(text, "y", "s");
  return ms === undefined ? undefined : ms / 1000;
}

function time(text: string, largest: keyof typeof unitMs, smallest: keyof typeof unitMs): number | undefined {
  if (!/^[0-9]/.test(text)) return undefined;
  let totalMs = 0;
  let allowed = timeUnits.indexOf(largest);
  const last = timeUnits.indexOf(smallest);
  const part = /([0-9]+)(ms|[yMwdhms]|(?= |$)) */y;
  while (part.lastIndex < text.length) {
    const match = part.exec(text);
    if (!match) return undefined;
    const bare = match[2] === "";
    const unit = timeUnits.indexOf((match[2] || "s") as (typeof timeUnits)[number]);
    // nginx adds a number that ends the text as seconds, whatever unit came before it.
    const closing = bare && part.lastIndex === text.length && !text.endsWith(" ");
    if (!closing && (unit < allowed || unit > last)) return undefined;
    totalMs += Number(match[1]) * unitMs[timeUnits[unit]!];
    if (totalMs >= (smallest === "ms" ? integerMax : integerMax * 1000)) return undefined;
    // Nothing follows a number without a unit.
    allowed = bare ? timeUnits.length : unit + 1;
  }
  return totalMs;
}

/** `on` or `off`, in either case. */
export function parseFlag(text: string): boolean | undefined {
  const lower = text.toLowerCase();
  return lower === "on" ? true : lower === "off" ? false : undefined;
}
