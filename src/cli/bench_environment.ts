import { basename } from "node:path";
import { BenchError } from "../../bench/usage.ts";
import type { OwnServer } from "../../bench/run.ts";

/** Is this the compiled executable? Its modules then live in a file system of Bun's own. */
function isCompiled(): boolean {
  return Bun.main.startsWith("/$bunfs/") || Bun.main.startsWith("B:/~BUN/");
}

/** What starts this program again with a verb: the executable, or Bun with the entry file. */
export function selfCommand(verb: string): string[] {
  return isCompiled() ? [process.execPath, verb] : [process.execPath, Bun.main, verb];
}

/** `bench/main.ts` is the bench alone, and takes no verb. */
export function workerCommand(): string[] {
  const alone = !isCompiled() && basename(Bun.main) === "main.ts" && Bun.main.endsWith("/bench/main.ts");
  return alone ? [process.execPath, Bun.main, "--worker"] : [...selfCommand("bench"), "--worker"];
}

export async function startOwnServer(): Promise<OwnServer> {
  throw new BenchError("give the URL of a server to test");
}
