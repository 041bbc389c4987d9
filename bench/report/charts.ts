/** A range of values laid along a range of pixels. */
export interface Scale {
  at(value: number): number;
  ticks: number[];
  low: number;
  high: number;
}

/** From 0, to the next round number above `highest`. */
export function linearScale(highest: number, from: number, to: number, wantedTicks = 5): Scale {
  const step = niceStep(Math.max(highest, 1e-9) / wantedTicks);
  const high = Math.max(step, Math.ceil(highest / step - 1e-9) * step);
  const ticks: number[] = [];
  for (let i = 0; i * step <= high * 1.0001; i++) ticks.push(i * step);
  return { at: (value) => from + (value / high) * (to - from), ticks, low: 0, high };
}

/** From 0 to exactly `highest`: for time, which ends where it ends. */
export function exactScale(highest: number, from: number, to: number, wantedTicks = 8): Scale {
  const step = niceStep(highest / wantedTicks);
  const ticks = Array.from({ length: Math.floor(highest / step + 1e-9) + 1 }, (_, i) => i * step);
  return { at: (value) => from + (value / highest) * (to - from), ticks, low: 0, high: highest };
}

/** Decades, with 2 and 5 between them when there are few. */
export function logScale(lowest: number, highest: number, from: number, to: number): Scale {
  const low = lowest > 0 ? lowest : 0.001;
  const high = highest > low ? highest : low * 10;
  const span = Math.log10(high / low);
  const ticks: number[] = [];
  const between = span < 1.5 ? [1, 2, 3, 5, 7] : span < 3 ? [1, 2, 5] : [1];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    for (const digit of between) {
      const tick = digit * 10 ** power;
      if (tick >= low * 0.999 && tick <= high * 1.001) ticks.push(tick);
    }
  }
  return { at: (value) => from + (Math.log10(Math.max(value, low) / low) / span) * (to - from), ticks, low, high };
}

function niceStep(rough: number): number {
  const unit = 10 ** Math.floor(Math.log10(rough));
  const ratio = rough / unit;
  return (ratio <= 1 ? 1 : ratio <= 2 ? 2 : ratio <= 2.5 ? 2.5 : ratio <= 5 ? 5 : 10) * unit;
}

export interface Series {
  name: string;
  /** One of the page's colours: "c1" to "c5", or "bad". */
  colour: string;
  points: readonly (readonly [x: number, y: number])[];
  filled?: boolean;
}

export interface Chart {
  title: string;
  /** Read by those who cannot see it. */
  description: string;
  series: readonly Series[];
  x: Scale;
  y: Scale;
  formatX(value: number): string;
  formatY(value: number): string;
  /** For the axes, where `formatX` and `formatY` would be too exact. */
  tickX?(value: number): string;
  tickY?(value: number): string;
  xLabel: string;
  /** Shaded parts of the x axis, with what they are. */
  bands?: readonly { from: number; to: number; name: string }[];
  bars?: boolean;
}

export const WIDTH = 640;
export const HEIGHT = 260;
/** Where the axes stand. */
export const PLOT = { left: 62, right: WIDTH - 14, top: 14, bottom: HEIGHT - 40 };

/** One chart as a figure with inline SVG; the points ride along as data for the page's pointer read-out. */
export function drawChart(chart: Chart): string {
  const { x, y, series } = chart;
  const tickX = chart.tickX ?? chart.formatX;
  const tickY = chart.tickY ?? chart.formatY;
  const parts: string[] = [];
  for (const band of chart.bands ?? []) {
    const left = x.at(band.from);
    const width = x.at(band.to) - left;
    if (width <= 0) continue;
    parts.push(
      `<rect class="band" x="${n(left)}" y="${PLOT.top}" width="${n(width)}" height="${PLOT.bottom - PLOT.top}"/>`,
      width > 46
        ? `<text class="band-name" x="${n(left + width / 2)}" y="${PLOT.top + 12}">${escape(band.name)}</text>`
        : "",
    );
  }
  for (const tick of y.ticks) {
    const at = n(y.at(tick));
    parts.push(
      `<line class="grid" x1="${PLOT.left}" x2="${PLOT.right}" y1="${at}" y2="${at}"/>`,
      `<text class="y" x="${PLOT.left - 8}" y="${at}">${escape(tickY(tick))}</text>`,
    );
  }
  for (const tick of x.ticks) {
    parts.push(`<text class="x" x="${n(x.at(tick))}" y="${PLOT.bottom + 16}">${escape(tickX(tick))}</text>`);
  }
  parts.push(
    `<text class="label" x="${(PLOT.left + PLOT.right) / 2}" y="${HEIGHT - 6}">${escape(chart.xLabel)}</text>`,
  );
  for (const one of series) parts.push(chart.bars ? drawBars(one, chart) : drawLine(one, chart));
  parts.push(`<line class="axis" x1="${PLOT.left}" x2="${PLOT.right}" y1="${PLOT.bottom}" y2="${PLOT.bottom}"/>`);
  parts.push(`<line class="cursor" y1="${PLOT.top}" y2="${PLOT.bottom}" x1="-9" x2="-9"/>`);
  const legend =
    series.length > 1
      ? `<ul class="legend">${series.map((one) => `<li class="${one.colour}">${escape(one.name)}</li>`).join("")}</ul>`
      : "";
  const data = series.map((one) => ({
    name: one.name,
    points: one.points.map(([px, py]) => [round(x.at(px)), chart.formatX(px), chart.formatY(py)]),
  }));
  return (
    `<figure><figcaption>${escape(chart.title)}</figcaption>${legend}` +
    `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escape(chart.description)}" ` +
    `data-points="${escape(JSON.stringify(data))}">${parts.join("")}</svg></figure>`
  );
}

function drawLine(series: Series, chart: Chart): string {
  if (series.points.length === 0) return "";
  const path = series.points
    .map(([px, py], i) => `${i === 0 ? "M" : "L"}${n(chart.x.at(px))} ${n(chart.y.at(py))}`)
    .join("");
  if (series.points.length === 1) {
    const [px, py] = series.points[0]!;
    return `<circle class="dot ${series.colour}" cx="${n(chart.x.at(px))}" cy="${n(chart.y.at(py))}" r="3"/>`;
  }
  const first = n(chart.x.at(series.points[0]![0]));
  const last = n(chart.x.at(series.points.at(-1)![0]));
  const area = series.filled
    ? `<path class="area ${series.colour}" d="${path}L${last} ${PLOT.bottom}L${first} ${PLOT.bottom}Z"/>`
    : "";
  return `${area}<path class="line ${series.colour}" d="${path}"/>`;
}

function drawBars(series: Series, chart: Chart): string {
  const { points } = series;
  return points
    .map(([px, py], i) => {
      if (py <= 0) return "";
      const left = chart.x.at(px);
      const right = i + 1 < points.length ? chart.x.at(points[i + 1]![0]) : PLOT.right;
      // A bucket that holds anything can be seen: the tail is what one looks for.
      const top = Math.min(chart.y.at(py), PLOT.bottom - 1.5);
      const width = Math.max(0.5, right - left - 1);
      const size = `width="${n(width)}" height="${n(PLOT.bottom - top)}"`;
      return `<rect class="bar ${series.colour}" x="${n(left)}" y="${n(top)}" ${size}/>`;
    })
    .join("");
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function n(value: number): string {
  return String(round(value));
}

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

export function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}
