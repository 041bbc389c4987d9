/**
 * `daemon on`. fork() crashes Bun, so the process that was started starts another one, detached, and only waits to
 * hear how that came up.
 */
import { openSync } from "node:fs";
import { hasLibc } from "../std/libc.ts";
import { closeDescriptor, replaceDescriptor, sendDatagram, setCloseOnExec } from "../std/posix_socket.ts";
import type { Log, MasterSettings } from "./contract.ts";

const daemonVariable = "RESTY_DAEMON";

/** Is this the detached process? */
export function isDaemon(): boolean {
  return process.env[daemonVariable] !== undefined;
}

/** @returns The exit code of the process that was started: 0 as soon as the daemon serves. */
export async function becomeDaemon(argv: string[]): Promise<number> {
  const started = Promise.withResolvers<number>();
  const daemon = Bun.spawn({
    cmd: argv,
    env: { ...process.env, [daemonVariable]: "1" },
    detached: true,
    stdio: ["ignore", "ignore", "inherit"],
    serialization: "advanced",
    ipc: () => started.resolve(0),
    onExit: (_process, code) => started.resolve(code ?? 1),
  });
  const code = await started.promise;
  daemon.unref();
  return code;
}

/** Tells the process manager, where there is one (sd_notify, `Type=notify`). */
export function notifySystemd(state: string, log: Log): void {
  const path = process.env.NOTIFY_SOCKET;
  if (!hasLibc || path === undefined || path === "") return;
  try {
    sendDatagram(path, state);
  } catch (error) {
    log("warn", `systemd is not told "${state.replaceAll("\n", " ")}": ${(error as Error).message}`);
  }
}

/** Tells the process that waits in `becomeDaemon` that this one serves, and lets go of its terminal. */
export function leaveStarter(settings: MasterSettings): void {
  if (!isDaemon()) return;
  delete process.env[daemonVariable];
  process.on("disconnect", () => {}); // the starter exits now, and that is all right
  process.send?.("started");
  if (!hasLibc || settings.errorLog.some(({ file }) => file === "stderr")) return;
  const nothing = openSync("/dev/null", "r+");
  replaceDescriptor(nothing, 2);
  setCloseOnExec(2, false);
  closeDescriptor(nothing);
}
