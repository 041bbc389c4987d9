import { describe, expect, test } from "bun:test";
import { resolve } from "node:path";
import { connect, freePort, until } from "../lib/index.ts";
import { type Redis, redis, redisCluster, redisSentinel } from "../lib/services.ts";
import { type Reply, type SessionService, startSessions } from "../lib/session.ts";
import { TcpLink } from "../lib/tcp_link.ts";

const limit = 60_000;
const unknownId = "0123456789abcdef0123456789abcdef";

/** How each endpoint has to answer while the store cannot be reached. */
async function expectUnavailable(service: SessionService, id: string): Promise<void> {
  const retry = { status: 503, retryAfter: "1", json: { error: "Session store unavailable" } };
  expect(await service.ask(`validate?session_id=${id}`)).toMatchObject(retry);
  expect(await service.ask(`update?session_id=${id}&user_data=x`)).toMatchObject(retry);
  expect(await service.ask(`delete?session_id=${id}`)).toMatchObject(retry);
  const failed = { status: 500, json: { error: "Redis connection failed" } };
  expect(await service.ask("create?user_id=ann")).toMatchObject(failed);
  expect(await service.ask(`batch?session_ids=${id}`)).toMatchObject(failed);
  // What needs no store is answered as ever.
  expect((await service.ask("validate")).status).toBe(400);
  expect((await service.ask("validate?session_id=nonsense")).status).toBe(401);
}

const validate = (service: SessionService, id: string): Promise<Reply> => service.ask(`validate?session_id=${id}`);

/** Until a new session can be made and read: the service has found its store again. */
async function recovered(service: SessionService): Promise<string> {
  let id = "";
  await until(
    "a session",
    async () => {
      const reply = await service.ask("create?user_id=ann&user_data=new");
      if (reply.status !== 200) return false;
      id = reply.json.session_id;
      return (await validate(service, id)).status === 200;
    },
    20_000,
  );
  return id;
}

/** The time that an answer takes, in milliseconds. */
async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

