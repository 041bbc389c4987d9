import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import mysql from "mysql2/promise";
import { makeFolder, removeFolder } from "../lib/folder.ts";
import { type MariaDb, mariadb, type Redis, redis, redisCluster } from "../lib/services.ts";
import { type SessionService, startSessions } from "../lib/session.ts";
import { until } from "../lib/wait.ts";

const limit = 90_000;
const folderOf = (kind: string) => resolve(import.meta.dir, "../../handlers/api/session/_migrations", kind);
const directory = { status: 503, retryAfter: "1", json: { error: "User directory unavailable" } };

/** The tables as the migrations make them, without their bookkeeping. */
async function makeTables(server: MariaDb): Promise<void> {
  await using connection = await mysql.createConnection(server.url);
  const files = readdirSync(folderOf("mysql")).filter((name) => name.endsWith(".sql"));
  for (const name of files.sort())
    for (const statement of readFileSync(join(folderOf("mysql"), name), "utf8").split("--> statement-breakpoint"))
      await connection.query(statement);
}

async function query(server: MariaDb, sql: string): Promise<Record<string, unknown>[]> {
  await using connection = await mysql.createConnection(server.url);
  return (await connection.query(sql))[0] as Record<string, unknown>[];
}

const count = async (server: MariaDb): Promise<number> =>
  Number((await query(server, "SELECT count(*) AS n FROM session_events"))[0]!.n);

const answersQuery = (server: MariaDb) => async () => (await query(server, "SELECT 1")).length === 1;

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

const usable = (service: SessionService) =>
  until("a session", async () => (await service.ask("create?user_id=ann")).status === 200, 20_000);

test(
  "a MySQL that hangs or is gone lets nobody in, keeps what was to be noted, and is found again",
  async () => {
    await using server = await mariadb();
    await makeTables(server);
    await using service = await startSessions({ http: `mysql main url=${server.url} timeout=500ms;`, workers: 2 });
    const id = await service.create();

    server.process.kill("SIGSTOP");
    try {
      expect(
        await timed(async () => expect(await service.ask("create?user_id=ann")).toMatchObject(directory)),
      ).toBeLessThan(2000);
      await service.server.logged(/mysql "main" is not to be used/);
      await until("both workers to know", async () => (await timed(() => service.ask("create?user_id=ann"))) < 100);
      // Sessions that there are need no user.
      expect((await service.ask(`validate?session_id=${id}`)).status).toBe(200);
      for (let i = 0; i < 10; i++)
        expect((await service.ask(`update?session_id=${id}&user_data=${i}`)).status).toBe(200);
    } finally {
      server.process.kill("SIGCONT");
    }
    await usable(service);

    await server.kill();
    await until("a refusal", async () => (await service.ask("create?user_id=ann")).status === 503);
    for (let i = 0; i < 10; i++) expect((await service.ask(`update?session_id=${id}&user_data=${i}`)).status).toBe(200);
    await service.server.logged(/the session log cannot be written/);
    await server.start(answersQuery(server));
    await usable(service);
    await until("what had to wait", async () => {
      const rows = await query(server, "SELECT count(*) AS n FROM session_events WHERE event = 'update'");
      return Number(rows[0]!.n) === 20;
    });
  },
  limit,
);

test(
  "a MySQL that is read-only or without its tables says no, and what was to be noted waits",
  async () => {
    await using server = await mariadb();
    await makeTables(server);
    const url = server.urlOf("plain");
    await using service = await startSessions({ http: `mysql main url=${url} timeout=500ms pool=2;`, workers: 1 });
    const id = await service.create();
    const updates = async (): Promise<number> => {
      const rows = await query(server, "SELECT count(*) AS n FROM session_events WHERE event = 'update'");
      return Number(rows[0]!.n);
    };
    const update = async () => expect((await service.ask(`update?session_id=${id}&user_data=x`)).status).toBe(200);

    await query(server, "SET GLOBAL read_only = 1");
    await update();
    await service.server.logged(/the session log cannot be written, \d+ events? of sessions wait: .*read-only/);
    expect((await service.ask("create?user_id=ann")).status).toBe(200); // who only looks up is served
    await query(server, "SET GLOBAL read_only = 0");
    await until("what had to wait", async () => (await updates()) === 1);

    await query(server, "RENAME TABLE session_events TO events_away, users TO users_away");
    expect(await service.ask("create?user_id=ann")).toMatchObject(directory);
    await update();
    await until("another failure", () => service.server.errorLog().includes("resty.session_events' doesn't exist"));
    await query(server, "RENAME TABLE events_away TO session_events, users_away TO users");
    await usable(service);
    await until("what had to wait", async () => (await updates()) === 2);
  },
  limit,
);

