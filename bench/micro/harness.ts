/** One thing to time. A file `*.bench.ts` exports an array of these; its head says which question they answer. */
export interface Micro {
  name: string;
  /** Does it `times` times, and makes its inputs before the first. */
  run(times: number): void;
}

const RUNS = 7;
const RUN_MS = 200;

/** @returns Nanoseconds for one time: the median of seven runs of a fifth of a second, warmed up before. */
export function timeMicro(micro: Micro): { medianNs: number; lowestNs: number } {
  const timed = (times: number): number => {
    const beganMs = performance.now();
    micro.run(times);
    return performance.now() - beganMs;
  };
  let times = 1;
  // Grows until a run is long enough to time, which also lets the compiler settle.
  for (let ms = timed(times); ms < RUN_MS; ms = timed(times)) {
    times = ms < 10 ? times * 4 : Math.ceil((times * RUN_MS * 1.1) / ms);
  }
  const runs = Array.from({ length: RUNS }, () => (timed(times) * 1e6) / times).sort((a, b) => a - b);
  return { medianNs: runs[RUNS >> 1]!, lowestNs: runs[0]! };
}

/** All micro benchmarks of this folder, by file. */
export async function loadMicros(): Promise<Map<string, readonly Micro[]>> {
  const files = new Map<string, readonly Micro[]>();
  for (const file of [...new Bun.Glob("*.bench.ts").scanSync(import.meta.dir)].sort()) {
    const loaded = (await import(`./${file}`)) as { default?: unknown };
    if (Array.isArray(loaded.default)) files.set(file, loaded.default as Micro[]);
  }
  return files;
}
