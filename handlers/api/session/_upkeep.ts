import { ngx, type SessionSettings } from "resty";
import { database, type SessionDatabase } from "./_database.ts";
import { nowSeconds } from "./_session.ts";
import { store } from "./_store.ts";

const lookForEndsEverySeconds = 60;
const pruneEverySeconds = 3600;
/** What happened so long ago is in the log: events wait for a second there. */
const settledSeconds = 2;
/** Between two steps of deleting old events, in which others have their turn. */
const pauseMs = 20;

const { sliding, lifetimeSeconds, eventsSeconds } = ngx.settings("session") as SessionSettings;

/** Notes the ends of sessions that nobody has ended. Of several machines that do, the database lets one win. */
async function noteEnds(database: SessionDatabase): Promise<void> {
  const now = nowSeconds();
  // With a lifetime that slides, the log knows of no ends; without, there may still be sessions of a time when it did.
  if (!sliding) await database.addExpired(now);
  await store.takeEnded(now - settledSeconds, (ids) =>
    database.addEnded(
      ids.map((id) => ngx.sha256(id)),
      Date.now(),
    ),
  );
}

/** Deletes events that are too old, but none of a session that may still live. */
async function prune(database: SessionDatabase): Promise<void> {
  if (eventsSeconds === 0) return;
  const beforeMs = Date.now() - Math.max(eventsSeconds, lifetimeSeconds + pruneEverySeconds) * 1000;
  while ((await database.prune(beforeMs)) && !ngx.worker.exiting()) await Bun.sleep(pauseMs);
}

/** Has one worker of the pool do it now and then, and never twice at a time. */
function keepDoing(work: (database: SessionDatabase) => Promise<void>, everySeconds: number, what: string): void {
  let busy = false;
  const run = async (premature: boolean): Promise<void> => {
    if (premature || busy) return;
    busy = true;
    try {
      await work(database!);
    } catch (error) {
      ngx.log("warn", `${what} now: ${(error as Error).message}`);
    } finally {
      busy = false;
    }
  };
  ngx.timer.at(0, run);
  ngx.timer.every(everySeconds, run);
}

if (database && ngx.worker.id() === 0) {
  keepDoing(noteEnds, lookForEndsEverySeconds, "ends of sessions cannot be noted");
  keepDoing(prune, pruneEverySeconds, "old events of sessions cannot be deleted");
}
