/** The worker's side of what the master and it say to each other. */
import { compileAsUsual } from "../std/jit.ts";
import { hasLibc } from "../std/libc.ts";
import { closeDescriptor, receiveDescriptors, setCloseOnExec } from "../std/posix_socket.ts";
import {
  channelDescriptor,
  type GenerationMessage,
  type Log,
  type MasterMessage,
  type MasterSettings,
  type PreparedGeneration,
  type WorkerListener,
  type WorkerMessage,
} from "./contract.ts";
import { becomeWorker, dieWithMaster } from "./limits.ts";

/** How long the last words may take, as flushing logs, when the worker has to go at once. */
const lastWordsMs = 500;

/** One configuration to compile, with the sockets to serve it on. */
export interface WorkerGeneration {
  /** Counts from 1. */
  number: number;
  /** Of this worker: 0 to `settings.workerProcesses` - 1. */
  slot: number;
  settings: MasterSettings;
  snapshot: unknown;
  /** All addresses; one that the generation before had too is the same object. */
  listeners: WorkerListener[];
}

/** What whoever serves requests does when the master says so. */
export interface WorkerHooks {
  /** Before the user changes: the place to open what only root may. */
  onStart?(slot: number, settings: MasterSettings): void | Promise<void>;
  /**
   * Compiles a generation and serves nothing of it yet. What it throws is reported by the master, and the worker goes
   * on with the generation it has.
   */
  onGeneration(generation: WorkerGeneration): PreparedGeneration | Promise<PreparedGeneration>;
  /**
   * Gives up all listeners (`stopListening`) and resolves when the last request has ended. The process exits then, or
   * after `timeoutMs` (0: never).
   */
  onQuit(timeoutMs: number): void | Promise<void>;
  /** Last words before the process exits, however it came to that: flush logs. Has 500 ms. */
  onTerminate?(): void | Promise<void>;
  /** Open log files again. */
  onReopen(): void;
}

/** What a worker can ask of its master. */
export interface WorkerControl {
  /** A successor: when that serves, this worker is told to quit. For one that has come to need too much memory. */
  renew(): void;
  /** A line in the master's error log. */
  log: Log;
}

/**
 * Makes this process a worker, from now until it exits, which this sees to itself. To be called once, at the start, in
 * a process that a master spawned; in another one it exits with 1.
 */
export function runWorker(hooks: WorkerHooks): WorkerControl {
  if (process.send === undefined) {
    process.stderr.write("resty: [emerg] a worker process is started by its master only\n");
    process.exit(1);
  }
  const worker = new Worker(hooks);
  worker.listen();
  return worker;
}

/** A generation between "prepared" and "activate". */
interface Candidate {
  number: number;
  prepared: PreparedGeneration;
  listeners: Map<string, WorkerListener>;
  settings: MasterSettings;
}

class Worker implements WorkerControl {
  readonly log: Log = (level, message) => this.#send({ type: "log", level, message });
  #slot = 0;
  #settings: MasterSettings | undefined;
  #listeners = new Map<string, WorkerListener>();
  #candidate: Candidate | undefined;
  /** What the master asked for is done one after the other. */
  #tasks = Promise.resolve();
  #quitting = false;
  #exiting = false;

  constructor(private readonly hooks: WorkerHooks) {}

  renew(): void {
    this.#send({ type: "renew" });
  }

