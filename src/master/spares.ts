/** Workers that are started before it is certain that they are wanted. */
import { hasLibc } from "../std/libc.ts";
import { resourceLimit } from "../std/posix.ts";
import { WorkerProcess } from "./spawn.ts";

/**
 * A worker takes longer to load the program than its master, once it has read the configuration's directives, takes to
 * make sense of them and to open what they name. So the first workers start meanwhile. They know nothing and do
 * nothing until one of the slots takes them, and go unseen if the configuration turns out to be bad.
 */
export class Spares {
  #waiting: WorkerProcess[] = [];
  /** What they were born with. */
  #inheritance = "";

  constructor(private readonly argv: () => string[]) {}

  /** Starts `count` of them. Whether a process can be started at all, those who need one will find out. */
  start(count: number, env: Record<string, string>): void {
    if (!hasLibc) return;
    this.#inheritance = inheritance(env);
    try {
      while (this.#waiting.length < count) this.#waiting.push(new WorkerProcess(this.argv(), env));
    } catch {
      return;
    }
  }

  /** One that lives and is no different from a worker that would be started now; undefined when there is none. */
  take(env: Record<string, string>): WorkerProcess | undefined {
    if (this.#waiting.length === 0 || inheritance(env) !== this.#inheritance) return undefined;
    const worker = this.#waiting.shift()!;
    return worker.isGone ? this.take(env) : worker;
  }

  /** Ends those that nobody took; resolves when they have gone. */
  async end(): Promise<void> {
    const left = this.#waiting.splice(0);
    for (const worker of left) worker.kill();
    await Promise.all(left.map(({ exited }) => exited));
  }
}

/** What a process has from its birth on: the master may have raised its limit since. */
function inheritance(env: Record<string, string>): string {
  const { soft, hard } = resourceLimit("nofile");
  return JSON.stringify([Object.entries(env).sort(), soft, hard]);
}
