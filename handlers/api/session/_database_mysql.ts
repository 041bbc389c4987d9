import { eq, sql } from "drizzle-orm";
import type { MySql2Database } from "drizzle-orm/mysql2";
import type { Mysql } from "resty";
import type { EventRow, SessionDatabase, UserStatus } from "./_database.ts";
import { sessionEvents, users } from "./_tables_mysql.ts";

/** Rows that are deleted at once: others wait meanwhile, and replicas do it after. */
const rowsPruned = 1000;

const prepareStatus = (db: MySql2Database) =>
  db
    .select()
    .from(users)
    .where(eq(users.userId, sql.placeholder("userId")))
    .prepare();

export class MysqlSessions implements SessionDatabase {
  /** A query that is prepared costs a third of one that is not; each server has its own. */
  readonly #status = new WeakMap<MySql2Database, ReturnType<typeof prepareStatus>>();

  constructor(private readonly mysql: Mysql) {}

  async statusOf(userId: string): Promise<UserStatus> {
    const rows = await this.mysql.read((db) => {
      let query = this.#status.get(db);
      if (!query) this.#status.set(db, (query = prepareStatus(db)));
      return query.execute({ userId });
    });
    // MySQL takes "ann" and "ann " for the same.
    return rows.find((row) => row.userId === userId)?.status ?? "unknown";
  }

  async addEvents(rows: readonly EventRow[]): Promise<void> {
    const { id } = sessionEvents;
    await this.mysql.write((db) =>
      db
        .insert(sessionEvents)
        .values([...rows])
        .onDuplicateKeyUpdate({ set: { id: sql`${id}` } }),
    );
  }

  async addExpired(now: number): Promise<void> {
    await this.mysql.write((db) =>
      db.execute(sql`
      INSERT IGNORE INTO session_events (at_ms, event, session, user_id, only_one)
      SELECT made.expires_at * 1000, 'expire', made.session, made.user_id, concat('expire:', made.session)
      FROM session_events made
      WHERE made.expires_at > ${now - 7 * 86_400} AND made.expires_at <= ${now}
        AND NOT EXISTS (SELECT 1 FROM session_events ended
                        WHERE ended.session = made.session AND ended.event IN ('delete', 'expire'))
      LIMIT 10000`),
    );
  }

  async addEnded(sessions: readonly string[], atMs: number): Promise<void> {
    await this.mysql.write((db) =>
      db.execute(sql`
      INSERT IGNORE INTO session_events (at_ms, event, session, user_id, only_one)
      SELECT ${atMs}, 'expire', made.session, made.user_id, concat('expire:', made.session)
      FROM session_events made
      WHERE made.session IN ${sessions} AND made.event = 'create'
        AND NOT EXISTS (SELECT 1 FROM session_events ended
                        WHERE ended.session = made.session AND ended.event IN ('delete', 'expire'))`),
    );
  }

  async prune(beforeMs: number): Promise<boolean> {
    const answer = (await this.mysql.write((db) =>
      db.execute(sql`DELETE FROM session_events WHERE at_ms < ${beforeMs} ORDER BY at_ms, id LIMIT ${rowsPruned}`),
    )) as unknown as readonly [{ readonly affectedRows: number }];
    return answer[0].affectedRows === rowsPruned;
  }
}
