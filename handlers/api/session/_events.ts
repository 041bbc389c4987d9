import { ngx, type SessionSettings } from "resty";
import { database, type EventRow } from "./_database.ts";
import { nowSeconds } from "./_session.ts";

/** Events that may wait; what comes on top of them is dropped, counted and logged. */
const waitingMax = 50_000;
const rowsAtOnce = 500;
const everySeconds = 1;

const { sliding, lifetimeSeconds } = ngx.settings("session") as SessionSettings;

/** Of this worker, as long as it has these scripts. */
const writer = Buffer.from(crypto.getRandomValues(new Uint8Array(12))).toString("base64url");
let count = 0;
let waiting: EventRow[] = [];
let writing = false;
let dropped = 0;
let failing = false;
/** The worker stops, or has other scripts by now: no timer comes any more, though a request still may. */
let ending = false;

/** Notes what happened to a session; it is written after the answer, with what else happened in this second. */
export function note(event: EventRow["event"], id: string, userId: string): void {
  if (!database) return;
  if (waiting.length >= waitingMax) {
    dropped++;
    return;
  }
  // When one ends whose lifetime slides, nobody can know yet.
  const expiresAt = event === "create" && !sliding ? nowSeconds() + lifetimeSeconds : null;
  const onlyOne = `${writer}:${(count++).toString(36)}`;
  if (ending) queueMicrotask(() => void write(true));
  waiting.push({ atMs: Date.now(), event, session: ngx.sha256(id), userId, expiresAt, onlyOne });
}

async function write(last: boolean): Promise<void> {
  ending ||= last;
  if (dropped > 0) {
    ngx.log("error", `the session log has no room left: ${dropped} events are lost`);
    dropped = 0;
  }
  if (waiting.length === 0 || writing) return;
  writing = true;
  try {
    while (waiting.length > 0) {
      const rows = waiting.slice(0, rowsAtOnce);
      await database!.addEvents(rows);
      waiting = waiting.slice(rows.length);
      if (failing) ngx.log("notice", "the session log is written again");
      failing = false;
    }
  } catch (error) {
    const what = last ? `${waiting.length} events of sessions are lost` : `${waiting.length} events of sessions wait`;
    if (!failing || last) ngx.log("error", `the session log cannot be written, ${what}: ${(error as Error).message}`);
    failing = true;
  } finally {
    writing = false;
  }
}

if (database) ngx.timer.every(everySeconds, write);
