/** 1234567 → "1 234 567". */
export function groupDigits(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, " ");
}

/** Milliseconds with three significant digits and their unit: "0.382 ms", "12.4 ms", "1.25 s". */
export function formatMs(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(ms >= 10_000 ? 1 : 2)} s`;
  return `${significant(ms)} ms`;
}

/** The number alone, for columns whose head names the unit. */
export function significant(value: number): string {
  if (value >= 100) return value.toFixed(0);
  if (value >= 10) return value.toFixed(1);
  return value.toFixed(value >= 1 ? 2 : 3);
}

export function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  let value = bytes;
  for (; value >= 1000 && unit < units.length - 1; unit++) value /= 1000;
  return `${unit === 0 ? value.toFixed(0) : significant(value)} ${units[unit]}`;
}

/** 90000 → "1m30s", 500 → "0.5s". */
export function formatDuration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 60) return `${Number(seconds.toFixed(seconds < 10 ? 1 : 0))}s`;
  const rest = Math.round(seconds % 60);
  return `${Math.floor(seconds / 60)}m${rest > 0 ? `${rest}s` : ""}`;
}

export function formatShare(share: number): string {
  return `${(share * 100).toFixed(share > 0 && share < 0.001 ? 4 : 2)} %`;
}

export type Colour = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";

const CODES: Record<Colour, [number, number]> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
};

export type Paint = (colour: Colour, text: string) => string;

/** Colours for a terminal, nothing for a file. */
export function painter(enabled: boolean): Paint {
  if (!enabled) return (_, text) => text;
  return (colour, text) => `\x1b[${CODES[colour][0]}m${text}\x1b[${CODES[colour][1]}m`;
}

const ansi = /\x1b\[[0-9;]*m/g;

export function visibleLength(text: string): number {
  return text.replace(ansi, "").length;
}

/** Columns as wide as their widest cell; the first is set to the left, the others to the right. */
export function table(rows: readonly (readonly string[])[], gap = 2): string[] {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, visibleLength(cell))));
  return rows.map((row) =>
    row
      .map((cell, i) => {
        const padding = " ".repeat(widths[i]! - visibleLength(cell));
        return i === 0 ? cell + padding : padding + cell;
      })
      .join(" ".repeat(gap))
      .trimEnd(),
  );
}
