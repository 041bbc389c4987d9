/**
 * What the master and its workers say to each other. All of it is plain data: it crosses Bun's IPC ("advanced"
 * serialisation). File descriptors travel beside it, over a unix socket that a worker is born with; see channel.ts.
 */

import type { LogLevel } from "../core/log.ts";
import type { ListenSpec } from "../core/plan.ts";

export type { ListenSpec, TcpKeepalive } from "../core/plan.ts";

/** Writes one line to the error log; the writer adds time, level and process id. */
export type Log = (level: LogLevel, message: string) => void;

/** Where a worker finds its end of the channel: the first descriptor behind standard error. */
export const channelDescriptor = 3;

/** Whom workers run as. */
export interface ProcessUser {
  name: string;
  uid: number;
  gid: number;
  /** Supplementary groups; without it, those the system lists for `name`. */
  groups?: number[];
}

/** What the process side needs to know of a configuration. Paths are absolute. */
export interface MasterSettings {
  prefix: string;
  pidFile: string;
  /** At least 1. */
  workerProcesses: number;
  daemon: boolean;
  /** `master_process off` still has a master, with one worker: a client sees no difference. */
  masterProcess: boolean;
  user?: ProcessUser;
  /** `worker_rlimit_nofile`; without it the limit is only raised when `workerConnections` needs it. */
  rlimitNofile?: number;
  /** Bytes. */
  rlimitCore?: number;
  workerConnections: number;
  /** Nice value, -20 to 20. */
  priority?: number;
  /** One list of CPU numbers per worker, the last for all further ones; "auto" gives each worker one CPU. */
  cpuAffinity?: "auto" | number[][];
  /** How long a graceful stop may take; 0 is for ever. */
  shutdownTimeoutMs: number;
  /** A worker that answers nothing for so long is killed and replaced; 0 or nothing turns this off. */
  workerStallTimeoutMs?: number;
  /** The whole environment of the workers. */
  env: Record<string, string>;
  listens: ListenSpec[];
  /** A file that is "stderr" is standard error. */
  errorLog: { file: string; level: LogLevel }[];
  /** All files that somebody will log to: made, and given to `user`, by the master. */
  logFiles: string[];
}

/** One loaded configuration, as a worker gets it. */
export interface GenerationMessage {
  type: "generation";
  /** Counts from 1. */
  number: number;
  settings: MasterSettings;
  /** Made by the master's `load`; whoever compiles it in the worker knows what it is. */
  snapshot: unknown;
  /** Every address of the generation; `passed` says that its descriptor is on its way over the channel. */
  listens: { spec: ListenSpec; passed: boolean }[];
}

export type MasterMessage =
  | { type: "start"; slot: number; masterPid: number; settings: MasterSettings }
  | GenerationMessage
  /** All workers have prepared generation `number`: serve it. */
  | { type: "activate"; number: number }
  /** Some worker could not: forget it. */
  | { type: "discard"; number: number }
  /** Finish what is in work, at most for `timeoutMs` (0: for ever), and exit. */
  | { type: "quit"; timeoutMs: number }
  | { type: "terminate" }
  | { type: "reopen" }
  | { type: "ping" };

export type WorkerMessage =
  /** The worker listens to the IPC channel. */
  | { type: "up" }
  | { type: "prepared"; number: number }
  | { type: "ready"; number: number }
  | { type: "failed"; number: number; text: string }
  | { type: "drained" }
  | { type: "pong" }
  /** Asks for a successor, after which it is told to quit: too much memory, for instance. */
  | { type: "renew" }
  | { type: "log"; level: LogLevel; message: string };

/** An address as a worker has it. */
export interface WorkerListener {
  spec: ListenSpec;
  /** The listening socket, open until `stopListening`; null where the worker binds it itself. */
  fd: number | null;
}

/** A generation that a worker has compiled and does not serve yet. */
export interface PreparedGeneration {
  /** Serves it from now on: opens new listeners, stops removed ones. */
  activate(): void | Promise<void>;
  /** It will not be served: let go of what was built for it. */
  discard?(): void;
}

/** What `load` answers; `text` is shown and logged as it is. */
export type LoadResult = { ok: true; settings: MasterSettings; snapshot: unknown } | { ok: false; text: string };
