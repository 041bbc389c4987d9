/** Is this the compiled executable, rather than `bun src/main.ts`? */
export const isExecutable = Bun.main.startsWith("/$bunfs/") || Bun.main.startsWith("B:/~BUN/");

/** Heads of requests may be this long; the runtime's own limit is 16 KiB, nginx's default 4 buffers of 8 KiB. */
export const headBytesMax = 64 * 1024;

/** The executable was built with these; the sources are run with them. */
export const runtimeArgv = [`--max-http-header-size=${headBytesMax}`];

/** The command that runs this program again with `args`. */
export function selfArgv(...args: string[]): string[] {
  return isExecutable ? [process.execPath, ...args] : [process.execPath, ...runtimeArgv, Bun.main, ...args];
}

/** The hidden verb by which the master starts its workers. */
export const workerVerb = "--resty-worker";

export function workerArgv(): string[] {
  return selfArgv(workerVerb);
}
