import { expect, test } from "bun:test";
import { block, start, until } from "../lib/index.ts";

const big = { "a.html": "ok", "big.bin": "x".repeat(4 << 20) };

const slow = `
  limit_conn one 1;
  location / { }
  location /dry/ { alias html/; limit_conn_dry_run on; }
  location /other/ { alias html/; limit_conn_status 429; limit_conn_log_level warn; }
  location /slow/ { alias html/; limit_rate 1k; }
`;

for (const workers of [1, 2])
  test(`one at a time for a key, over ${workers} workers`, async () => {
    await using server = await start({
      workers,
      http: "limit_conn_zone $arg_k zone=one:1m; add_header X-Status $limit_conn_status always;",
      server: slow,
      files: big,
    });
    const status = async (path: string) => (await server.get(path)).status;
    const holding = await server.connect();
    holding.request({ path: "/slow/big.bin?k=1" });
    await holding.untilText("\r\n\r\n");
    expect(await status("/a.html?k=1")).toBe(503);
    expect(await status("/other/a.html?k=1")).toBe(429);
    expect(await status("/a.html?k=2")).toBe(200);
    expect(await status("/a.html")).toBe(200);
    const dry = await server.get("/dry/a.html?k=1");
    expect([dry.status, dry.headers.get("x-status")]).toEqual([200, "REJECTED_DRY_RUN"]);
    await server.logged(/\[error\] .* limiting connections by zone "one", client: /);
    await server.logged(/\[warn\] .* limiting connections by zone "one"/);
    await server.logged(/limiting connections, dry run, by zone "one"/);
    holding[Symbol.dispose]();
    await until(
      () => "the place to be given back",
      async () => (await status("/a.html?k=1")) === 200,
    );
  });

test("who is refused after a wait finds why in the log once the connection closed", async () => {
  await using server = await start({ http: "limit_conn_zone $arg_k zone=one:1m;", server: slow, files: big });
  using holding = await server.connect();
  holding.request({ path: "/slow/big.bin?k=1" });
  await holding.untilText("\r\n\r\n");
  for (let i = 1; i <= 20; i++) {
    const { status } = await server.get("/a.html?k=1", { headers: { Connection: "close" } });
    expect([status, server.errorLog().match(/limiting connections/g)?.length]).toEqual([503, i]);
  }
});

block("no such zone", { server: "limit_conn none 1;", refused: ['zero size shared memory zone "none"'] });
block("no number", {
  http: "limit_conn_zone $uri zone=one:1m;",
  server: "limit_conn one 0;",
  refused: ['invalid number of connections "0"'],
});
