import { expect, test } from "bun:test";
import { start, until } from "../lib/index.ts";

test("a handler that loops for ever costs its worker, and nobody else's requests", async () => {
  await using server = await start({
    workers: 2,
    main: "worker_stall_timeout 1s; error_log logs/error.log notice;",
    http: "shared_dict seen 1m;",
    server: `
      location = /loop { content_by_ts_block { ngx.shared.seen.set("looping", ngx.worker.pid()); for (;;); } }
      location = /loop-later { content_by_ts_block { await ngx.sleep(0.01); for (;;); } }
      location = /wait { content_by_ts_block { await ngx.sleep(30); return "waited"; } }
      location = /pid { content_by_ts_block { return ngx.worker.pid() + " " + ngx.shared.seen.get("looping"); } }
    `,
    allow: [/has not answered for 1000 ms and is replaced/, /exited on signal 9/],
  });
  const looping = server.get("/loop?n=1").then(
    () => "answered",
    () => "closed",
  );
  // The line says which script it was, and for which request.
  await server.logged(
    /has not answered for 1000 ms and is replaced: it was in content_by_ts_block in \S+nginx\.conf:\d+ for "GET \/loop\?n=1"/,
  );
  expect(await looping).toBe("closed");
  // What the dead worker had put into shared memory is there, and a new one has taken its place.
  await until("two live workers", async () => {
    const pids = new Set<string>();
    for (let i = 0; i < 20; i++) {
      const response = await server.get("/pid", { headers: { Connection: "close" } });
      pids.add((await response.text()).split(" ")[0]!);
    }
    return pids.size === 2;
  });
  const [pid, looped] = (await (await server.get("/pid")).text()).split(" ");
  expect(Number(looped)).toBeGreaterThan(0);
  expect(pid).not.toBe(looped);
  // Of one that loops after a wait, it is known that it had not ended.
  await server.get("/loop-later?n=2").catch(() => undefined);
  await server.logged(
    /is replaced: one of these did not come back after a wait, the latest first: content_by_ts_block in \S+nginx\.conf:\d+ for "GET \/loop-later\?n=2"/,
  );
}, 30_000);