describe("one Redis", () => {
  test(
    "that is not there: every answer says so at once, and it is found when it comes",
    async () => {
      await using store = await redis();
      await store.kill();
      await using service = await startSessions({ redisUrl: store.url });
      expect(await timed(() => expectUnavailable(service, unknownId))).toBeLessThan(2000);
      await store.restart();
      await recovered(service);
      await service.server.logged(/redis "main" is not reachable/);
      await service.server.logged(/redis "main" is connected again/);
    },
    limit,
  );

  test(
    "that hangs: known sessions are answered for a while, then nothing waits and nothing is wrong",
    async () => {
      await using store = await redis();
      await using service = await startSessions({
        redisUrl: store.url,
        redis: "timeout=500ms",
        http: "session_cache 300s stale=2s;",
      });
      const id = await service.create();
      await until("it to be known", async () => (await validate(service, id)).status === 200);
      store.process.kill("SIGSTOP");
      try {
        expect((await validate(service, id)).status).toBe(200);
        // Who asks while nobody knows yet waits until the watchdog does, and no longer.
        expect(
          await timed(async () => expect((await service.ask(`validate?session_id=${unknownId}`)).status).toBe(503)),
        ).toBeLessThan(3000);
        await until("the end of trust", async () => {
          const { status } = await validate(service, id);
          expect([200, 503]).toContain(status);
          return status === 503;
        });
        expect(await timed(() => expectUnavailable(service, id))).toBeLessThan(1000);
      } finally {
        store.process.kill("SIGCONT");
      }
      await recovered(service);
      expect((await validate(service, id)).status).toBe(200);
    },
    limit,
  );

  test(
    "that has lost its data is believed",
    async () => {
      await using store = await redis();
      await using service = await startSessions({ redisUrl: store.url, workers: 2 });
      const id = await service.create();
      expect((await validate(service, id)).status).toBe(200);
      await store.kill();
      await store.restart();
      await recovered(service);
      await until("it to be forgotten", async () => (await validate(service, id)).status === 401);
    },
    limit,
  );

  test(
    "that restarts while requests come: no answer is wrong",
    async () => {
      await using store = await redis(["--appendonly", "yes", "--appendfsync", "always"]);
      await using service = await startSessions({ redisUrl: store.url, http: "session_cache off;", workers: 2 });
      const id = await service.create();
      let running = true;
      const statuses = new Map<number, number>();
      const load = async () => {
        while (running) {
          const { status } = await validate(service, id);
          statuses.set(status, (statuses.get(status) ?? 0) + 1);
        }
      };
      const loads = [load(), load(), load(), load()];
      for (let i = 0; i < 3; i++) {
        await store.kill();
        await until("an answer without the store", () => (statuses.get(503) ?? 0) > i * 10);
        await store.restart();
        await recovered(service);
      }
      running = false;
      await Promise.all(loads);
      expect([...statuses.keys()].sort()).toEqual([200, 503]);
    },
    limit,
  );

  test(
    "that is read-only or has no memory: reads go on",
    async () => {
      await using store = await redis();
      await using service = await startSessions({ redisUrl: store.url, http: "session_cache off;" });
      const id = await service.create();
      const expectReadsOnly = async (): Promise<void> => {
        expect((await validate(service, id)).status).toBe(200);
        expect((await service.ask(`batch?session_ids=${id}`)).json.sessions[id].user_id).toBe("ann");
        expect(await service.ask("create?user_id=ann")).toMatchObject({
          status: 500,
          json: { error: "Failed to store session" },
        });
        expect(await service.ask(`update?session_id=${id}&user_data=x`)).toMatchObject({
          status: 503,
          retryAfter: "1",
        });
      };
      await store.command("CONFIG", "SET", "maxmemory", "1");
      await expectReadsOnly();
      await store.command("CONFIG", "SET", "maxmemory", "0");
      // Writes are refused as long as there is no replica.
      await store.command("CONFIG", "SET", "min-replicas-to-write", "1");
      await expectReadsOnly();
      await store.command("CONFIG", "SET", "min-replicas-to-write", "0");
      // As one is that was set back to a replica, of a primary that cannot be reached.
      await store.command("REPLICAOF", "127.0.0.1", String(await freePort()));
      await expectReadsOnly();
      await store.command("REPLICAOF", "NO", "ONE");
      expect((await service.ask(`update?session_id=${id}&user_data=x`)).status).toBe(200);
    },
    limit,
  );

  test(
    "that takes no more clients is tried until it does",
    async () => {
      await using store = await redis();
      await store.command("CONFIG", "SET", "maxclients", "1");
      using _other = await connect({ port: store.port });
      await using service = await startSessions({ redisUrl: store.url });
      expect((await service.ask("create?user_id=ann")).status).toBe(500);
      await service.server.logged(/redis "main" is not reachable: .*max number of clients reached/);
      _other[Symbol.dispose]();
      await until("a place", async () => (await store.command("CONFIG", "SET", "maxclients", "100")) === "+OK\r\n");
      await recovered(service);
    },
    limit,
  );

  test(
    "a hash that is no session is none, and other types are not taken for one",
    async () => {
      await using store = await redis();
      await using service = await startSessions({ redisUrl: store.url });
      const [partial, list, more] = ["1", "2", "3"].map((digit) => digit.repeat(32)) as [string, string, string];
      await store.command("HSET", `session:${partial}`, "last_accessed", "1");
      await store.command("RPUSH", `session:${list}`, "x");
      await store.command(
        "HSET",
        `session:${more}`,
        "user_id",
        "a/b\\/",
        "created_at",
        "nan",
        "role",
        "of somebody else's",
      );
      expect((await validate(service, partial)).status).toBe(401);
      for (const target of ["validate?", "update?user_data=x&", "delete?"])
        expect((await service.ask(`${target}session_id=${list}`)).status).toBe(401);
      expect(await store.command("LLEN", `session:${list}`)).toBe(":1\r\n");
      const found = { user_id: "a/b\\/", user_data: "", created_at: 0, last_accessed: 0 };
      const batch = await service.ask(`batch?session_ids=${more},${list},${unknownId}`);
      expect(batch.json.sessions).toEqual({ [more]: found });
      expect(batch.text).toContain('"a/b\\\\/"');
      expect((await validate(service, more)).json.session).toEqual({ ...found, last_accessed: expect.any(Number) });
    },
    limit,
  );

  test(
    "what may wait for it is bounded",
    async () => {
      await using store = await redis();
      await using service = await startSessions({
        redisUrl: store.url,
        redis: "queue=10 timeout=2s",
        http: "session_cache off;",
      });
      const ids = await Promise.all(Array.from({ length: 5 }, () => service.create()));
      store.process.kill("SIGSTOP");
      try {
        const replies = await Promise.all(
          Array.from({ length: 40 }, (_, i) => Bun.sleep(i * 5).then(() => validate(service, ids[i % 5]!))),
        );
        expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([503]));
      } finally {
        store.process.kill("SIGCONT");
      }
      await recovered(service);
    },
    limit,
  );
});

