import { afterAll, describe, expect, test } from "bun:test";
import { join, resolve } from "node:path";
import { runtimeArgv } from "../../src/cli/self.ts";
import { Authority } from "../lib/certificates.ts";
import { makeFolder, removeFolder } from "../lib/folder.ts";
import { freePort } from "../lib/index.ts";
import { mariadb, redis, redisCluster, redisSentinel, redisTls } from "../lib/services.ts";
import { type SessionOptions, startSessions } from "../lib/session.ts";

const limit = 90_000;
const root = resolve(import.meta.dir, "../..");
const authority = new Authority();
afterAll(() => authority[Symbol.dispose]());

/** Sessions of somebody who reaches the store, and of somebody who must not. */
async function outcome(options: SessionOptions): Promise<{ status: number; log: string }> {
  await using service = await startSessions(options);
  const { status, json } = await service.ask("create?user_id=ann");
  if (status === 200) expect((await service.ask(`update?session_id=${json.session_id}&user_data=x`)).status).toBe(200);
  return { status, log: service.server.errorLog() };
}

describe("Redis", () => {
  const own = authority.issue("address", "IP:127.0.0.1");

  test(
    "is believed when its certificate is good for the address, or for the name that was said",
    async () => {
      const port = await freePort();
      await using _store = await redis(redisTls(authority, own, port));
      const namedPort = await freePort();
      const named = authority.issue("named", "DNS:sessions.test");
      await using _named = await redis(redisTls(authority, named, namedPort));
      const at = (where: number, redis: string) => outcome({ redisUrl: `rediss://127.0.0.1:${where}`, redis });

      expect((await at(port, `tls=${authority.ca} pool=2`)).status).toBe(200);
      expect(await at(port, "")).toMatchObject({
        status: 500,
        log: expect.stringMatching(/main" is not .*certificate/),
      });
      expect((await at(port, "tls=unverified")).status).toBe(200);
      expect(await at(namedPort, `tls=${authority.ca}`)).toMatchObject({
        status: 500,
        log: expect.stringMatching(/127\.0\.0\.1 is not in the cert's list/),
      });
      expect((await at(namedPort, `tls=${authority.ca} tls_name=sessions.test`)).status).toBe(200);
      expect((await at(namedPort, `tls=${authority.ca} tls_name=other.test`)).status).toBe(500);
    },
    limit,
  );

  test(
    "that wants a certificate of its clients gets it",
    async () => {
      const port = await freePort();
      await using _store = await redis(redisTls(authority, own, port, "yes"));
      const redisUrl = `redis://127.0.0.1:${port}`;
      const client = authority.issue("client", "DNS:client.test");
      const shown = `tls=${authority.ca} tls_cert=${client.cert} tls_key=${client.key}`;
      expect((await outcome({ redisUrl, redis: shown })).status).toBe(200);
      expect((await outcome({ redisUrl, redis: `tls=${authority.ca}` })).status).toBe(500);
    },
    limit,
  );

  test(
    "and its Sentinels",
    async () => {
      await using sentinel = await redisSentinel((port) => redisTls(authority, own, port));
      const at = (port: number, more: string) =>
        outcome({
          redisUrl: "redis://ignored:1",
          redis: `sentinels=127.0.0.1:${port} master=${sentinel.name} pool=2 ${more}`,
        });
      expect((await at(sentinel.tlsPort, `tls=${authority.ca}`)).status).toBe(200);
      expect((await at(sentinel.port, `tls=${authority.ca} sentinel_tls=off`)).status).toBe(200);
      expect((await at(sentinel.port, `tls=${authority.ca}`)).status).toBe(500);
      expect((await at(sentinel.tlsPort, `tls=on`)).status).toBe(500);
    },
    limit,
  );

  test(
    "that is a cluster: all of its nodes",
    async () => {
      await using cluster = await redisCluster((port) => redisTls(authority, own, port));
      await using service = await startSessions({
        redisUrl: `rediss://127.0.0.1:${cluster.tlsPorts[0]}`,
        redis: `cluster=on pool=2 tls=${authority.ca}`,
      });
      const ids = await Promise.all(Array.from({ length: 30 }, () => service.create()));
      for (const id of ids) expect((await service.ask(`update?session_id=${id}&user_data=x`)).status).toBe(200);
      for (const node of cluster.nodes) {
        expect(await node.command("DBSIZE")).not.toBe(":0\r\n");
        // Nobody speaks in plain text but the one who asks this.
        const clients = (await node.command("CLIENT", "LIST")).split("\n").filter((line) => line.startsWith("id="));
        expect(clients.filter((line) => line.includes(`laddr=127.0.0.1:${node.port} `))).toHaveLength(1);
      }
    },
    limit,
  );
});

test(
  "MySQL over TLS: the certificate is compared with the address or the name, unless nobody is to look",
  async () => {
    const named = authority.issue("database", "DNS:database.test");
    const files = [`--ssl-ca=${authority.ca}`, `--ssl-cert=${named.cert}`, `--ssl-key=${named.key}`];
    await using server = await mariadb([...files, "--require-secure-transport=ON"]);
    const migrations = join(root, "handlers/api/session/_migrations/mysql");
    const directive = (tls: string) => `mysql main url=${server.url} ${tls} migrations=${migrations};`;
    const good = `tls=${authority.ca} tls_name=database.test`;
    const folder = makeFolder("migrate");
    try {
      await Bun.write(join(folder, "conf/nginx.conf"), `events {} http { ${directive(good)} }`);
      const cmd = [process.execPath, ...runtimeArgv, join(root, "src/main.ts"), "db", "migrate", join(folder, "conf")];
      const run = Bun.spawn(process.env.RESTY_BIN ? [resolve(process.env.RESTY_BIN), ...cmd.slice(-3)] : cmd);
      expect(await run.exited).toBe(0);
    } finally {
      removeFolder(folder);
    }
    const by = (tls: string) => outcome({ http: directive(tls) });
    expect((await by(good)).status).toBe(200);
    expect((await by("tls=unverified")).status).toBe(200);
    expect(await by(`tls=${authority.ca}`)).toMatchObject({ status: 503, log: expect.stringContaining("altnames") });
    expect((await by("tls=on tls_name=database.test")).status).toBe(503);
    expect((await by("tls=off")).status).toBe(503);
  },
  limit,
);

test(
  "a MySQL without TLS is not spoken to in plain text where TLS was asked for",
  async () => {
    await using server = await mariadb(["--skip-ssl"]);
    expect(await outcome({ http: `mysql main url=${server.url} tls=unverified;` })).toMatchObject({
      status: 503,
      log: expect.stringContaining("does not support secure connection"),
    });
  },
  limit,
);
