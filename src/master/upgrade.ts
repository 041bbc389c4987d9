/**
 * SIGUSR2: a new executable takes over without a connection lost. It is born with the listening sockets, and both
 * masters serve until the operator sends SIGQUIT to the old one, or to the new one to go back.
 */
import { channelDescriptor, type Log } from "./contract.ts";
import { inheritVariable, type Listeners } from "./listeners.ts";
import type { PidFile } from "./pid.ts";

/** Was this process started by a master that it is to replace? */
export const takesOver = process.env[inheritVariable] !== undefined;
const formerMaster = takesOver ? process.ppid : undefined;

/** Does the master that started this one still run? */
export function formerMasterLives(): boolean {
  return formerMaster !== undefined && process.ppid === formerMaster;
}

export class Upgrade {
  #successor: Bun.Subprocess | undefined;

  constructor(
    private readonly selfArgv: string[],
    private readonly listeners: Listeners,
    private readonly log: Log,
  ) {}

  /** Does a new master run that this one started? */
  get underWay(): boolean {
    return this.#successor !== undefined;
  }

  /** Starts the new master. `pidFile` is named `.oldbin` until it has gone again. */
  start(pidFile: PidFile): void {
    if (this.underWay) return this.log("notice", "a new master runs already");
    if (formerMasterLives()) return this.log("notice", "the old master still runs: stop it first");
    const path = pidFile.file;
    const { places, fds } = this.listeners.handOver(channelDescriptor);
    try {
      pidFile.rename(`${path}.oldbin`);
      this.#successor = Bun.spawn({
        cmd: this.selfArgv,
        env: { ...process.env, [inheritVariable]: places },
        stdio: ["ignore", "inherit", "inherit", ...fds],
        onExit: (successor, code) => {
          this.log("notice", `new master process ${successor.pid} exited with code ${code}`);
          this.#successor = undefined;
          this.#takeBack(pidFile, path);
        },
      });
    } catch (error) {
      this.log("alert", `the new master did not start: ${(error as Error).message}`);
      return this.#takeBack(pidFile, path);
    }
    this.#successor.unref();
    this.log("notice", `start new master process ${this.#successor.pid}`);
  }

  #takeBack(pidFile: PidFile, path: string): void {
    try {
      if (pidFile.file !== path) pidFile.rename(path);
    } catch (error) {
      this.log("alert", `rename() "${pidFile.file}" to "${path}" failed (${(error as Error).message})`);
    }
  }
}
