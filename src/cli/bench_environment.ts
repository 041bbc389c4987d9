import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { OwnServer } from "../../bench/run.ts";
import { BenchError } from "../../bench/usage.ts";
import { unpack } from "./embedded.ts";
import { isExecutable, selfArgv } from "./self.ts";

/** Tells `bench` that it is one of its own sending processes. */
export const workerFlag = "--worker";

const START_MS_MAX = 15_000;
const STOP_MS_MAX = 5000;

/** `bench/main.ts` is the bench alone, and takes no verb. */
const isAlone = !isExecutable && Bun.main.endsWith("/bench/main.ts");

export function workerCommand(): string[] {
  return isAlone ? selfArgv(workerFlag) : selfArgv("bench", workerFlag);
}

/** Starts this program's server as it is shipped, but for its port, in a folder of its own that goes with it. */
export async function startOwnServer(): Promise<OwnServer> {
  if (isAlone) throw new BenchError("bench/main.ts has no server of its own: give a URL");
  const folder = mkdtempSync(join(tmpdir(), "resty-bench-"));
  const url = `http://127.0.0.1:${freePort()}`;
  unpack(folder);
  mkdirSync(join(folder, "logs"));
  listenAt(join(folder, "conf"), url);
  const child = Bun.spawn(selfArgv("serve", join(folder, "conf")), {
    stdio: ["ignore", "ignore", "pipe"],
    // A session of its own: Ctrl-C is for the bench, which still has answers to wait for.
    detached: true,
  });
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    const late = setTimeout(() => child.kill("SIGKILL"), STOP_MS_MAX);
    await child.exited;
    clearTimeout(late);
    rmSync(folder, { recursive: true, force: true });
  };
  const deadlineMs = performance.now() + START_MS_MAX;
  while (!(await answers(url))) {
    if (child.exitCode === null && performance.now() < deadlineMs) {
      await Bun.sleep(10);
      continue;
    }
    await stop();
    const said = (await new Response(child.stderr).text()).trim();
    throw new BenchError(`its own server did not start${said === "" ? "" : `:\n${said}`}`);
  }
  return { url, stop };
}

/** Has the shipped configuration listen at `url` instead. */
function listenAt(conf: string, url: string): void {
  let changed = 0;
  for (const name of readdirSync(conf, { recursive: true, encoding: "utf8" })) {
    if (!name.endsWith(".conf")) continue;
    const file = join(conf, name);
    const text = readFileSync(file, "utf8").replace(/^(\s*listen\s+)127\.0\.0\.1:\d+/gm, (_, directive: string) => {
      changed++;
      return directive + new URL(url).host;
    });
    writeFileSync(file, text);
  }
  if (changed !== 1) throw new BenchError(`the configuration inside listens at ${changed} addresses, not at one`);
}

function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
}

async function answers(url: string): Promise<boolean> {
  try {
    await (await fetch(url)).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}
