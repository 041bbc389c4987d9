const days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const months = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];

const pad = (value: number, width = 2, fill = "0"): string => String(value).padStart(width, fill);

/** C's strftime() in the C locale; what it does not know stays as it is. */
export function strftime(format: string, date: Date, utc: boolean): string {
  // Shifted so that the UTC getters read the zone's own time.
  const minutes = utc ? 0 : -date.getTimezoneOffset();
  const at = new Date(date.getTime() + minutes * 60_000);
  return format.replace(/%([EO]?)([A-Za-z%])/g, (whole, _modifier: string, letter: string) => {
    const field = fields[letter];
    if (field) return field(at, date, minutes, utc);
    const longer = composed[letter];
    return longer === undefined ? whole : strftime(longer, date, utc);
  });
}

const composed: Readonly<Record<string, string>> = {
  c: "%a %b %e %H:%M:%S %Y",
  D: "%m/%d/%y",
  F: "%Y-%m-%d",
  r: "%I:%M:%S %p",
  R: "%H:%M",
  T: "%H:%M:%S",
  x: "%m/%d/%y",
  X: "%H:%M:%S",
};

type Field = (at: Date, date: Date, zoneMinutes: number, utc: boolean) => string;

const fields: Readonly<Record<string, Field>> = {
  a: (at) => days[at.getUTCDay()]!.slice(0, 3),
  A: (at) => days[at.getUTCDay()]!,
  b: (at) => months[at.getUTCMonth()]!.slice(0, 3),
  h: (at) => months[at.getUTCMonth()]!.slice(0, 3),
  B: (at) => months[at.getUTCMonth()]!,
  C: (at) => pad(Math.floor(at.getUTCFullYear() / 100)),
  d: (at) => pad(at.getUTCDate()),
  e: (at) => pad(at.getUTCDate(), 2, " "),
  H: (at) => pad(at.getUTCHours()),
  I: (at) => pad(at.getUTCHours() % 12 || 12),
  j: (at) => pad(dayOfYear(at) + 1, 3),
  k: (at) => pad(at.getUTCHours(), 2, " "),
  l: (at) => pad(at.getUTCHours() % 12 || 12, 2, " "),
  m: (at) => pad(at.getUTCMonth() + 1),
  M: (at) => pad(at.getUTCMinutes()),
  n: () => "\n",
  p: (at) => (at.getUTCHours() < 12 ? "AM" : "PM"),
  P: (at) => (at.getUTCHours() < 12 ? "am" : "pm"),
  s: (_at, date) => String(Math.floor(date.getTime() / 1000)),
  S: (at) => pad(at.getUTCSeconds()),
  t: () => "\t",
  u: (at) => String(at.getUTCDay() || 7),
  U: (at) => pad(Math.floor((dayOfYear(at) + 7 - at.getUTCDay()) / 7)),
  w: (at) => String(at.getUTCDay()),
  W: (at) => pad(Math.floor((dayOfYear(at) + 7 - ((at.getUTCDay() + 6) % 7)) / 7)),
  G: (at) => String(isoWeek(at).year),
  g: (at) => pad(isoWeek(at).year % 100),
  V: (at) => pad(isoWeek(at).week),
  y: (at) => pad(at.getUTCFullYear() % 100),
  Y: (at) => String(at.getUTCFullYear()),
  z: (_at, _date, minutes) =>
    `${minutes < 0 ? "-" : "+"}${pad(Math.floor(Math.abs(minutes) / 60))}${pad(Math.abs(minutes) % 60)}`,
  Z: (_at, date, _minutes, utc) => (utc ? "GMT" : zoneName(date)),
  "%": () => "%",
};

function dayOfYear(at: Date): number {
  return Math.floor((at.getTime() - Date.UTC(at.getUTCFullYear(), 0, 1)) / 86_400_000);
}

/** ISO 8601: the week belongs to the year that its Thursday is in. */
function isoWeek(at: Date): { year: number; week: number } {
  const thursday = new Date(at.getTime() + (4 - (at.getUTCDay() || 7)) * 86_400_000);
  return { year: thursday.getUTCFullYear(), week: Math.floor(dayOfYear(thursday) / 7) + 1 };
}

function zoneName(date: Date): string {
  const parts = new Intl.DateTimeFormat("en-US", { timeZoneName: "short" }).formatToParts(date);
  return parts.find(({ type }) => type === "timeZoneName")?.value ?? "";
}
