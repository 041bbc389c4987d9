/** `-s`: finds the master by its pid file and signals it. */
import { constants } from "node:os";
import { describeErrno } from "../std/errno.ts";
import type { LogLevel } from "../core/log.ts";
import { processExists, readPid, runningPid } from "./pid.ts";

export type MasterSignal = "stop" | "quit" | "reload" | "reopen";

export const masterSignals: Record<MasterSignal, NodeJS.Signals> = {
  stop: "SIGTERM",
  quit: "SIGQUIT",
  reload: "SIGHUP",
  reopen: "SIGUSR1",
};

/** What happened, with nginx's words when it failed. */
export type SignalOutcome = { ok: true; pid: number } | { ok: false; level: LogLevel; text: string };

/** Signals the master that runs with `pidFile`. A number left behind by a dead one is never signalled. */
export function signalMaster(pidFile: string, signal: MasterSignal): SignalOutcome {
  let pid: number | undefined;
  try {
    pid = readPid(pidFile);
  } catch (error) {
    return { ok: false, level: "error", text: `open() "${pidFile}" failed (${describeErrno(error)})` };
  }
  if (pid === undefined) return { ok: false, level: "error", text: `invalid PID number in "${pidFile}"` };
  const name = masterSignals[signal];
  const failed = (error: unknown): SignalOutcome => ({
    ok: false,
    level: "alert",
    text: `kill(${pid}, ${constants.signals[name]}) failed (${describeErrno(error)})`,
  });
  if (!processExists(pid) || runningPid(pidFile) === undefined) return failed({ code: "ESRCH" });
  try {
    process.kill(pid, name);
  } catch (error) {
    return failed(error);
  }
  return { ok: true, pid };
}
