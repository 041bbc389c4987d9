import { readFileSync } from "node:fs";
import { arch, cpus, hostname, release, totalmem, type } from "node:os";

export interface Machine {
  host: string;
  system: string;
  cpu: string;
  cores: number;
  memoryBytes: number;
  bun: string;
}

export function describeMachine(): Machine {
  const processors = cpus();
  return {
    host: hostname(),
    system: `${type()} ${release()} ${arch()}`,
    cpu: processors[0]?.model.trim() ?? "unknown",
    cores: processors.length,
    memoryBytes: totalmem(),
    bun: Bun.version,
  };
}

/** Ticks of all cores together since boot. */
export interface CpuTicks {
  busy: number;
  all: number;
}

/** @returns undefined off Linux. */
export function machineTicks(): CpuTicks | undefined {
  try {
    const line = readFileSync("/proc/stat", "utf8").split("\n", 1)[0]!;
    const ticks = line.trim().split(/\s+/).slice(1, 9).map(Number);
    const all = ticks.reduce((sum, part) => sum + part, 0);
    // idle and iowait are the fourth and the fifth.
    return { all, busy: all - ticks[3]! - ticks[4]! };
  } catch {
    return undefined;
  }
}

/** @returns 0 to 1, or -1 when unknown. */
export function busyShare(from: CpuTicks | undefined, to: CpuTicks | undefined): number {
  if (!from || !to || to.all <= from.all) return -1;
  return (to.busy - from.busy) / (to.all - from.all);
}