test(
  "with the primary gone, users are looked up in a replica; without replicas, in the primary",
  async () => {
    await using primary = await mariadb();
    await using replica = await mariadb();
    for (const server of [primary, replica]) await makeTables(server);
    await query(replica, "INSERT INTO users (user_id, status) VALUES ('eve', 'blocked')");
    await using service = await startSessions({
      http: `mysql main url=${primary.url} replicas=127.0.0.1:${replica.port} timeout=500ms;`,
    });
    // Only the replica knows of eve, which tells who was asked.
    expect((await service.ask("create?user_id=eve")).status).toBe(403);
    await primary.kill();
    await service.server.logged(/mysql "main" is not to be used/);
    expect((await service.ask("create?user_id=eve")).status).toBe(403);
    expect((await service.ask("create?user_id=ann")).status).toBe(200);
    await primary.start(answersQuery(primary));
    await until("the event of ann's session", async () => (await count(primary)) === 1);
    expect(await count(replica)).toBe(0);

    await replica.kill();
    await service.server.logged(/replica 127\.0\.0\.1:\d+ is not to be used/);
    expect((await service.ask("create?user_id=eve")).status).toBe(200);
  },
  limit,
);

test(
  "a replica whose replication does not run is not asked",
  async () => {
    await using primary = await mariadb();
    await using replica = await mariadb();
    for (const server of [primary, replica]) await makeTables(server);
    await query(replica, "INSERT INTO users (user_id, status) VALUES ('eve', 'blocked')");
    await query(replica, "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=1, MASTER_USER='nobody'");
    await using service = await startSessions({
      http: `mysql main url=${primary.url} replicas=127.0.0.1:${replica.port} timeout=500ms;`,
    });
    await service.server.logged(/replica 127\.0\.0\.1:\d+ is not to be used: its replication does not run/);
    expect((await service.ask("create?user_id=eve")).status).toBe(200);
  },
  limit,
);

test(
  "a SQLite file that another process holds is waited for; what was to be noted is not lost",
  async () => {
    const folder = makeFolder("sqlite");
    try {
      const file = join(folder, "sessions.db");
      await using service = await startSessions({
        http: `sqlite main file=${file} migrations=${folderOf("sqlite")};`,
        workers: 2,
      });
      using database = new Database(file);
      database.run("BEGIN IMMEDIATE");
      const id = await service.create();
      await service.ask(`delete?session_id=${id}`);
      await service.server.logged(
        /the session log cannot be written, 2 events of sessions wait|1 events of sessions wait/,
      );
      database.run("COMMIT");
      await until(
        "both events",
        () => database.query("SELECT count(*) AS n FROM session_events").get()!["n" as never] === 2,
      );
    } finally {
      removeFolder(folder);
    }
  },
  limit,
);

test(
  "sessions that come to their end are noted, once for all workers",
  async () => {
    const folder = makeFolder("sqlite");
    try {
      const file = join(folder, "sessions.db");
      const http = `session_lifetime 1s; sqlite main file=${file} migrations=${folderOf("sqlite")};`;
      await using service = await startSessions({ http, workers: 2 });
      const id = await service.create();
      await until("its end", async () => (await service.ask(`validate?session_id=${id}`)).status === 401);
      await service.server.reload(); // looks at once, instead of within a minute
      using database = new Database(file);
      database.run("PRAGMA busy_timeout = 5000");
      const ended = () => database.query("SELECT * FROM session_events WHERE event = 'expire'").all();
      await until("the event", () => ended().length === 1);
      await service.server.reload();
      expect(ended()).toHaveLength(1);
    } finally {
      removeFolder(folder);
    }
  },
  limit,
);

/** Sessions whose end has been noted, as the log calls them. */
type Ended = () => Promise<string[]> | string[];

