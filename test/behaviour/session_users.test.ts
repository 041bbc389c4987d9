import { Database } from "bun:sqlite";
import { afterAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { join, resolve } from "node:path";
import mysql from "mysql2/promise";
import { runtimeArgv } from "../../src/cli/self.ts";
import { block } from "../lib/index.ts";
import { makeFolder, removeFolder } from "../lib/folder.ts";
import { type MariaDb, mariadb, redis } from "../lib/services.ts";
import { startSessions } from "../lib/session.ts";
import { until } from "../lib/wait.ts";

const root = resolve(import.meta.dir, "../..");
const migrations = (kind: string) => join(root, "handlers/api/session/_migrations", kind);

/** A database, and how a test looks into it. */
interface TestDatabase extends AsyncDisposable {
  readonly directive: string;
  query(sql: string): Promise<Record<string, unknown>[]>;
}

async function sqliteDatabase(): Promise<TestDatabase> {
  const folder = makeFolder("sqlite");
  const file = join(folder, "data/sessions.db");
  return {
    directive: `sqlite main file=${file} migrations=${migrations("sqlite")};`,
    async query(sql) {
      using database = new Database(file);
      database.run("PRAGMA busy_timeout = 5000");
      return database.query(sql).all() as Record<string, unknown>[];
    },
    async [Symbol.asyncDispose]() {
      removeFolder(folder);
    },
  };
}

async function migrate(directive: string): Promise<{ code: number; said: string }> {
  const folder = makeFolder("migrate");
  try {
    await Bun.write(join(folder, "conf/nginx.conf"), `events {} http { ${directive} }`);
    const executable = process.env.RESTY_BIN
      ? [resolve(process.env.RESTY_BIN)]
      : [process.execPath, ...runtimeArgv, join(root, "src/main.ts")];
    const run = Bun.spawn([...executable, "db", "migrate", join(folder, "conf")], { stdout: "pipe", stderr: "pipe" });
    const said = (await new Response(run.stdout).text()) + (await new Response(run.stderr).text());
    return { code: await run.exited, said };
  } finally {
    removeFolder(folder);
  }
}

async function mysqlDatabase(server: MariaDb): Promise<TestDatabase> {
  const directive = `mysql main url=${server.url} migrations=${migrations("mysql")};`;
  const connection = await mysql.createConnection(server.url);
  for (const table of ["users", "session_events", "__drizzle_migrations"])
    await connection.query(`DROP TABLE IF EXISTS ${table}`);
  expect(await migrate(directive)).toMatchObject({ code: 0 });
  return {
    directive,
    query: async (sql) => (await connection.query(sql))[0] as Record<string, unknown>[],
    [Symbol.asyncDispose]: () => connection.end(),
  };
}

describe.each(["sqlite", "mysql"])("%s", (kind) => {
  let server: MariaDb | undefined;
  const open = async (): Promise<TestDatabase> => {
    if (kind === "sqlite") return sqliteDatabase();
    server ??= await mariadb();
    return mysqlDatabase(server);
  };

  afterAll(() => server?.[Symbol.asyncDispose]());

  test("users that are blocked get no session, unknown ones do", async () => {
    await using database = await open();
    await using service = await startSessions({ http: database.directive, workers: 2 });
    expect((await service.ask("create?user_id=eve")).status).toBe(200);
    await database.query("INSERT INTO users (user_id, status) VALUES ('eve', 'blocked'), ('ann', 'active')");
    expect(await service.ask("create?user_id=eve")).toMatchObject({ status: 403, json: { error: "User is blocked" } });
    expect((await service.ask("create?user_id=ann")).status).toBe(200);
    for (const other of ["Eve", "eve%20", "eve'--", "%25"])
      expect((await service.ask(`create?user_id=${other}`)).status).toBe(200);
    await database.query("UPDATE users SET status = 'active' WHERE user_id = 'eve'");
    expect((await service.ask("create?user_id=eve")).status).toBe(200);
  }, 60_000);

  test("with session_users strict, only users of the table get one", async () => {
    await using database = await open();
    await using service = await startSessions({ http: `${database.directive} session_users strict;` });
    await database.query("INSERT INTO users (user_id) VALUES ('änn')");
    expect((await service.ask("create?user_id=%C3%A4nn")).status).toBe(200);
    expect(await service.ask("create?user_id=bob")).toMatchObject({ status: 403, json: { error: "User is unknown" } });
  }, 60_000);

  test("what happens to sessions is noted", async () => {
    await using database = await open();
    await using service = await startSessions({ http: database.directive, workers: 2 });
    const id = await service.create("a'b\"c");
    await service.ask(`update?session_id=${id}&user_data=x`);
    await service.ask(`delete?session_id=${id}`);
    await service.ask(`delete?session_id=${id}`);
    const rows = await until("three events", async () => {
      const found = await database.query("SELECT * FROM session_events ORDER BY at_ms, id");
      return found.length >= 3 && found;
    });
    expect(rows.map(({ event }) => event)).toEqual(["create", "update", "delete"]);
    for (const row of rows) {
      expect(row.user_id).toBe("a'b\"c");
      expect(row.session).toBe(createHash("sha256").update(id).digest("hex"));
      expect(Number(row.at_ms)).toBeWithin(Date.now() - 60_000, Date.now() + 1);
    }
  }, 60_000);

  test.each(["SIGQUIT", "SIGTERM"] as const)(
    "what was noted last is written when the server stops by %s",
    async (signal) => {
      await using database = await open();
      await using service = await startSessions({ http: database.directive });
      const ids = await Promise.all(Array.from({ length: 50 }, () => service.create()));
      await service.server.stop(signal);
      const [row] = await database.query("SELECT count(*) AS n FROM session_events");
      expect(Number(row!.n)).toBe(ids.length);
    },
    60_000,
  );

  test("migrations are applied once, and processes that try at once agree", async () => {
    await using database = await open();
    const runs = await Promise.all([
      migrate(database.directive),
      migrate(database.directive),
      migrate(database.directive),
    ]);
    expect(runs.map(({ code }) => code)).toEqual([0, 0, 0]);
    const [row] = await database.query("SELECT count(*) AS n FROM __drizzle_migrations");
    expect(Number(row!.n)).toBe(2);
    expect((await migrate(database.directive)).said).toContain("nothing to apply; 2 known");
  }, 60_000);

  test("events that are too old are deleted, in steps", async () => {
    await using database = await open();
    const ids = async () => (await database.query("SELECT session FROM session_events")).map(({ session }) => session);
    const http = (kept: string) => `${database.directive} session_lifetime 10m; session_events ${kept};`;
    {
      await using _ = await startSessions({ http: http("off") });
      const at = (days: number) => Date.now() - days * 86_400_000;
      const rows = Array.from({ length: 2500 }, (_, i) => `(${at(31) - i}, 'create', 'old', 'ann')`);
      rows.push(`(${at(29)}, 'create', 'young', 'ann')`);
      await database.query(`INSERT INTO session_events (at_ms, event, session, user_id) VALUES ${rows.join()}`);
    }
    {
      await using service = await startSessions({ http: http("off") });
      await service.create();
    }
    expect(await ids()).toHaveLength(2502);
    await using _ = await startSessions({ http: http("30d"), workers: 2 });
    await until("the old ones to be gone", async () => (await ids()).length === 2);
    expect(await ids()).toContain("young");
  }, 60_000);
});

test("a SQLite file that cannot be made keeps the server from starting, and says why", async () => {
  const folder = makeFolder("sqlite");
  try {
    await Bun.write(join(folder, "file"), "no folder");
    const directive = `sqlite main file=${folder}/file/sessions.db migrations=${migrations("sqlite")};`;
    await expect(startSessions({ http: directive })).rejects.toThrow(/sqlite "main", .*\/file\/sessions\.db: /);
  } finally {
    removeFolder(folder);
  }
}, 30_000);

block("session_users strict asks for a database", {
  http: "session_users strict;",
  server: "",
  refused: [
    /no users to be strict about: "session_users strict" needs a database in /,
    /expected "sqlite main file=PATH;"/,
  ],
});

describe("a directive that is wrong is refused, with what was expected", () => {
  const refused = (http: string, ...words: string[]) => block(http, { http, server: "", refused: words });
  refused("redis main;", 'invalid number of arguments in "redis" directive');
  refused("redis main host=x;", 'invalid parameter "host=x"');
  refused("redis main timeout=1s;", 'no "url=" in "redis" directive');
  refused("redis main url=http://x;", 'invalid redis url "http://x"');
  refused("redis main url=redis://u:secret@;", 'invalid redis url "redis://u:***@"');
  refused("redis main url=redis://x timeout=banana;", '"redis" directive invalid value');
  refused("redis main url=redis://x queue=0;", '"redis" directive invalid number');
  refused("redis main url=redis://x sentinels=a:99999;", 'invalid address "a:99999" in "redis" directive');
  refused("redis main url=redis://x cluster=on sentinels=a:1;", "a cluster has no sentinels");
  refused("redis main url=redis://x; redis main url=redis://y;", 'duplicate redis "main"');
  refused("redis main url=redis://x cluster=yes;", 'invalid parameter "cluster=yes"');
  refused("redis main url=redis://x pool=0;", '"redis" directive invalid number');
  refused("redis main url=redis://x tls=/nowhere;", 'cannot load "/nowhere": ', "a readable PEM file");
  refused("redis main url=redis://x tls=conf/nginx.conf;", "no start line");
  refused("redis main url=redis://x tls=on tls_key=x;", "cannot load ");
  refused("redis main url=redis://x tls_name=y;", '"tls_name=" without TLS', "tls=on beside it");
  refused("redis main url=rediss://x tls=off;", "the url asks for TLS");
  refused("mysql main url=mysql://x/a tls=maybe;", "cannot load ", "maybe");
  refused("mysql main url=redis://x;", 'invalid mysql url "redis://x"');
  refused("mysql main url=mysql://x/a pool=0;", '"mysql" directive invalid number');
  refused("sqlite main url=x;", 'invalid parameter "url=x"');
  refused("sqlite main file=a; sqlite main file=b;", 'duplicate sqlite "main"');
  refused("session_lifetime 0;", '"session_lifetime" directive invalid value');
  refused("session_lifetime 1d forever;", 'invalid parameter "forever"');
  refused("session_cache 5m fresh=1s;", 'invalid parameter "fresh=1s"');
  refused("session_events 0;", '"session_events" directive invalid value');
  refused("session_users some;", 'invalid value "some"');
});

block("a variable that does not reach the workers is told of", {
  env: { REDIS_URL: "redis://127.0.0.1:1" },
  http: "redis main url=$REDIS_URL;",
  server: "",
  refused: ['"$REDIS_URL" does not reach the workers', 'expected "env REDIS_URL;" before it, in the main context'],
});

test("the address of a Redis may be in the environment, and be missing there", async () => {
  await using store = await redis();
  const http = "redis main url=$REDIS_URL;";
  const keys = () => store.command("DBSIZE");
  {
    await using service = await startSessions({ http, main: "env REDIS_URL;", env: { REDIS_URL: "" } });
    await service.create();
    expect(await keys()).toBe(":0\r\n");
  }
  {
    await using service = await startSessions({ http, main: "env REDIS_URL;", env: { REDIS_URL: store.url } });
    await service.create();
    expect(await keys()).toBe(":1\r\n");
  }
  await using service = await startSessions({ http, main: `env REDIS_URL=${store.url};` });
  await service.create();
  expect(await keys()).toBe(":2\r\n");
}, 60_000);
