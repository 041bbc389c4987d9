/** Limits, user, priority and the like: what the configuration says about processes and not about requests. */
import { chownSync, closeSync, openSync, statSync } from "node:fs";
import { setPriority } from "node:os";
import { describeErrno } from "../std/errno.ts";
import { hasLibc } from "../std/libc.ts";
import {
  cpuAffinity,
  resourceLimit,
  setCpuAffinity,
  setDumpable,
  setParentDeathSignal,
  setResourceLimit,
} from "../std/posix.ts";
import type { Log, MasterSettings, ProcessUser } from "./contract.ts";

const SIGKILL = 9;

/** Descriptors that a worker has open beside its connections: event loops, IPC, zones, temporary files. */
const descriptorsBeside = 64;

/** The settings as this platform can have them; what it lacks is said. */
export function withinPlatform(settings: MasterSettings, log: Log): MasterSettings {
  if (!settings.masterProcess) return { ...settings, workerProcesses: 1 };
  if (hasLibc || settings.workerProcesses === 1) return settings;
  if (process.platform === "win32") {
    log("warn", "on Windows two processes cannot listen on one address: one worker process is started");
    return { ...settings, workerProcesses: 1 };
  }
  log("notice", "only on Linux are connections spread evenly over worker processes");
  return settings;
}

/** Descriptors that `settings` can come to need in one worker. */
export function descriptorsNeeded(settings: MasterSettings): number {
  return settings.workerConnections + settings.listens.length + settings.logFiles.length + descriptorsBeside;
}

/**
 * Raises the limit of open files, which workers inherit, to what the settings ask or need. Bun itself has raised the
 * soft limit to the hard one already.
 */
export function raiseFileLimit(settings: MasterSettings, log: Log): void {
  if (!hasLibc) return;
  const wanted = settings.rlimitNofile ?? descriptorsNeeded(settings);
  const { hard } = resourceLimit("nofile");
  if (hard < wanted) {
    try {
      setResourceLimit("nofile", { soft: wanted, hard: wanted });
    } catch (error) {
      if (settings.rlimitNofile !== undefined)
        log("warn", `setrlimit(RLIMIT_NOFILE, ${wanted}) failed (${describeErrno(error)}), it stays at ${hard}`);
    }
  } else {
    setResourceLimit("nofile", { soft: hard, hard });
  }
  const limit = Math.min(resourceLimit("nofile").soft, settings.rlimitNofile ?? Infinity);
  if (limit < settings.workerConnections)
    log(
      "warn",
      `${settings.workerConnections} worker_connections exceed open file resource limit: ${limit}; ` +
        `raise it to ${descriptorsNeeded(settings)} with "ulimit -n" or LimitNOFILE= in the systemd unit`,
    );
}

/** Makes missing log files, and gives them to the user who will open them again. @throws Error in nginx's words */
export function prepareLogFiles(settings: MasterSettings): void {
  const owner = process.getuid?.() === 0 ? settings.user : undefined;
  for (const file of settings.logFiles) {
    try {
      // A device or a pipe is nobody's to give away, and opening a pipe would wait for its reader.
      if (statSync(file, { throwIfNoEntry: false })?.isFile() === false) continue;
      closeSync(openSync(file, "a", 0o644));
      if (owner) chownSync(file, owner.uid, -1);
    } catch (error) {
      throw new Error(`open() "${file}" failed (${describeErrno(error)})`, { cause: error });
    }
  }
}

/** What a living process cannot change any more; workers of other values have to be new ones. */
export function processIdentity(settings: MasterSettings): string {
  const { user, rlimitNofile, rlimitCore, priority, cpuAffinity: affinity, env } = settings;
  const limit = rlimitNofile ?? (hasLibc ? resourceLimit("nofile").hard : 0);
  return JSON.stringify([user, limit, rlimitCore, priority, affinity, Object.entries(env).sort()]);
}

/**
 * Makes this process the worker that the settings describe, ending with its user.
 * @throws Error in nginx's words; then it must not serve, as it could run with rights it should not have.
 */
export function becomeWorker(settings: MasterSettings, slot: number, log: Log): void {
  const attempt = (what: string, change: () => void) => {
    try {
      change();
    } catch (error) {
      const text = (error as Error).message;
      log("alert", text.includes("failed") ? text : `${what} failed (${describeErrno(error)})`);
    }
  };
  const { priority, rlimitNofile, rlimitCore, user } = settings;
  if (priority !== undefined && priority !== 0)
    attempt(`setpriority(${priority})`, () => setPriority(process.pid, priority));
  if (hasLibc) {
    const limit = (resource: "nofile" | "core", value: number | undefined) => {
      if (value !== undefined) attempt("setrlimit()", () => setResourceLimit(resource, { soft: value, hard: value }));
    };
    // Where the master could not raise the limit, it has said so.
    limit("nofile", rlimitNofile && Math.min(rlimitNofile, resourceLimit("nofile").hard));
    limit("core", rlimitCore);
    const cpus = cpusOf(settings, slot);
    if (cpus !== undefined) attempt("sched_setaffinity()", () => setCpuAffinity(cpus));
  }
  if (user !== undefined && process.getuid?.() === 0) dropPrivileges(user);
}

/** @throws Error in nginx's words. */
export function dropPrivileges(user: ProcessUser): void {
  const posix = process as unknown as { initgroups(user: string, gid: number): void }; // missing in @types/bun 1.4.5
  const step = (call: string, change: () => void) => {
    try {
      change();
    } catch (error) {
      throw new Error(`${call} failed (${describeErrno(error)})`, { cause: error });
    }
  };
  step(`setgid(${user.gid})`, () => process.setgid!(user.gid));
  if (user.groups) step(`setgroups()`, () => process.setgroups!(user.groups!));
  else step(`initgroups(${user.name}, ${user.gid})`, () => posix.initgroups(user.name, user.gid));
  step(`setuid(${user.uid})`, () => process.setuid!(user.uid));
  // Else /proc/self belongs to root, and the listening sockets' watchers could not be looked up there.
  if (hasLibc) setDumpable();
}

/**
 * Ties this worker's life to its master's, however that ends. To be called after the user has changed, which would
 * undo it.
 * @returns false when the master has gone already.
 */
export function dieWithMaster(masterPid: number): boolean {
  // SIGKILL, because a worker whose event loop is stuck would never see another one.
  if (hasLibc) setParentDeathSignal(SIGKILL);
  return process.ppid === masterPid;
}

function cpusOf({ cpuAffinity: affinity, workerProcesses }: MasterSettings, slot: number): number[] | undefined {
  if (affinity === undefined) return undefined;
  if (affinity !== "auto") return affinity[Math.min(slot, affinity.length - 1)];
  const cpus = cpuAffinity();
  return workerProcesses > 1 || cpus.length > 1 ? [cpus[slot % cpus.length]!] : undefined;
}