test(
  "several connections to one Redis: what one of them waits for holds nobody up",
  async () => {
    await using store = await redis();
    await using service = await startSessions({
      redisUrl: store.url,
      redis: "pool=3 timeout=60s", // a connection that has something to wait for answers no question either
      http: `session_cache off; init_worker_by_ts_block {
        ngx.timer.at(0, () => void ngx.redis("main").send("", ["BLPOP", "never", "0"]));
      }`,
    });
    await until("the waiting one", async () => (await store.command("INFO", "clients")).includes("blocked_clients:1"));
    const clients = (await store.command("CLIENT", "LIST")).split("\n").filter((line) => line.startsWith("id="));
    expect(clients).toHaveLength(1 + 3);
    const ids = await Promise.all(Array.from({ length: 8 }, () => service.create()));
    for (const id of ids) expect((await validate(service, id)).status).toBe(200);
    expect(await store.command("INFO", "clients")).toContain("blocked_clients:1");
  },
  limit,
);

test(
  "a Redis that wants TLS and a password gets both",
  async () => {
    const fixture = (name: string) => resolve(import.meta.dir, "fixtures", name);
    const tlsPort = await freePort();
    const keys = [
      "--tls-cert-file",
      fixture("cert.pem"),
      "--tls-key-file",
      fixture("key.pem"),
      "--tls-ca-cert-file",
      fixture("cert.pem"),
    ];
    await using store = await redis(["--tls-port", String(tlsPort), "--tls-auth-clients", "no", ...keys]);
    await store.command("CONFIG", "SET", "requirepass", "secret word");
    const connectedTo = async (options: string) => {
      await using service = await startSessions({
        redisUrl: `redis://127.0.0.1:${tlsPort}`,
        redis: options,
        files: { "/conf/password": "secret word\n", "/conf/wrong": "another\n" },
      });
      const { status } = await service.ask("create?user_id=ann");
      return { status, log: service.server.errorLog() };
    };
    expect((await connectedTo(`tls=${fixture("cert.pem")} password_file=conf/password`)).status).toBe(200);
    const wrong = await connectedTo(`tls=${fixture("cert.pem")} password_file=conf/wrong`);
    expect(wrong).toMatchObject({ status: 500, log: expect.stringContaining("WRONGPASS") });
    const untrusted = await connectedTo("tls=on password_file=conf/password");
    expect(untrusted).toMatchObject({ status: 500, log: expect.stringMatching(/not reachable: .*certificate/i) });
    expect((await connectedTo("tls=off password_file=conf/password")).status).toBe(500);
  },
  limit,
);

describe("two machines on one Redis", () => {
  const http = "session_cache 300s stale=1s;";

  /** A service that reaches the store over a wire that can be cut. */
  async function behind(
    store: Redis,
    stack: AsyncDisposableStack,
  ): Promise<{ service: SessionService; link: TcpLink }> {
    const link = stack.use(await TcpLink.to(store.port));
    const service = stack.use(
      await startSessions({ redisUrl: `redis://127.0.0.1:${link.port}`, redis: "timeout=400ms", http, workers: 2 }),
    );
    return { service, link };
  }

  test(
    "one hears at once of what was changed through the other",
    async () => {
      await using stack = new AsyncDisposableStack();
      const store = stack.use(await redis());
      const one = stack.use(await startSessions({ redisUrl: store.url, http, workers: 2 }));
      const { service: other } = await behind(store, stack);
      for (let i = 0; i < 20; i++) {
        const id = await one.create();
        for (const service of [one, other]) expect((await validate(service, id)).json.session.user_data).toBe("first");
        await one.ask(`update?session_id=${id}&user_data=second`);
        await until("the update", async () => (await validate(other, id)).json.session.user_data === "second", 1000);
        await other.ask(`delete?session_id=${id}`);
        await until("the end of the session", async () => (await validate(one, id)).status === 401, 1000);
      }
    },
    limit,
  );

  test(
    "one that is cut off stops believing what it knew, and forgets it when it is back",
    async () => {
      await using stack = new AsyncDisposableStack();
      const store = stack.use(await redis());
      const one = stack.use(await startSessions({ redisUrl: store.url, http }));
      const { service: other, link } = await behind(store, stack);
      const id = await one.create();
      const kept = await one.create("bob");
      for (const known of [id, kept]) expect((await validate(other, known)).status).toBe(200);

      link.cut();
      const cutMs = Date.now();
      await one.ask(`delete?session_id=${id}`);
      // As long as it may, it answers from memory; after that it says that it does not know.
      let lastGoodMs = 0;
      await until("the end of trust", async () => {
        const askedMs = Date.now();
        const { status } = await validate(other, id);
        if (status === 200) lastGoodMs = askedMs;
        else expect(status).toBe(503);
        return status === 503 && Date.now() - cutMs > 2500;
      });
      expect(lastGoodMs - cutMs).toBeLessThan(1100);

      link.heal();
      await until("the answer of the store", async () => {
        const { status } = await validate(other, id);
        expect([401, 503]).toContain(status);
        return status === 401;
      });
      // The other worker may need another moment to be connected again.
      await until(
        "the session that was kept",
        async () => (await validate(other, kept)).json.session?.user_id === "bob",
      );
    },
    limit,
  );

  test(
    "one that was cut off so shortly that it did not notice much forgets what it may have missed",
    async () => {
      await using stack = new AsyncDisposableStack();
      const store = stack.use(await redis());
      const one = stack.use(await startSessions({ redisUrl: store.url, http }));
      const { service: other, link } = await behind(store, stack);
      const id = await one.create();
      expect((await validate(other, id)).status).toBe(200);
      link.cut();
      await one.ask(`delete?session_id=${id}`);
      link.heal();
      await until("the answer of the store", async () => (await validate(other, id)).status === 401, 3000);
    },
    limit,
  );
});

