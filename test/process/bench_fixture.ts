import { rmSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Socket } from "bun";
import type { Report } from "../../bench/report/report.ts";

/** The generator's own entry: what is tested is the bench, not the command line around it. */
export const benchEntry = join(import.meta.dir, "../../bench/main.ts");

export interface Finished {
  code: number;
  stdout: string;
  stderr: string;
  report: Report | undefined;
}

/** Arguments for a short run that leaves nothing out. */
export const brief = ["--ramp", "0", "--warmup", "0", "--duration", "500ms", "--connections", "4"];

/** A running bench; its report is read back from `--json`. */
export function startBench(args: readonly string[], wrap: readonly string[] = []) {
  const folder = mkdtempSync(join(tmpdir(), "resty-bench-"));
  const json = join(folder, "report.json");
  const child = Bun.spawn([...wrap, process.execPath, benchEntry, ...args, "--json", json], {
    stdout: "pipe",
    stderr: "pipe",
    stdin: "ignore",
  });
  const finished = (async (): Promise<Finished> => {
    const [stdout, stderr, code] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    const file = Bun.file(json);
    const report = (await file.exists()) ? ((await file.json()) as Report) : undefined;
    rmSync(folder, { recursive: true });
    return { code, stdout, stderr, report };
  })();
  return { child, finished };
}

export function bench(args: readonly string[], wrap: readonly string[] = []): Promise<Finished> {
  return startBench(args, wrap).finished;
}

export interface RawServer extends AsyncDisposable {
  url: string;
  connections: number;
  requests: number;
}

type Answer = (socket: Socket<{ served: number }>, request: number) => void;

/** A server that does with each request (or none, with `greet`) what it is told, well or badly. */
export function rawServer(answer: Answer, greet?: string): RawServer {
  const listener = Bun.listen<{ served: number }>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open(socket) {
        server.connections++;
        socket.data = { served: 0 };
        if (greet !== undefined) socket.write(greet);
      },
      data(socket, bytes) {
        // Requests have no bodies here: each blank line ends one.
        const ends = bytes.toString("latin1").split("\r\n\r\n").length - 1;
        for (let i = 0; i < ends; i++) {
          socket.data.served++;
          answer(socket, server.requests++);
        }
      },
      error() {},
    },
  });
  const server: RawServer = {
    url: `http://127.0.0.1:${listener.port}/`,
    connections: 0,
    requests: 0,
    async [Symbol.asyncDispose]() {
      listener.stop(true);
    },
  };
  return server;
}

export const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
