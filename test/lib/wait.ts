import { createServer } from "node:net";

type Truthy<T> = Exclude<T, false | 0 | "" | null | undefined | void>;

/**
 * Asks `check` again and again until it gives something true.
 * @param what Named in the error; a function is called when the time is over, to show what there is instead.
 * @throws Error after `timeoutMs`.
 */
export async function until<T>(
  what: string | (() => string),
  check: () => T | Promise<T>,
  timeoutMs = 10_000,
): Promise<Truthy<T>> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await check();
    if (value) return value as Truthy<T>;
    if (performance.now() > deadline)
      throw new Error(`waited ${timeoutMs / 1000} s for ${typeof what === "string" ? what : what()}`);
    await Bun.sleep(5);
  }
}

/** Below the range from which systems take ports for outgoing connections: no client of a test can sit on one. */
const lowestPort = 20_000;
const portCount = 12_000;
/**
 * Processes that run tests beside each other have numbers beside each other: each takes ports of a share of its own.
 */
const shares = 16;
const given = new Set<number>();

/** A port of 127.0.0.1 that nobody listens on at the moment, and that this process has not given out before. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = lowestPort + (process.pid % shares) + shares * Math.floor((Math.random() * portCount) / shares);
    if (given.has(port) || !(await canListen(port))) continue;
    given.add(port);
    return port;
  }
}

function canListen(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
