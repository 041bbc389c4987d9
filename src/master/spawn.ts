/**
 * One worker process, as the master sees it. Bun hands descriptors over only when it spawns; so that a reload can open
 * addresses in a living worker, each is born with a unix socket over which descriptors follow (SCM_RIGHTS: 24 µs).
 * A worker that bound its own SO_REUSEPORT socket instead would take the connections queued there with it when it dies.
 */
import type { Subprocess } from "bun";
import { hasLibc, SystemError } from "../std/libc.ts";
import { closeDescriptor, sendDescriptors, socketPair } from "../std/posix_socket.ts";
import type { GenerationMessage, Log, MasterMessage, MasterSettings, WorkerMessage } from "./contract.ts";
import { inheritVariable, type Listeners } from "./listeners.ts";

/** Modules that never finish loading must not hold a reload up for ever. */
const prepareTimeoutMs = 60_000;
/** A worker whose event loop has stood still for so long is not asked to prepare anything. */
const aliveTimeoutMs = 5_000;

/** Variables that would change what the executable is, or that speak of another process. */
const scrubbed = ["BUN_BE_BUN", "BUN_OPTIONS", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", inheritVariable];

/** How a process ended. */
export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** What came of asking a worker for something. */
export type Answer =
  | { outcome: "done" }
  /** `stuck`: there was no answer in time, and there is none to be expected. */
  | { outcome: "failed"; text: string; stuck?: true }
  | { outcome: "exited" };

/** One loaded configuration, numbered. */
export interface Generation {
  number: number;
  settings: MasterSettings;
  snapshot: unknown;
}

/** What a worker says unasked. */
export interface WorkerEvents {
  log: Log;
  renew(): void;
}

export class WorkerProcess {
  readonly exited: Promise<Exit>;
  /** What it was last told to serve. */
  generation: Generation | undefined;
  /** Activated a generation and was not asked to leave. */
  serving = false;
  /** Pings in a row that went unanswered. */
  missedPings = 0;
  /** It said that its last request has ended. */
  drained = false;
  readonly #process: Subprocess;
  /** Our end of the socket that descriptors go over; undefined where there is none, or no more. */
  #channel: number | undefined;
  /** Keys of the listening sockets it has. */
  #has = new Set<string>();
  readonly #waiting = new Map<string, (answer: Answer) => void>();
  readonly #up: Promise<Answer>;
  #over = false;
  #slot = 0;
  #events: WorkerEvents | undefined;

  /**
   * @param environment The whole of it.
   * @throws Error when no process can be started.
   */
  constructor(argv: string[], environment: Record<string, string>) {
    const pair = hasLibc ? socketPair() : undefined;
    const env = { ...environment };
    for (const name of scrubbed) delete env[name];
    // The collector takes mapped zones for memory of its own and lets as much garbage pile up: with 512 MB mapped, a
    // worker grew to 300 MB where 50 did, at the same cost in time (Bun 1.4.5). So it runs after every 32 MB.
    env.BUN_JSC_gcMaxHeapSize ??= String(32 * 2 ** 20);
    const ending = Promise.withResolvers<Exit>();
    this.exited = ending.promise;
    try {
      this.#process = Bun.spawn({
        cmd: sameExecutable(argv),
        argv0: "resty: worker process",
        env,
        stdio: ["ignore", "inherit", "inherit", ...(pair ? [pair[1]] : [])],
        serialization: "advanced",
        ipc: (message) => this.#receive(message as WorkerMessage),
        onExit: (_process, code, signal) => {
          this.#end();
          ending.resolve({ code, signal: signal as NodeJS.Signals | null });
        },
      });
    } catch (error) {
      if (pair) closeDescriptor(pair[0]);
      throw error;
    } finally {
      if (pair) closeDescriptor(pair[1]);
    }
    this.#channel = pair?.[0];
    this.#up = this.#answer("up");
  }

  get pid(): number {
    return this.#process.pid;
  }

  get slot(): number {
    return this.#slot;
  }

  get isGone(): boolean {
    return this.#over;
  }

  /** Waits until the worker can be spoken to, and tells it who it is. */
  async start(slot: number, settings: MasterSettings, events: WorkerEvents): Promise<Answer> {
    this.#slot = slot;
    this.#events = events;
    const answer = await this.#up;
    if (answer.outcome === "done") this.send({ type: "start", slot, masterPid: process.pid, settings });
    return answer;
  }

  /** Does its event loop still turn? */
  async isAlive(): Promise<boolean> {
    const answer = this.#answer("pong", aliveTimeoutMs);
    this.send({ type: "ping" });
    return (await answer).outcome === "done";
  }

  /** Has it compile a generation, and hands it the sockets it lacks. */
  async prepare(generation: Generation, listeners: Listeners): Promise<Answer> {
    const { number, settings, snapshot } = generation;
    const fds: number[] = [];
    const listens: GenerationMessage["listens"] = settings.listens.map((spec) => {
      const fd = this.#has.has(spec.key) ? null : listeners.descriptor(spec.key, this.slot);
      if (fd !== null) fds.push(fd);
      return { spec, passed: fd !== null };
    });
    try {
      if (this.#channel !== undefined) sendDescriptors(this.#channel, fds);
    } catch (error) {
      const broken = error instanceof SystemError && error.code === "EPIPE"; // it has gone, which we hear soon
      return broken ? { outcome: "exited" } : { outcome: "failed", text: (error as Error).message };
    }
    const answer = this.#answer(`prepared ${number}`, prepareTimeoutMs);
    this.send({ type: "generation", number, settings, snapshot, listens });
    return answer;
  }

  /** Has it serve what it prepared. */
  async activate(generation: Generation): Promise<Answer> {
    const { number, settings } = generation;
    this.generation = generation;
    const answer = this.#answer(`ready ${number}`, prepareTimeoutMs);
    this.send({ type: "activate", number });
    this.#has = new Set(settings.listens.map(({ key }) => key));
    return answer;
  }

  /** To a worker that has gone, nothing is said. */
  send(message: MasterMessage): void {
    if (this.#over) return;
    try {
      this.#process.send(message);
    } catch {
      return; // its end of the channel is closed: it is about to exit
    }
  }

  kill(): void {
    if (!this.#over) this.#process.kill("SIGKILL");
  }

  #answer(key: string, timeoutMs?: number): Promise<Answer> {
    if (this.#over) return Promise.resolve({ outcome: "exited" });
    const { promise, resolve } = Promise.withResolvers<Answer>();
    this.#waiting.set(key, resolve);
    if (timeoutMs === undefined) return promise;
    const text = `worker process ${this.pid} gave no answer for ${timeoutMs / 1000} s`;
    const timer = setTimeout(() => this.#settle(key, { outcome: "failed", text, stuck: true }), timeoutMs);
    return promise.finally(() => clearTimeout(timer));
  }

  #settle(key: string, answer: Answer): void {
    this.#waiting.get(key)?.(answer);
    this.#waiting.delete(key);
  }

  #receive(message: WorkerMessage): void {
    switch (message.type) {
      case "up":
        return this.#settle("up", { outcome: "done" });
      case "prepared":
      case "ready":
        return this.#settle(`${message.type} ${message.number}`, { outcome: "done" });
      case "failed":
        for (const key of [...this.#waiting.keys()]) this.#settle(key, { outcome: "failed", text: message.text });
        return;
      case "drained":
        this.drained = true;
        return;
      case "pong":
        this.missedPings = 0;
        return this.#settle("pong", { outcome: "done" });
      case "log":
        return this.#events?.log(message.level, message.message);
      case "renew":
        return this.#events?.renew();
    }
  }

  #end(): void {
    this.#over = true;
    this.serving = false;
    if (this.#channel !== undefined) closeDescriptor(this.#channel);
    this.#channel = undefined;
    for (const key of [...this.#waiting.keys()]) this.#settle(key, { outcome: "exited" });
  }
}

/**
 * A package manager may have put another version in our place. What it says to its master would differ, so workers
 * are made of the file that this process was made of, even if it has no name any more.
 */
function sameExecutable([program, ...args]: string[]): string[] {
  return [hasLibc && program === process.execPath ? "/proc/self/exe" : program!, ...args];
}
