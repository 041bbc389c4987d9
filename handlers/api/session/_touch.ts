import { ngx } from "resty";
import { store } from "./_store.ts";

/** Sessions that may wait for their time to be written. */
const waitingMax = 100_000;
const everySeconds = 1;

let waiting = new Map<string, number>();
let writing = false;
let dropped = 0;
let failing = false;
/** The worker stops, or has other scripts by now: no timer comes any more, though a request still may. */
let ending = false;

/** Has `last_accessed` written within a second, after the answer: many uses of a session are one write. */
export function touch(id: string, now: number): void {
  if (ending) queueMicrotask(() => void write(true));
  if (waiting.size < waitingMax || waiting.has(id)) waiting.set(id, now);
  else dropped++;
}

async function write(last: boolean): Promise<void> {
  ending ||= last;
  if (waiting.size === 0 || (writing && !last)) return;
  const times = waiting;
  waiting = new Map();
  writing = true;
  try {
    await store.touch(times);
    if (failing) ngx.log("notice", `last_accessed is written again; ${dropped} were lost`);
    failing = false;
    dropped = 0;
  } catch (error) {
    if (!ending) for (const [id, seconds] of times) if (!waiting.has(id)) touch(id, seconds);
    const what = ending ? "is lost" : "cannot be written now";
    if (!failing || ending)
      ngx.log("warn", `last_accessed of ${times.size} sessions ${what}: ${(error as Error).message}`);
    failing = true;
  } finally {
    writing = false;
  }
}

ngx.timer.every(everySeconds, write);
