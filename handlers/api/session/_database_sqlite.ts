import { eq, sql } from "drizzle-orm";
import { type Sqlite, StoreUnavailable } from "resty";
import type { EventRow, SessionDatabase, UserStatus } from "./_database.ts";
import { sessionEvents, users } from "./_tables_sqlite.ts";

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
}

/** A file that is locked for too long, on a full disk or damaged, is a store that cannot be used now. */
function attempt<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new StoreUnavailable(`sqlite: ${(error as Error).message}`, { cause: error });
  }
}
