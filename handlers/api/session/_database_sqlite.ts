import { eq, sql } from "drizzle-orm";
import { type Sqlite, StoreUnavailable } from "resty";
import type { EventRow, SessionDatabase, UserStatus } from "./_database.ts";
import { sessionEvents, users } from "./_tables_sqlite.ts";

/** Rows that are deleted at once: the worker does nothing else meanwhile, nor may others write. */
const rowsPruned = 200;

export class SqliteSessions implements SessionDatabase {
  readonly #status;

  constructor(private readonly sqlite: Sqlite) {
    this.#status = sqlite.drizzle
      .select({ status: users.status })
      .from(users)
      .where(eq(users.userId, sql.placeholder("userId")))
      .prepare();
  }

  async statusOf(userId: string): Promise<UserStatus> {
    return attempt(() => this.#status.get({ userId })?.status ?? "unknown");
  }

  async addEvents(rows: readonly EventRow[]): Promise<void> {
    attempt(() =>
      this.sqlite.drizzle
        .insert(sessionEvents)
        .values([...rows])
        .onConflictDoNothing()
        .run(),
    );
  }

  async addExpired(now: number): Promise<void> {
    attempt(() =>
      this.sqlite.drizzle.run(sql`
      INSERT OR IGNORE INTO session_events (at_ms, event, session, user_id, only_one)
      SELECT made.expires_at * 1000, 'expire', made.session, made.user_id, 'expire:' || made.session
      FROM session_events made
      WHERE made.expires_at > ${now - 7 * 86_400} AND made.expires_at <= ${now}
        AND NOT EXISTS (SELECT 1 FROM session_events ended
                        WHERE ended.session = made.session AND ended.event IN ('delete', 'expire'))
      LIMIT 10000`),
    );
  }

  async addEnded(sessions: readonly string[], atMs: number): Promise<void> {
    attempt(() =>
      this.sqlite.drizzle.run(sql`
      INSERT OR IGNORE INTO session_events (at_ms, event, session, user_id, only_one)
      SELECT ${atMs}, 'expire', made.session, made.user_id, 'expire:' || made.session
      FROM session_events made
      WHERE made.session IN ${sessions} AND made.event = 'create'
        AND NOT EXISTS (SELECT 1 FROM session_events ended
                        WHERE ended.session = made.session AND ended.event IN ('delete', 'expire'))`),
    );
  }

  async prune(beforeMs: number): Promise<boolean> {
    const oldest = attempt(() =>
      this.sqlite.drizzle.all(sql`
      DELETE FROM session_events
      WHERE id IN (SELECT id FROM session_events WHERE at_ms < ${beforeMs} ORDER BY at_ms LIMIT ${rowsPruned})
      RETURNING id`),
    );
    return oldest.length === rowsPruned;
  }
}

/** A file that is locked for too long, on a full disk or damaged, is a store that cannot be used now. */
function attempt<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new StoreUnavailable(`sqlite: ${(error as Error).message}`, { cause: error });
  }
}
