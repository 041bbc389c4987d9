import { readFileSync } from "node:fs";
import { join } from "node:path";
import { calls, callsBytes, describeCalls } from "../ngx/calls.ts";
import { createReserved, mapShared, whileOpening, zoneDirectory } from "../shm/file.ts";

const pathOf = (masterPid: number, slot: number): string => join(zoneDirectory(), `resty-${masterPid}-calls-${slot}`);

/** For a worker that is watched: notes what its scripts are doing, for a master that has to end it unheard. */
export function shareCalls(masterPid: number, slot: number): void {
  const path = pathOf(masterPid, slot);
  whileOpening(path, undefined, () => createReserved(path, callsBytes, () => undefined));
  calls.share(mapShared(path));
}

/** For a master: what the worker of a slot was doing, to stand behind the line that says that it is killed. */
export function callsOf(slot: number): string {
  try {
    const said = describeCalls(readFileSync(pathOf(process.pid, slot)));
    return said === "" ? "" : `: ${said}`;
  } catch {
    return ""; // the watchdog was not on when that worker was started
  }
}
