import { expect, test } from "bun:test";
import { start, until } from "../lib/index.ts";

test("what a killed worker had at work is given back, and only that", async () => {
  await using server = await start({
    workers: 2,
    http: "limit_conn_zone $arg_k zone=one:1m; add_header X-Pid $pid;",
    server: "limit_conn one 2; location / { } location /slow/ { alias html/; limit_rate 1k; }",
    files: { "a.html": "ok", "big.bin": "x".repeat(4 << 20) },
    allow: [/worker process \d+ exited on signal/],
  });
  const held: { pid: number; close: () => void }[] = [];
  // Connections go to either worker as it comes: until each has one of the two places.
  while (new Set(held.map(({ pid }) => pid)).size < 2) {
    const connection = await server.connect();
    connection.request({ path: "/slow/big.bin?k=1" });
    const pid = Number(/X-Pid: (\d+)/.exec(await connection.untilText("\r\n\r\n"))?.[1]);
    const close = (): void => connection[Symbol.dispose]();
    if (held.some((other) => other.pid === pid) || !pid) close();
    else held.push({ pid, close });
    await until(
      "places to be given back",
      async () => (await server.get("/a.html?k=1")).status === (held.length < 2 ? 200 : 503),
    );
  }
  const [first, second] = held;
  expect((await server.get("/a.html?k=1")).status).toBe(503);
  process.kill(first!.pid, "SIGKILL");
  await until("the killed worker's place", async () => (await server.get("/a.html?k=1")).status === 200);
  const third = await server.connect();
  third.request({ path: "/slow/big.bin?k=1" });
  expect(await third.untilText("\r\n\r\n")).toStartWith("HTTP/1.1 200 ");
  expect((await server.get("/a.html?k=1")).status).toBe(503);
  second!.close();
  third[Symbol.dispose]();
  first!.close();
}, 30_000);
