/** Starts the stand-in master in a folder of its own and watches it from outside. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ListenSpec } from "../../../src/master/contract.ts";
import type { StandinFile } from "./standin.ts";

/** What a stand-in worker answers. */
export interface Answer {
  pid: number;
  slot: number;
  name: string;
  uid: number;
  gid: number;
  groups: number[];
  mark?: string;
}

/** A port of 127.0.0.1 that nobody uses at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as { port: number };
  await new Promise((closed) => server.close(closed));
  return port;
}

export function inet(port: number): ListenSpec {
  const address = "127.0.0.1";
  return { key: `${address}:${port}`, family: "inet", address, port, backlog: 511, ipv6only: true, reuseport: false };
}

export function unix(path: string): ListenSpec {
  const key = `unix:${path}`;
  return { key, family: "unix", address: path, port: 0, backlog: 511, ipv6only: true, reuseport: false };
}

/** Waits for `check` to give something true. @throws Error, naming `what`, after 10 s. */
export async function until<T>(
  what: string,
  check: () => T | Promise<T>,
): Promise<Exclude<T, false | 0 | "" | null | undefined | void>> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    const value = await check();
    if (value) return value as Exclude<T, false | 0 | "" | null | undefined | void>;
    if (performance.now() > deadline) throw new Error(`waited 10 s for ${what}`);
    await Bun.sleep(10);
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A zombie is still there for kill().
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "latin1"));
  } catch {
    return false;
  }
}

export interface StartOptions {
  /** Whether to wait until the pid file is there; false for a start that is to fail. */
  wait?: boolean;
  /** Another file to run than standin.ts. */
  standin?: string;
  /** Folder of an earlier master. */
  folder?: string;
  /** Descriptors it is born with, from 3 on. */
  inherit?: number[];
  /** Started through a shell that changes things first, as `exec 2>&-`. */
  shell?: string;
  env?: Record<string, string>;
}

export class RunningMaster implements AsyncDisposable {
  constructor(
    readonly folder: string,
    readonly process: Bun.Subprocess<"ignore", "ignore", "pipe">,
    public settings: StandinFile,
    private readonly ownsFolder: boolean,
  ) {}

  get port(): number {
    return this.settings.listens[0]!.port;
  }

  get pid(): number {
    return this.process.pid;
  }

  get pidFile(): string {
    return this.settings.pidFile;
  }

  log(): string {
    try {
      return readFileSync(this.settings.logFiles[0]!, "utf8");
    } catch {
      return "";
    }
  }

  logged(line: string | RegExp): Promise<true> {
    const found = () => (typeof line === "string" ? this.log().includes(line) : line.test(this.log()));
    return until(`${line} in the log:\n${this.log()}`, found) as Promise<true>;
  }

  kill(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal);
  }

  async get(path = "/", port = this.port): Promise<Answer> {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: "close" } });
    return (await response.json()) as Answer;
  }

  /** The process that answers in each slot. */
  workers(): Promise<Answer[]> {
    const bySlot = new Map<number, Answer>();
    return until("an answer from each slot", async () => {
      const answer = await this.get();
      bySlot.set(answer.slot, answer);
      if (bySlot.size < this.settings.workerProcesses) return undefined;
      return [...bySlot.values()].sort((a, b) => a.slot - b.slot);
    });
  }

  write(change: Partial<StandinFile>): void {
    this.settings = { ...this.settings, ...change };
    writeFileSync(settingsFile(this.folder), JSON.stringify(this.settings));
  }

  /** Changes the settings, sends SIGHUP and waits until the master is done with it. */
  async reload(change: Partial<StandinFile> | string): Promise<void> {
    const lines = () => this.log().match(/generation \d+ serves|\[emerg\]/g)?.length ?? 0;
    const before = lines();
    if (typeof change === "string") writeFileSync(settingsFile(this.folder), change);
    else this.write(change);
    this.kill("SIGHUP");
    await until(`the end of the reload:\n${this.log()}`, () => lines() > before);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      this.kill("SIGTERM");
      await this.process.exited;
    }
    if (this.ownsFolder) rmSync(this.folder, { recursive: true, force: true });
  }
}

function settingsFile(folder: string): string {
  return join(folder, "settings.json");
}

export async function start(change: Partial<StandinFile> = {}, options: StartOptions = {}): Promise<RunningMaster> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), "resty-master-"));
  const settings: StandinFile = {
    prefix: `${folder}/`,
    pidFile: join(folder, "resty.pid"),
    workerProcesses: 2,
    daemon: false,
    masterProcess: true,
    workerConnections: 512,
    shutdownTimeoutMs: 0,
    env: {},
    listens: change.listens ?? [inet(await freePort())],
    errorLog: [],
    logFiles: [join(folder, "error.log")],
    behaviour: { name: "one" },
    ...change,
  };
  writeFileSync(settingsFile(folder), JSON.stringify(settings));
  const standin = join(import.meta.dir, options.standin ?? "standin.ts");
  const argv = [process.execPath, standin, settingsFile(folder)];
  const child = Bun.spawn({
    cmd: options.shell ? ["sh", "-c", `${options.shell}; exec "$@"`, "sh", ...argv] : argv,
    stdio: ["ignore", "ignore", "pipe", ...(options.inherit ?? [])],
    env: { ...(process.env as Record<string, string>), ...options.env },
  });
  const master = new RunningMaster(folder, child, settings, options.folder === undefined);
  if (options.wait === false) return master;
  await until(`the pid file; log:\n${master.log()}`, async () => {
    if (child.exitCode !== null) throw new Error(`exited: ${await new Response(child.stderr).text()}${master.log()}`);
    try {
      return readFileSync(settings.pidFile, "utf8") === `${child.pid}\n`;
    } catch {
      return false;
    }
  });
  return master;
}

/** For a start that is to fail: its exit code and what it said. */
export async function startFailing(
  change: Partial<StandinFile>,
  options: StartOptions = {},
): Promise<{ code: number; said: string; log: string }> {
  await using master = await start(change, { ...options, wait: false });
  const said = await new Response(master.process.stderr).text();
  return { code: await master.process.exited, said, log: master.log() };
}

/** A connection that says what came back over it. */
export async function connect(port: number) {
  let received = "";
  const closed = Promise.withResolvers<string>();
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      data(_socket, data) {
        received += data.toString();
      },
      close: () => closed.resolve(received),
      error: () => closed.resolve(received),
    },
  });
  return { socket, closed: closed.promise };
}

/** Asks over new connections, several at once, until stopped; counts what was answered and what was not. */
export function load(port: number, atOnce = 16) {
  const counts = { answered: 0, lost: 0 };
  let stopping = false;
  const request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  const client = async () => {
    while (!stopping) {
      try {
        const { socket, closed } = await connect(port);
        socket.write(request);
        if ((await closed).includes("200 OK")) counts.answered++;
        else counts.lost++;
      } catch {
        counts.lost++;
      }
    }
  };
  const clients = Array.from({ length: atOnce }, client);
  return {
    counts,
    async stop() {
      stopping = true;
      await Promise.all(clients);
      return counts;
    },
  };
}