/** One session is used all the while, one is not, and one is deleted: each has one end in the log, at its time. */
async function expectEndsOfSliding(service: SessionService, ended: Ended): Promise<void> {
  const hash = (id: string) => createHash("sha256").update(id).digest("hex");
  const [idle, used, deleted] = [await service.create(), await service.create(), await service.create()];
  await service.ask(`delete?session_id=${deleted}`);
  await until(
    "the end of the one that is not used",
    async () => {
      expect((await service.ask(`validate?session_id=${used}`)).status).toBe(200);
      await service.server.reload(); // looks at once, instead of within a minute
      return (await ended()).length > 0;
    },
    30_000,
  );
  expect(await ended()).toEqual([hash(idle)]);
  await until(
    "the end of the other one",
    async () => {
      await service.server.reload();
      return (await ended()).length > 1;
    },
    30_000,
  );
  expect((await service.ask(`validate?session_id=${used}`)).status).toBe(401);
  await service.server.reload();
  expect(await ended()).toEqual([hash(idle), hash(used)]);
}

test(
  "sessions that slide have one end too, in each kind of store",
  async () => {
    await using stack = new AsyncDisposableStack();
    const lifetime = "session_lifetime 3s sliding;";
    const inSqlite = (folder: string): { http: string; ended: Ended } => {
      const file = join(folder, "sessions.db");
      const all = "SELECT session FROM session_events WHERE event = 'expire' ORDER BY id";
      return {
        http: `${lifetime} sqlite main file=${file} migrations=${folderOf("sqlite")};`,
        ended: () => {
          using database = new Database(file);
          database.run("PRAGMA busy_timeout = 5000");
          return database
            .query<{ session: string }, []>(all)
            .all()
            .map(({ session }) => session);
        },
      };
    };
    const folders = [makeFolder("sqlite"), makeFolder("sqlite")] as const;
    stack.defer(() => folders.forEach(removeFolder));
    const server = stack.use(await mariadb());
    await makeTables(server);
    const inMysql: Ended = async () =>
      (await query(server, "SELECT session FROM session_events WHERE event = 'expire' ORDER BY id")).map(
        ({ session }) => session as string,
      );
    const store = stack.use(await redis());
    const cluster = stack.use(await redisCluster());
    const one = inSqlite(folders[0]);
    const other = inSqlite(folders[1]);
    const start = async (options: Parameters<typeof startSessions>[0]) =>
      stack.use(await startSessions({ workers: 2, ...options }));
    const embedded = await start({ http: one.http });
    const single = await start({ redisUrl: store.url, http: `${lifetime} mysql main url=${server.url};` });
    const clustered = await start({ redisUrl: cluster.nodes[0]!.url, redis: "cluster=on", http: other.http });
    await Promise.all([
      expectEndsOfSliding(embedded, one.ended),
      expectEndsOfSliding(single, inMysql),
      expectEndsOfSliding(clustered, other.ended),
    ]);
    expect(await store.command("EXISTS", "resty:session:due")).toBe(":0\r\n");
  },
  limit,
);

/** The log is locked when a session ends, and open again later. */
async function expectLateEnd(store?: Redis): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const folder = makeFolder("sqlite");
  stack.defer(() => removeFolder(folder));
  const file = join(folder, "sessions.db");
  const http = `session_lifetime 1s sliding; sqlite main file=${file} migrations=${folderOf("sqlite")};`;
  const service = stack.use(await startSessions({ redisUrl: store?.url, http }));
  await service.create();
  using database = new Database(file);
  database.run("PRAGMA busy_timeout = 5000");
  const count = (event: string) =>
    database.query<{ n: number }, [string]>("SELECT count(*) AS n FROM session_events WHERE event = ?").get(event)!.n;
  await until("its beginning to be noted", () => count("create") === 1);
  database.run("BEGIN IMMEDIATE");
  try {
    await until("a try to note its end", async () => {
      await service.server.reload();
      return service.server.errorLog().includes("ends of sessions cannot be noted now");
    });
  } finally {
    database.run("COMMIT");
  }
  await until("its end", async () => {
    await service.server.reload();
    return count("expire") === 1;
  });
}

test(
  "an end that cannot be noted is noted later, in memory and in Redis",
  async () => {
    await using store = await redis();
    await Promise.all([expectLateEnd(), expectLateEnd(store)]);
  },
  limit,
);
