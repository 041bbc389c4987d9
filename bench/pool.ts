import type { Subprocess } from "bun";
import type { FromWorker, Job, ToWorker, Delta } from "./protocol.ts";
import { BenchError, UsageError } from "./usage.ts";

/** How long a sending process may take from its start to its first word. */
const START_MS_MAX = 20_000;

interface Member {
  process: Subprocess;
  started: PromiseWithResolvers<void>;
  prepared: PromiseWithResolvers<string[]>;
  /** CPU cores used. */
  done: PromiseWithResolvers<number>;
}

/** The sending processes of one run: same program, one job each, one common start. */
export class Pool {
  readonly #members: Member[] = [];
  #onDelta: ((share: number, delta: Delta) => void) | undefined;

  /** @param command What starts one, such as `["/usr/bin/resty", "bench", "--worker"]`. */
  static async start(command: readonly string[], jobs: readonly Job[]): Promise<Pool> {
    const pool = new Pool();
    try {
      jobs.forEach((_, share) => pool.#spawn(command, share));
      await withTimeout(
        Promise.all(pool.#members.map((member) => member.started.promise)),
        START_MS_MAX,
        "a sending process did not start",
      );
      jobs.forEach((job, share) => pool.#send(share, { type: "job", job }));
    } catch (error) {
      pool.kill();
      throw error;
    }
    return pool;
  }

  #spawn(command: readonly string[], share: number): void {
    const started = Promise.withResolvers<void>();
    const prepared = Promise.withResolvers<string[]>();
    const done = Promise.withResolvers<number>();
    // Whoever waits first hears of a failure; the others need not be heard of.
    for (const one of [started, prepared, done]) one.promise.catch(() => {});
    const fail = (error: Error): void => {
      for (const one of [started, prepared, done]) one.reject(error);
    };
    const child = Bun.spawn([...command], {
      stdio: ["ignore", "inherit", "inherit"],
      serialization: "json",
      ipc: (message: FromWorker) => {
        switch (message.type) {
          case "ready":
            return started.resolve();
          case "prepared":
            return prepared.resolve(message.steps);
          case "delta":
            return this.#onDelta?.(share, message);
          case "done":
            return done.resolve(message.cpuCores);
          case "failed":
            return fail(message.usage ? new UsageError(message.message) : new BenchError(message.message));
        }
      },
      onExit: (_child, code, signal) =>
        fail(new BenchError(`a sending process ended early (${signal ?? `exit code ${code}`})`)),
    });
    this.#members.push({ process: child, started, prepared, done });
  }

  #send(share: number, message: ToWorker): void {
    try {
      this.#members[share]!.process.send(message);
    } catch {
      // It has ended; its onExit says so.
    }
  }

  /** @returns The names of the steps, once every process has made what its scenario needs. */
  async prepared(): Promise<string[]> {
    const names = await Promise.all(this.#members.map((member) => member.prepared.promise));
    return names[0]!;
  }

  /** @returns The CPU cores that each process used while it measured. */
  async run(onDelta: (share: number, delta: Delta) => void): Promise<number[]> {
    this.#onDelta = onDelta;
    // Far enough ahead that the last one hears of it in time.
    const startEpochMs = Date.now() + 50;
    this.#members.forEach((_, share) => this.#send(share, { type: "go", startEpochMs }));
    return await Promise.all(this.#members.map((member) => member.done.promise));
  }

  /** Ends the measured time now. */
  stop(): void {
    this.#members.forEach((_, share) => this.#send(share, { type: "stop" }));
  }

  kill(): void {
    for (const { process: child } of this.#members) child.kill("SIGKILL");
  }

  async ended(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.process.exited));
  }
}

async function withTimeout<T>(promise: Promise<T>, ms: number, problem: string): Promise<T> {
  let timer: Timer | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new BenchError(`${problem} in ${ms / 1000} s`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