test(
  "Sentinel: sessions go on with the successor of a primary that is gone",
  async () => {
    await using sentinel = await redisSentinel();
    await using service = await startSessions({
      redisUrl: "redis://ignored:1",
      redis: `sentinels=127.0.0.1:${await freePort()},127.0.0.1:${sentinel.port} master=${sentinel.name} timeout=500ms pool=2`,
      http: "session_cache off;",
      workers: 2,
    });
    const id = await recovered(service);
    await until(
      "the replica to have it",
      async () => (await sentinel.replica.command("EXISTS", `session:${id}`)) === ":1\r\n",
    );
    await sentinel.primary.kill();
    await until(
      "the session from the successor",
      async () => {
        const { status } = await validate(service, id);
        expect([200, 503]).toContain(status);
        return status === 200;
      },
      30_000,
    );
    await recovered(service);
    expect(await sentinel.replica.command("ROLE")).toContain("master");
  },
  limit,
);

test(
  "Cluster: sessions are on all nodes, follow slots that move, and those of a lost node are not called unknown",
  async () => {
    await using cluster = await redisCluster();
    await using service = await startSessions({
      redisUrl: cluster.nodes[0]!.url,
      redis: "cluster=on timeout=500ms",
      workers: 2,
    });
    await recovered(service);
    const ids = await Promise.all(Array.from({ length: 60 }, () => service.create()));
    const { json } = await service.ask(`batch?session_ids=${ids.join(",")}`);
    expect(Object.keys(json.sessions)).toHaveLength(60);
    const counts = await Promise.all(
      cluster.nodes.map(async (node) => Number((await node.command("DBSIZE")).slice(1))),
    );
    expect(counts.reduce((sum, count) => sum + count)).toBe(61);
    for (const count of counts) expect(count).toBeGreaterThan(0);

    // Moves one session's slot, with what is in it, to another node.
    const [id] = ids as [string];
    const key = `session:${id}`;
    const slot = Number((await cluster.nodes[0]!.command("CLUSTER", "KEYSLOT", key)).slice(1));
    const from = cluster.nodes[Math.min(2, Math.floor(slot / Math.ceil(16_384 / 3)))]!;
    const to = cluster.nodes.find((node) => node !== from)!;
    const nameOf = async (node: Redis) => (await node.command("CLUSTER", "MYID")).split("\r\n")[1]!;
    await to.command("CLUSTER", "SETSLOT", String(slot), "IMPORTING", await nameOf(from));
    await from.command("CLUSTER", "SETSLOT", String(slot), "MIGRATING", await nameOf(to));
    expect(await from.command("MIGRATE", "127.0.0.1", String(to.port), key, "0", "5000")).toBe("+OK\r\n");
    expect(await service.ask(`update?session_id=${id}&user_data=moving`)).toMatchObject({ status: 200 });
    for (const node of [to, from, ...cluster.nodes])
      await node.command("CLUSTER", "SETSLOT", String(slot), "NODE", await nameOf(to));
    expect(await service.ask(`update?session_id=${id}&user_data=moved`)).toMatchObject({
      status: 200,
      json: { session: { user_data: "moved" } },
    });
    expect((await validate(service, id)).json.session.user_data).toBe("moved");

    // Deleted through one worker, gone on the other: messages come from any node.
    await service.ask(`delete?session_id=${ids[1]}`);
    for (let i = 0; i < 8; i++) expect((await validate(service, ids[1]!)).status).toBe(401);

    await cluster.nodes[2]!.kill();
    await until("the sessions of the lost node to be unavailable", async () => {
      const statuses = await Promise.all(
        ids.slice(2).map(async (one) => (await service.ask(`update?session_id=${one}&user_data=x`)).status),
      );
      for (const status of statuses) expect([200, 503]).toContain(status);
      return statuses.includes(503);
    });
  },
  limit,
);
