import { ngx } from "resty";
import { store } from "./_store.ts";

/** Sessions that may wait for their time to be written. */
const waitingMax = 100_000;
const everySeconds = 1;

let waiting = new Map<string, number>();
let writing = false;
let dropped = 0;
let failing = false;

/** Has `last_accessed` written within a second, after the answer: many uses of a session are one write. */
export function touch(id: string, now: number): void {
  if (waiting.size < waitingMax || waiting.has(id)) waiting.set(id, now);
  else dropped++;
}

async function write(last: boolean): Promise<void> {
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
    for (const [id, seconds] of times) if (!waiting.has(id)) touch(id, seconds);
    if (!failing || last)
      ngx.log("warn", `last_accessed of ${waiting.size} sessions cannot be written now: ${(error as Error).message}`);
    failing = true;
  } finally {
    writing = false;
  }
}

ngx.timer.every(everySeconds, write);
