import { readFileSync } from "node:fs";
import type { MySql2Database } from "drizzle-orm/mysql2";
import type { Pool, PoolOptions } from "mysql2/promise";
import { nodeNet } from "../std/builtins.ts";
import { retryPauseMs, type StoreLog, StoreRefused, StoreUnavailable, withTimeout } from "./errors.ts";
import { type MigrationReport, migrationsTable, pendingAfter, readMigrations } from "./migrations.ts";
import { connectOptions, type StoreTls } from "./store_tls.ts";

interface Address {
  readonly host: string;
  readonly port: number;
}

/** `mysql NAME …` of the configuration. */
export interface MysqlOptions {
  readonly name: string;
  /** `mysql://user:password@host:port/database` of the primary; replicas have the same credentials. */
  readonly url: string;
  readonly replicas: readonly Address[];
  /** Connections to each server. */
  readonly pool: number;
  /** How long an answer may take before the server counts as dead. */
  readonly timeoutMs: number;
  readonly tls: StoreTls | undefined;
  readonly passwordFile: string | undefined;
  /** A folder of drizzle-kit, for `resty db migrate`. */
  readonly migrations: string | undefined;
}

/** Queries that may wait for a connection of the pool; more fail at once. */
const waitingMax = 1000;
/** A replica that is further behind its primary is not asked. */
const lagSecondsMax = 10;

/** A primary and its replicas through drizzle-orm on mysql2: writes to the one, reads to the others. */
export class Mysql {
  readonly kind = "mysql";
  readonly #primary: Server;
  readonly #replicas: readonly Server[];
  #drizzle: MySql2Database | undefined;
  #next = 0;

