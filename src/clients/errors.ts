/** The store could not be asked, or has not answered: then nobody knows whether it did what it was asked to. */
export class StoreUnavailable extends Error {
  override readonly name = "StoreUnavailable";
}

/** The store answered that it will not: out of memory, read-only, a value of another type. */
export class StoreRefused extends Error {
  override readonly name = "StoreRefused";

  constructor(
    /** The first word of what it said: "OOM", "READONLY", "WRONGTYPE". */
    readonly code: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

export type StoreLog = (level: "notice" | "warn" | "error", message: string) => void;

/** The longest pause between two attempts to connect. */
const retryMsMax = 2000;

/** How long to wait before attempt `attempt`, 1 being the second try. Jitter keeps many workers out of step. */
export function retryPauseMs(attempt: number): number {
  return Math.min(retryMsMax, 50 * 2 ** Math.min(attempt, 10)) * (0.5 + Math.random() / 2);
}

/** A timer that comes too late by such a part of its time tells of a process that was busy itself. */
const latePart = 0.25;

/** @throws StoreUnavailable after `ms`; the work itself goes on. */
export async function withTimeout<T>(work: Promise<T>, ms: number, what: string): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  let dueMs = performance.now() + ms;
  let timer: Timer;
  const arm = (): void => {
    timer = setTimeout(expire, ms);
  };
  const expire = (): void => {
    // The question may not have been sent yet, as commands leave at the end of a turn: that turn was a long one.
    if (performance.now() - dueMs > ms * latePart) {
      dueMs = Infinity;
      return arm();
    }
    reject(new StoreUnavailable(`${what} took longer than ${ms} ms`));
  };
  arm();
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer!);
  }
}
