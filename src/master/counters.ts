import { readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { counter, counters, countersPerWorker } from "../core/counters.ts";
import { openCounters } from "../shm/counters.ts";
import { zoneDirectory } from "../shm/file.ts";

/** As many as `worker_processes` can ask for: a reload may add workers, and the file keeps its size. */
const slots = 1024;
const fields = Object.keys(counter) as (keyof typeof counter)[];

function pathOf(masterPid: number): string {
  return join(zoneDirectory(), `resty-${masterPid}-counters`);
}

/** For a worker: counts from now on where all workers of its master see it. */
export function shareCounters(masterPid: number, slot: number): void {
  const shared = openCounters(pathOf(masterPid), slots, fields);
  // Whoever had this slot before is gone, and with it what it had open; its totals count on.
  shared.clear(slot, ["active", "reading", "writing"]);
  counters.own = shared.row(slot);
  const first = shared.row(0);
  counters.all = new Float64Array(first.buffer, first.byteOffset, slots * countersPerWorker);
}

/** For a master: before its workers start, and when they have ended. Takes along what killed masters left behind. */
export function removeCounters(masterPid: number): void {
  const folder = zoneDirectory();
  for (const file of readdirSync(folder)) {
    const owner = Number(/^resty-(\d+)-(?:counters|calls|memory)/.exec(file)?.[1]);
    if (owner === masterPid || (owner > 0 && isGone(owner))) removeOwn(join(folder, file));
  }
}

/** What another user's master left behind is that user's to remove. */
function removeOwn(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch (error) {
    if (statSync(path).uid === process.geteuid?.()) throw error;
  }
}

function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}