  listen(): void {
    if (hasLibc) setCloseOnExec(channelDescriptor, true);
    process.on("message", (message) => this.#receive(message as MasterMessage));
    process.on("disconnect", () => void this.#exit());
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => void this.#exit());
    process.on("SIGQUIT", () => this.#quit(this.#settings?.shutdownTimeoutMs ?? 0));
    process.on("SIGUSR1", () => this.hooks.onReopen());
    // A terminal sends these to all processes of the group; they are the master's business.
    for (const signal of ["SIGHUP", "SIGWINCH", "SIGUSR2", "SIGPIPE"] as const) process.on(signal, () => {});
    this.#send({ type: "up" });
  }

  #receive(message: MasterMessage): void {
    switch (message.type) {
      case "start":
        return this.#queue(0, () => this.#start(message.slot, message.masterPid, message.settings));
      case "generation":
        return this.#queue(message.number, () => this.#prepare(message));
      case "activate":
        return this.#queue(message.number, () => this.#activate(message.number));
      case "discard":
        return this.#queue(message.number, async () => this.#discard(message.number));
      case "quit":
        return this.#quit(message.timeoutMs);
      case "terminate":
        return void this.#exit();
      case "reopen":
        return this.hooks.onReopen();
      case "ping":
        return this.#send({ type: "pong" });
    }
  }

  #queue(number: number, task: () => Promise<void>): void {
    this.#tasks = this.#tasks.then(task).catch((error: unknown) => {
      this.#send({ type: "failed", number, text: error instanceof Error ? error.message : String(error) });
    });
  }

  async #start(slot: number, masterPid: number, settings: MasterSettings): Promise<void> {
    this.#slot = slot;
    this.#settings = settings;
    await this.hooks.onStart?.(slot, settings);
    becomeWorker(settings, slot, this.log);
    if (!dieWithMaster(masterPid)) await this.#exit();
  }

  async #prepare({ number, settings, snapshot, listens }: GenerationMessage): Promise<void> {
    this.#discard();
    const passedCount = listens.filter(({ passed }) => passed).length;
    const fds = passedCount === 0 ? [] : receiveDescriptors(channelDescriptor, passedCount);
    const listeners = new Map<string, WorkerListener>();
    for (const { spec, passed } of listens) {
      // Without a socket of the master's, only one process can have the path.
      if (!hasLibc && spec.family === "unix" && this.#slot > 0) continue;
      const known = this.#listeners.get(spec.key);
      listeners.set(spec.key, known && !passed ? known : { spec, fd: passed ? fds.shift()! : null });
    }
    const generation = { number, slot: this.#slot, settings, snapshot, listeners: [...listeners.values()] };
    try {
      const prepared = await this.hooks.onGeneration(generation);
      this.#candidate = { number, prepared, listeners, settings };
    } catch (error) {
      this.#closeNew(listeners);
      throw error;
    }
    this.#send({ type: "prepared", number });
  }

  async #activate(number: number): Promise<void> {
    const candidate = this.#candidate;
    if (candidate?.number !== number) throw new Error(`generation ${number} was not prepared`);
    this.#candidate = undefined;
    this.#listeners = candidate.listeners;
    this.#settings = candidate.settings;
    await candidate.prepared.activate();
    this.#send({ type: "ready", number });
    compileAsUsual();
  }

  #discard(number = this.#candidate?.number): void {
    if (this.#candidate === undefined || this.#candidate.number !== number) return;
    this.#candidate.prepared.discard?.();
    this.#closeNew(this.#candidate.listeners);
    this.#candidate = undefined;
  }

  #closeNew(listeners: Map<string, WorkerListener>): void {
    for (const [key, listener] of listeners)
      if (listener.fd !== null && this.#listeners.get(key) !== listener) closeDescriptor(listener.fd);
  }

  #quit(timeoutMs: number): void {
    if (this.#quitting) return;
    this.#quitting = true;
    if (timeoutMs > 0) setTimeout(() => void this.#exit(), timeoutMs);
    this.#queue(0, async () => {
      try {
        await this.hooks.onQuit(timeoutMs);
      } finally {
        this.#send({ type: "drained" });
        await this.#exit();
      }
    });
  }

  async #exit(): Promise<void> {
    if (this.#exiting) return;
    this.#exiting = true;
    setTimeout(() => process.exit(0), lastWordsMs);
    try {
      await this.hooks.onTerminate?.();
    } finally {
      process.exit(0);
    }
  }

  #send(message: WorkerMessage): void {
    try {
      process.send!(message);
    } catch {
      return; // the master has gone, and "disconnect" is about to say so
    }
  }
}