  constructor(
    readonly options: MysqlOptions,
    log: StoreLog,
  ) {
    const { hostname, port } = new URL(options.url);
    const primary = { host: hostname.replace(/^\[|\]$/g, ""), port: Number(port) || 3306 };
    this.#primary = new Server(`mysql "${options.name}"`, primary, options, false, log);
    this.#replicas = options.replicas.map(
      (address) =>
        new Server(`mysql "${options.name}", replica ${address.host}:${address.port}`, address, options, true, log),
    );
  }

  get name(): string {
    return this.options.name;
  }

  /** Connects, and goes on trying until `close`. Resolves after the first attempt, whatever became of it. */
  async open(): Promise<void> {
    const { withReplicas } = await import("drizzle-orm/mysql-core");
    await Promise.all([this.#primary, ...this.#replicas].map((server) => server.open()));
    const primary = this.#primary.drizzle;
    const [first, ...others] = this.#replicas.map(({ drizzle }) => drizzle);
    if (first === undefined) this.#drizzle = primary;
    else {
      const wellOne = () => this.#reader().drizzle as never;
      // Its types ask for a schema that all of them share, which is not known here.
      this.#drizzle = withReplicas(primary as never, [first, ...others] as never, wellOne) as unknown as MySql2Database;
    }
  }

  /**
   * drizzle's database: what it selects comes from a replica that is well, everything else goes to the primary. It
   * waits as long as the server does; `read` and `write` do not.
   */
  get drizzle(): MySql2Database {
    if (!this.#drizzle) throw new StoreUnavailable(`mysql "${this.name}" is not open`);
    return this.#drizzle;
  }

  /**
   * Asks a replica that is well; the primary where there is none, or where the replica fails meanwhile.
   * @param query May be called twice.
   * @throws StoreUnavailable, StoreRefused
   */
  async read<T>(query: (db: MySql2Database) => Promise<T>): Promise<T> {
    const server = this.#reader();
    try {
      return await server.run(query);
    } catch (error) {
      if (server === this.#primary || !(error instanceof StoreUnavailable)) throw error;
      return this.#primary.run(query);
    }
  }

  /** Asks the primary. @throws StoreUnavailable, StoreRefused */
  write<T>(query: (db: MySql2Database) => Promise<T>): Promise<T> {
    return this.#primary.run(query);
  }

  #reader(): Server {
    const count = this.#replicas.length;
    for (let i = 0; i < count; i++) {
      const replica = this.#replicas[this.#next++ % count]!;
      if (replica.isWell) return replica;
    }
    return this.#primary;
  }

  /** Applies what is missing on the primary; of processes that try at once, one does it. @throws Error */
  async migrate(): Promise<MigrationReport> {
    const { migrations: folder } = this.options;
    if (folder === undefined) return { applied: [], known: 0 };
    const migrations = readMigrations(folder);
    return this.#primary.locked("resty migrate", async (db) => {
      const { sql } = await import("drizzle-orm");
      const [tables] = await db.execute(sql`SHOW TABLES LIKE ${migrationsTable}`);
      const [rows] =
        (tables as unknown as unknown[]).length === 0
          ? [[]]
          : await db.execute(sql`SELECT max(created_at) AS at FROM ${sql.identifier(migrationsTable)}`);
      const applied = pendingAfter(migrations, Number((rows as unknown as { at: number | null }[])[0]?.at ?? 0));
      const { dialect, session } = db as unknown as Migrating;
      if (applied.length > 0) await dialect.migrate(migrations, session, { migrationsTable });
      return { applied, known: migrations.length };
    });
  }

  async close(): Promise<void> {
    await Promise.all([this.#primary, ...this.#replicas].map((server) => server.close()));
  }
}

interface Migrating {
  readonly dialect: { migrate(migrations: unknown, session: unknown, config: object): Promise<void> };
  readonly session: unknown;
}

/** What is used of a connection of mysql2, whose types leave out that a pool tells of its own. */
interface Destroyable {
  destroy(): void;
}

/** One server with its connections, and what is known of its health. */
class Server {
  #pool: Pool | undefined;
  #drizzle: MySql2Database | undefined;
  #connections = new Set<Destroyable>();
  #well = true;
  #closed = false;
  #failures = 0;
  #timer: Timer | undefined;

  constructor(
    private readonly label: string,
    private readonly address: Address,
    private readonly options: MysqlOptions,
    private readonly isReplica: boolean,
    private readonly log: StoreLog,
  ) {}

  get isWell(): boolean {
    return this.#well;
  }

  get drizzle(): MySql2Database {
    return this.#drizzle!;
  }

  async open(): Promise<void> {
    const [{ createPool }, { drizzle }] = await Promise.all([import("mysql2/promise"), import("drizzle-orm/mysql2")]);
    const pool = (this.#pool = createPool(this.#poolOptions()));
    const connections = (this.#connections = new Set());
    (pool as unknown as { on(event: string, listener: (connection: Destroyable) => void): void }).on(
      "connection",
      (connection) => connections.add(connection),
    );
    this.#drizzle = drizzle(pool as never) as unknown as MySql2Database;
    await this.#look();
  }

  #poolOptions(): PoolOptions {
    const { url, pool, timeoutMs, passwordFile, tls } = this.options;
    const { username, password, pathname } = new URL(url);
    return {
      ...this.address,
      ...(tls ? tlsOptions(tls, this.address) : {}),
      user: decodeURIComponent(username),
      password:
        passwordFile === undefined
          ? decodeURIComponent(password)
          : readFileSync(passwordFile, "utf8").split("\n")[0]!.trim(),
      database: decodeURIComponent(pathname.slice(1)),
      connectionLimit: pool,
      queueLimit: waitingMax,
      connectTimeout: timeoutMs,
      enableKeepAlive: true,
      charset: "utf8mb4",
      timezone: "Z",
    };
  }

  /** @throws StoreUnavailable, StoreRefused */
  async run<T>(query: (db: MySql2Database) => Promise<T>): Promise<T> {
    if (!this.#well || !this.#drizzle) throw new StoreUnavailable(`${this.label} is not reachable`);
    try {
      return await withTimeout(query(this.#drizzle), this.options.timeoutMs, this.label);
    } catch (error) {
      throw classify(error);
    }
  }

  /** Runs on one connection, alone of all that use the same word. */
  async locked<T>(word: string, work: (db: MySql2Database) => Promise<T>): Promise<T> {
    const { drizzle } = await import("drizzle-orm/mysql2");
    const connection = await this.#pool!.getConnection();
    try {
      await connection.query("SELECT GET_LOCK(?, 60)", [word]);
      return await work(drizzle(connection as never) as unknown as MySql2Database);
    } finally {
      await connection.query("SELECT RELEASE_LOCK(?)", [word]);
      connection.release();
    }
  }

  #schedule(): void {
    if (this.#closed) return;
    const pauseMs = this.#failures === 0 ? Math.max(100, this.options.timeoutMs / 2) : retryPauseMs(this.#failures);
    this.#timer = setTimeout(() => void this.#look(), pauseMs);
    this.#timer.unref();
  }

  /** A stopped server or a dead link answers nothing and closes nothing: only a question finds out. */
  async #look(): Promise<void> {
    try {
      const [rows] = await withTimeout(
        this.#pool!.query(this.isReplica ? "SHOW SLAVE STATUS" : "SELECT 1"),
        this.options.timeoutMs,
        "a question",
      );
      if (this.isReplica) checkLag((rows as Record<string, unknown>[])[0]);
      if (this.#failures > 0) this.log("notice", `${this.label} is well again`);
      this.#failures = 0;
      this.#well = true;
    } catch (error) {
      // Without the right to ask how far it is behind, a replica counts as well as long as it answers.
      if ((error as { errno?: number }).errno === 1227) this.#well = true;
      else this.#lost(error as Error);
    }
    this.#schedule();
  }

  #lost(error: Error): void {
    if (this.#closed) return;
    if (this.#failures++ === 0) this.log("error", `${this.label} is not to be used: ${error.message || String(error)}`);
    this.#well = false;
    // What waits on these connections would wait for ever if the machine behind them is gone.
    for (const connection of this.#connections) connection.destroy();
    this.#connections.clear();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    const { timeoutMs } = this.options;
    await withTimeout(this.#pool?.end() ?? Promise.resolve(), timeoutMs, "closing").catch(() => {
      for (const connection of this.#connections) connection.destroy();
    });
  }
}

/** How mysql2 is told of TLS. A server that has none is refused then, and not spoken to in plain text. */
function tlsOptions(tls: StoreTls, { host, port }: Address): PoolOptions {
  const { servername, ...certificates } = connectOptions(tls);
  const ssl = { ...certificates, verifyIdentity: tls.verify };
  if (servername === undefined) return { ssl };
  // The certificate is compared with `host`, which therefore is another one than that which is connected to.
  return { ssl, host: servername, stream: () => nodeNet().connect({ host, port, noDelay: true, keepAlive: true }) };
}

function checkLag(status: Record<string, unknown> | undefined): void {
  if (!status) return; // not set up as a replica by this server's own means: as in managed clusters
  const behind = status["Seconds_Behind_Master"] ?? status["Seconds_Behind_Source"];
  if (behind === null || behind === undefined) throw new StoreUnavailable("its replication does not run");
  if (Number(behind) > lagSecondsMax) throw new StoreUnavailable(`it is ${Number(behind)} s behind its primary`);
}

/** Errors of a server that answered are its refusals; the rest says that it could not be asked. */
function classify(error: unknown): Error {
  if (error instanceof StoreUnavailable) return error;
  // drizzle wraps what mysql2 threw.
  const cause = (error as { cause?: unknown }).cause ?? error;
  const { errno, code, message, sqlState } = cause as {
    errno?: number;
    code?: string;
    message?: string;
    sqlState?: string;
  };
  if (cause instanceof TypeError || cause instanceof ReferenceError) return cause; // the caller's bug
  const passing = errno !== undefined && [1040, 1053, 1205, 1213, 1290, 1836, 2006, 2013].includes(errno);
  if (sqlState === undefined || passing) return new StoreUnavailable(message ?? String(cause), { cause });
  return new StoreRefused(code ?? "ER", message ?? String(cause), { cause });
}
