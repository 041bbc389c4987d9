/** Is this the compiled executable, rather than `bun src/main.ts`? */
export const isExecutable = Bun.main.startsWith("/$bunfs/") || Bun.main.startsWith("B:/~BUN/");

/** The command that runs this program again with `args`. */
export function selfArgv(...args: string[]): string[] {
  return isExecutable ? [process.execPath, ...args] : [process.execPath, Bun.main, ...args];
}

/** The hidden verb by which the master starts its workers. */
export const workerVerb = "--resty-worker";

export function workerArgv(): string[] {
  return selfArgv(workerVerb);
}