/** What handlers do wrong, by path: the handler, what a client sees, and what the log says, with the place. */
const wrongs: readonly [path: string, script: string, status: number | "cut off", log: RegExp][] = [
  ["thrown", "throw 7;", 500, /nginx\.conf:\d+ failed: thrown: 7/],
  ["rejects", "await 0; throw { code: 3 };", 500, /thrown: \{\s+code: 3/],
  [
    "after-eof",
    'ngx.say("whole"); await ngx.eof(); throw new Error("after the end");',
    200,
    /after the end.*\n.*nginx\.conf:\d+/,
  ],
  [
    "after-head",
    'ngx.say("begun"); await ngx.flush(); throw new Error("after the head");',
    "cut off",
    /after the head.*\n.*nginx\.conf:\d+/,
  ],
  [
    "unhandled",
    'setTimeout(() => { throw new Error("in its timer"); }, 1); void Promise.reject(new Error("nobody waits")); return "ok";',
    200,
    /in its timer[^]*nginx\.conf:\d+/,
  ],
  [
    "say-after-exit",
    'try { ngx.exit(404); } catch {} ngx.say("more");',
    404,
    /ngx\.say called after the handler was left.*\n.*nginx\.conf:\d+/,
  ],
  [
    "headers-twice",
    'await ngx.sendHeaders(); await ngx.sendHeaders(); ngx.status = 500; ngx.header.x_late = "1"; ngx.say("once");',
    200,
    /attempt to set ngx\.header\.x_late after sending out response headers/,
  ],
  [
    "broken-stream",
    'return (async function* () { yield "a"; await ngx.sleep(0.005); yield "b"; throw new Error("half way"); })();',
    "cut off",
    /Error: half way.*\n.*nginx\.conf:\d+/,
  ],
  [
    "wrong-chunk",
    'return (async function* () { yield "a"; yield 7; })();',
    "cut off",
    /nginx\.conf:\d+ failed: TypeError: a stream gave 7/,
  ],
  ["cyclic", "const a = {}; a.a = a; return a;", 500, /nginx\.conf:\d+ failed: TypeError: .*cyclic structure/],
  ["recursion", "const f = () => f() + 1; return f();", 500, /Maximum call stack/],
  ["status", "ngx.status = 7; return 1;", 500, /7 is no status.*\n.*nginx\.conf:\d+/],
  ["missing", 'const { x } = await import("no-such-package"); return x;', 500, /no-such-package[^]*nginx\.conf:\d+/],
  ["undefined", "return ngx.nothing.at.all;", 500, /TypeError: .*\n.*nginx\.conf:\d+/],
];

test("whatever a handler does wrong is logged with its place, and the worker answers the others", async () => {
  await using server = await start({
    server: `
      location = /pid { content_by_ts_block { await ngx.sleep(0.002); return ngx.worker.pid(); } }
      ${wrongs.map(([path, script]) => `location = /${path} { content_by_ts_block {\n${script}\n} }`).join("\n")}
    `,
    allow: [/in its timer/, /nobody waits/],
  });
  const pid = await (await server.get("/pid")).text();
  const seen = async (path: string): Promise<number | "cut off"> => {
    try {
      const response = await server.get(`/${path}`);
      await response.text();
      return response.status;
    } catch {
      return "cut off";
    }
  };
  const rounds = Array.from({ length: 5 }, async () => {
    const [pids, answers] = await Promise.all([
      Promise.all(wrongs.map(async () => (await server.get("/pid")).text())),
      Promise.all(wrongs.map(async ([path]) => [path, await seen(path)])),
    ]);
    expect(new Set(pids)).toEqual(new Set([pid]));
    expect(answers).toEqual(wrongs.map(([path, , status]) => [path, status]));
  });
  await Promise.all(rounds);
  for (const [, , , log] of wrongs) await server.logged(log);
}, 30_000);

test("a WebSocket lives on through a reload, served by the code it began with", async () => {
  await using server = await start({
    main: "error_log logs/error.log notice;",
    http: "handlers handlers;",
    server: "location / { return 404; }",
    handlers: {
      "ws.ts":
        'import type { Ngx } from "resty";\nconst made = performance.now();\nexport default async (ngx: Ngx) => {\n' +
        "  const socket = ngx.websocket();\n  for await (const message of socket) socket.send(`${message} ${made}`);\n};\n",
    },
  });
  const sockets: WebSocket[] = [];
  const open = async (): Promise<(text: string) => Promise<string>> => {
    const socket = new WebSocket(`ws://127.0.0.1:${server.port()}/ws`);
    sockets.push(socket);
    await new Promise((resolve) => (socket.onopen = resolve));
    return (text) => {
      const { promise, resolve } = Promise.withResolvers<string>();
      socket.onmessage = ({ data }) => resolve(String(data));
      socket.send(text);
      return promise;
    };
  };
  const ask = await open();
  const before = await ask("a");
  for (let n = 0; n < 3; n++) {
    const lines = server.errorLog().match(/generation \d+ serves/g)?.length ?? 0;
    process.kill(server.pid, "SIGHUP");
    await until("the next generation", () => (server.errorLog().match(/generation \d+ serves/g)?.length ?? 0) > lines);
    expect(await ask("a")).toBe(before);
  }
  const later = await open();
  expect(await later("a")).not.toBe(before);
  for (const socket of sockets) socket.close();
}, 30_000);

test("timers that a handler leaks have a limit, and do not hold a stop up", async () => {
  await using server = await start({
    http: "lua_max_pending_timers 10;",
    server: `location = /leak { content_by_ts_block {
      let made = 0;
      try { for (;;) { ngx.timer.at(3600, () => {}); made++; } } catch (error) { return made + " " + error.message; }
    } }`,
  });
  expect(await (await server.get("/leak")).text()).toBe("10 too many pending timers");
  const from = performance.now();
  await server.stop();
  expect(performance.now() - from).toBeLessThan(5000);
}, 30_000);
