import { expect, test } from "bun:test";
import mysql from "mysql2/promise";
import { mariadb, nginx, redis, redisCluster, redisSentinel } from "../lib/services.ts";
import { until } from "../lib/wait.ts";

test("redis keeps its port over a crash", async () => {
  await using server = await redis();
  expect(await server.command("SET", "a", "ä")).toBe("+OK\r\n");
  expect(await server.command("GET", "a")).toBe("$2\r\nä\r\n");
  await server.kill();
  await expect(server.command("PING")).rejects.toThrow();
  await server.restart();
  expect(await server.command("GET", "a")).toBe("$-1\r\n");
});

test("Sentinel names another primary when the first is gone", async () => {
  await using sentinel = await redisSentinel();
  await sentinel.primary.kill();
  await until("the replica to become primary", async () => {
    const role = await sentinel.replica.command("ROLE").catch(() => ""); // it drops its clients when it is promoted
    return role.includes("master");
  });
}, 30_000);

test("the nodes of a cluster send a client to the one that has the key", async () => {
  await using cluster = await redisCluster();
  const answers = await Promise.all(cluster.nodes.map((node) => node.command("SET", "a", "1")));
  expect(answers.filter((answer) => answer === "+OK\r\n")).toHaveLength(1);
  expect(answers.filter((answer) => answer.startsWith("-MOVED"))).toHaveLength(2);
}, 30_000);

test("mariadb has an empty database and a user for it", async () => {
  await using server = await mariadb();
  const connection = await mysql.createConnection(server.url);
  await connection.query("CREATE TABLE t (a INT)");
  await connection.query("INSERT INTO t VALUES (7)");
  const [rows] = await connection.query("SELECT a FROM t");
  expect(rows).toEqual([{ a: 7 }] as never);
  await connection.end();
}, 60_000);

test("nginx serves files and what its configuration says", async () => {
  await using server = await nginx({ server: "location /text { return 200 text; }", files: { "a.txt": "file" } });
  expect(await (await fetch(`${server.url}/text`)).text()).toBe("text");
  expect(await (await fetch(`${server.url}/a.txt`)).text()).toBe("file");
});
