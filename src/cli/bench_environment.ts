import { BenchError } from "../../bench/usage.ts";
import type { OwnServer } from "../../bench/run.ts";
import { isExecutable, selfArgv } from "./self.ts";

/** Tells `bench` that it is one of its own sending processes. */
export const workerFlag = "--worker";

export function workerCommand(): string[] {
  // bench/main.ts is the bench alone, and takes no verb.
  const alone = !isExecutable && Bun.main.endsWith("/bench/main.ts");
  return alone ? selfArgv(workerFlag) : selfArgv("bench", workerFlag);
}

export async function startOwnServer(): Promise<OwnServer> {
  throw new BenchError("give the URL of a server to test");
}
