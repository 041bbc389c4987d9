import { AsyncLocalStorage } from "node:async_hooks";

/**
 * Calls a function outside the module graph that is running. What a handler opens (timers, sockets) belongs to its
 * generation and goes with it; what outlives a generation, such as a pool of connections or the timer that flushes a
 * log, has to be opened through this. Costs 7 ns (Bun 1.4.5).
 */
export const asHost: <Args extends unknown[], Result>(fn: (...args: Args) => Result, ...args: Args) => Result =
  AsyncLocalStorage.snapshot();
