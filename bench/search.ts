/** How near the held and the missed rate have to come. */
const PRECISION = 0.03;
const TRIALS_MAX = 12;

/**
 * The highest rate that `holds`, between 0 and `ceiling`, by halving.
 * @param holds One trial; undefined ends the search.
 * @returns The highest rate that held; 0 when none did.
 */
export async function searchRate(
  ceiling: number,
  holds: (rate: number) => Promise<boolean | undefined>,
): Promise<number> {
  let low = 0;
  let high = ceiling;
  // The answer is often near what the server can do at all, so the first try is high.
  let rate = ceiling * 0.6;
  for (let trial = 0; trial < TRIALS_MAX && high - low > high * PRECISION; trial++) {
    const rounded = Math.max(1, roundRate(rate));
    const held = await holds(rounded);
    if (held === undefined) break;
    if (held) low = rounded;
    else high = rounded;
    rate = (low + high) / 2;
  }
  return low;
}

/** Three digits: nobody wants to read 41 837.2. */
function roundRate(rate: number): number {
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(rate)) - 2);
  return Math.round(rate / unit) * unit;
}
