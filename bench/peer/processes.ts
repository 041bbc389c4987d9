import { readdirSync, readFileSync } from "node:fs";
import type { Subprocess } from "bun";

/** Linux counts CPU time in these for every process, whatever the kernel's own tick. */
const TICKS_PER_SECOND = 100;

/** A server under test, or something it needs, with every process that belongs to it. */
export class Service {
  readonly name: string;
  readonly #command: readonly string[];
  readonly #url: string;
  #child: Subprocess<"ignore", "ignore", "pipe"> | undefined;

  /** @param url What tells that it is there: it answers, or for `redis://` takes a connection. */
  constructor(name: string, core: number, command: readonly string[], url: string) {
    this.name = name;
    this.#command = ["taskset", "-c", String(core), ...command];
    this.#url = url;
  }

  /** @throws Error with what it said when it does not answer. */
  async begin(): Promise<void> {
    const child = Bun.spawn([...this.#command], { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
    this.#child = child;
    const deadline = Date.now() + 10_000;
    while (!(await answers(this.#url))) {
      if (child.exitCode !== null || Date.now() > deadline) {
        child.kill("SIGKILL");
        const said = await new Response(child.stderr).text();
        throw new Error(`${this.name} does not answer at ${this.#url}: ${said.trim() || "it said nothing"}`);
      }
      await Bun.sleep(1);
    }
  }

  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name);
  }

  /** The process and all its descendants: the master and its workers. */
  pids(): number[] {
    const children = new Map<number, number[]>();
    for (const entry of readdirSync("/proc")) {
      const pid = Number(entry);
      const parent = Number.isInteger(pid) ? stat(pid)?.parent : undefined;
      if (parent === undefined) continue;
      const siblings = children.get(parent);
      if (siblings) siblings.push(pid);
      else children.set(parent, [pid]);
    }
    const found = this.#child ? [this.#child.pid] : [];
    for (let i = 0; i < found.length; i++) found.push(...(children.get(found[i]!) ?? []));
    return found;
  }

  /** User and system time of all its processes so far. */
  cpuSeconds(): number {
    return this.pids().reduce((sum, pid) => sum + (stat(pid)?.ticks ?? 0), 0) / TICKS_PER_SECOND;
  }

  /** The process that serves: the one that used the most CPU. */
  busiest(): number {
    return this.pids().reduce((best, pid) => ((stat(pid)?.ticks ?? 0) > (stat(best)?.ticks ?? 0) ? pid : best));
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (!child) return;
    this.#child = undefined;
    child.kill("SIGTERM");
    const late = setTimeout(() => child.kill("SIGKILL"), 5000);
    await child.exited;
    clearTimeout(late);
  }
}

/** Does anything answer? For `redis://`, does anything take a connection? */
export async function answers(url: string): Promise<boolean> {
  const { hostname, port, protocol } = new URL(url);
  try {
    if (protocol === "http:") {
      await (await fetch(url, { headers: { connection: "close" } })).arrayBuffer();
      return true;
    }
    const socket = await Bun.connect({ hostname, port: Number(port), socket: { data() {}, error() {} } });
    socket.end();
    return true;
  } catch {
    return false;
  }
}

function stat(pid: number): { parent: number; ticks: number } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name in parentheses may hold anything; the fields are counted from behind it, the state being the third.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) };
  } catch {
    return undefined;
  }
}

/** Resident memory in bytes: all of it, and what is not shared with other processes of the same program. */
export interface Memory {
  readonly resident: number;
  readonly own: number;
}

export function memory(pid: number): Memory {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const bytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)![1]) * 1024;
  return { resident: bytes("Rss"), own: bytes("Private_Clean") + bytes("Private_Dirty") };
}

/** A port of loopback that was free a moment ago. */
export function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
}
