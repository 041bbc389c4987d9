import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, type Server, start, until } from "../lib/index.ts";

const generations = (server: Server): number => server.errorLog().match(/generation \d+ serves/g)?.length ?? 0;

async function reload(server: Server): Promise<void> {
  const before = generations(server);
  process.kill(server.pid, "SIGHUP");
  await until("the next generation", () => generations(server) > before);
}

/** Asks for `path` over and over, on a connection that stays open or on new ones. */
function load(
  server: Server,
  path: string,
  keepalive: boolean,
): { stop: () => Promise<{ answered: number; failed: string[] }> } {
  let stopping = false;
  const failed: string[] = [];
  let answered = 0;
  const done = (async () => {
    while (!stopping) {
      try {
        const response = await server.get(path, keepalive ? {} : { headers: { Connection: "close" } });
        const text = await response.text();
        if (response.status === 200 && /^v\d+$/.test(text)) answered++;
        else failed.push(`${response.status} ${text.slice(0, 100)}`);
      } catch (error) {
        failed.push((error as Error).message);
      }
    }
  })();
  return {
    async stop() {
      stopping = true;
      await done;
      return { answered, failed };
    },
  };
}

const version = (n: number): string => `export const version = "v${n}";\n`;
const handler =
  'import type { Ngx } from "resty";\nimport { version } from "../_lib/version.ts";\nexport default async (ngx: Ngx) => { await ngx.sleep(0.002); return version; };\n';

test("handlers and what they import are replaced under load, and nothing is lost", async () => {
  await using server = await start({
    workers: 2,
    main: "error_log logs/error.log notice;",
    http: "handlers handlers;",
    server: "location / { return 404; }",
    handlers: { "_lib/version.ts": version(0), "api/version.ts": handler },
  });
  const clients = [true, true, false, false].map((keepalive) => load(server, "/api/version", keepalive));
  const rounds = 20;
  for (let n = 1; n <= rounds; n++) {
    writeFileSync(server.path("handlers/_lib/version.ts"), version(n));
    await reload(server);
    expect(await (await server.get("/api/version")).text()).toBe(`v${n}`);
  }
  let answered = 0;
  for (const client of clients) {
    const result = await client.stop();
    expect(result.failed).toEqual([]);
    answered += result.answered;
  }
  expect(answered).toBeGreaterThan(rounds);
}, 60_000);

test("a handler that does not compile leaves the old one serving, and says where", async () => {
  await using server = await start({
    main: "error_log logs/error.log notice;",
    http: "handlers handlers;",
    server: "location / { return 404; }",
    handlers: { "a.ts": 'export default () => "old";\n' },
    allow: [/./],
  });
  writeFileSync(server.path("handlers/a.ts"), "export default () => {\n  const x = ;\n};\n");
  process.kill(server.pid, "SIGHUP");
  await server.logged(/handlers\/a\.ts:2:\d+/);
  expect(await (await server.get("/a")).text()).toBe("old");
  writeFileSync(server.path("handlers/a.ts"), 'export default () => "new";\n');
  await reload(server);
  expect(await (await server.get("/a")).text()).toBe("new");
}, 30_000);

test("timers of the old generation are told and cancelled, what it opened is closed, long answers end well", async () => {
  await using server = await start({
    main: "error_log logs/error.log notice;",
    http: `shared_dict seen 1m;
      init_worker_by_ts_block {
        const { seen } = ngx.shared;
        seen.incr("generations", 1, 0);
        setInterval(() => seen.incr("leaked", 1, 0), 5);
        ngx.timer.at(3600, (premature) => { seen.set("premature", premature); });
      }
      exit_worker_by_ts_block { ngx.shared.seen.incr("exits", 1, 0); }`,
    server: `
      location = /seen { content_by_ts_block { return String(ngx.shared.seen.get(ngx.req.arg("key"))); } }
      location = /long { content_by_ts_block {
        ngx.print("a"); await ngx.flush();
        while (ngx.shared.seen.get("generations") < 2) await ngx.sleep(0.005);
        ngx.print("b");
      } }`,
  });
  const seen = async (key: string): Promise<string> => (await server.get(`/seen?key=${key}`)).text();
  const long = server.get("/long").then((response) => response.text());
  await until("the old generation's interval", async () => Number(await seen("leaked")) > 2);
  await reload(server);
  expect(await long).toBe("ab");
  await until("the old generation's end", async () => (await seen("exits")) === "1");
  expect(await seen("premature")).toBe("true");
  expect(await seen("generations")).toBe("2");
}, 30_000);

// RELOADS=500 bun test test/process/handlers_reload.test.ts -t memory
test("memory returns to its level after many reloads under load, and no request fails", async () => {
  await using server = await start({
    main: "error_log logs/error.log notice;",
    http: "handlers handlers;",
    server: "location / { return 404; }",
    handlers: Object.fromEntries(
      Array.from({ length: 20 }, (_, i) => [
        `h${i}.ts`,
        `${`export const x${i} = ${"1+".repeat(200)}1;\n`.repeat(1)}export default () => "v${i}";\n`,
      ]),
    ),
  });
  const worker = Number(
    Bun.spawnSync(["pgrep", "-P", String(server.pid)])
      .stdout.toString()
      .split("\n")[0],
  );
  const residentMb = (): number =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${worker}/status`, "utf8"))![1]) / 1024;
  const rounds = Number(process.env.RELOADS ?? 60);
  const warm = Math.ceil(rounds / 3);
  const clients = [true, false].map((keepalive) => load(server, "/h7", keepalive));
  let level = 0;
  for (let n = 1; n <= rounds; n++) {
    await reload(server);
    if (n === warm) level = residentMb();
  }
  const growthMb = residentMb() - level;
  let answered = 0;
  for (const client of clients) {
    const result = await client.stop();
    expect(result.failed).toEqual([]);
    answered += result.answered;
  }
  const each = (growthMb * 1024) / (rounds - warm);
  console.log(
    `${rounds} reloads, ${answered} requests, 0 failed; ${level.toFixed(0)} MB after ${warm}, ` +
      `${growthMb.toFixed(1)} MB more at the end: ${each.toFixed(0)} KB a reload`,
  );
  // 0.3 MB each would be 150 MB after 500.
  expect(growthMb).toBeLessThan(0.3 * (rounds - warm));
}, 300_000);

test("serve --watch reloads on save and tells how long it took", async () => {
  // A master of our own, since the helper starts one the way nginx is started.
  const folder = mkdtempSync(join(tmpdir(), "resty-watch-"));
  mkdirSync(join(folder, "conf"), { recursive: true });
  mkdirSync(join(folder, "handlers"), { recursive: true });
  mkdirSync(join(folder, "logs"), { recursive: true });
  const port = await freePort();
  writeFileSync(
    join(folder, "conf/nginx.conf"),
    `events {} http { handlers handlers; server { listen 127.0.0.1:${port}; } }`,
  );
  writeFileSync(join(folder, "handlers/a.ts"), 'export default () => "one";\n');
  const master = Bun.spawn(
    [process.execPath, join(import.meta.dir, "../../src/main.ts"), "serve", join(folder, "conf"), "--watch"],
    { stderr: "pipe", stdout: "ignore" },
  );
  let said = "";
  void (async () => {
    for await (const chunk of master.stderr) said += Buffer.from(chunk).toString();
  })();
  const ask = async (): Promise<string> => {
    try {
      return await (await fetch(`http://127.0.0.1:${port}/a`)).text();
    } catch {
      return "";
    }
  };
  try {
    await until("the first answer", async () => (await ask()) === "one");
    writeFileSync(join(folder, "handlers/a.ts"), 'export default () => "two";\n');
    await until("the new handler", async () => (await ask()) === "two");
    await until("the time it took", () => /reloaded in \d+ ms/.test(said));
    writeFileSync(join(folder, "handlers/a.ts"), "export default () => {;\n");
    await until("the error", () => /a\.ts:\d+:\d+/.test(said));
    const page = await ask();
    expect(page).toContain("The last change cannot be served");
    expect(page).toMatch(/a\.ts:1:\d+/);
    writeFileSync(join(folder, "handlers/a.ts"), 'export default () => "three";\n');
    await until("the repaired handler", async () => (await ask()) === "three");
  } finally {
    master.kill("SIGTERM");
    await master.exited;
    rmSync(folder, { recursive: true });
  }
}, 30_000);

test("serve --inspect stops at a breakpoint of a block, in the configuration's line", async () => {
  const folder = mkdtempSync(join(tmpdir(), "resty-inspect-"));
  for (const name of ["conf", "logs"]) mkdirSync(join(folder, name));
  const [port, debugPort] = [await freePort(), await freePort()];
  const conf = join(folder, "conf/nginx.conf");
  writeFileSync(
    conf,
    `worker_stall_timeout 500ms; events {} http { server { listen 127.0.0.1:${port}; location = /a { content_by_ts_block {
  const n: number = 41;
  debugger;
  return String(n + 1);
} } } }`,
  );
  const command = [process.execPath, join(import.meta.dir, "../../src/main.ts"), "serve", conf];
  const master = Bun.spawn([...command, "--inspect", `127.0.0.1:${debugPort}`], { stdout: "ignore", stderr: "ignore" });
  try {
    await until("the worker", async () => {
      try {
        return (await fetch(`http://127.0.0.1:${port}/`)).status > 0;
      } catch {
        return false;
      }
    });
    const socket = new WebSocket(`ws://127.0.0.1:${debugPort}/resty`);
    const scripts = new Map<string, string>();
    const paused = Promise.withResolvers<string>();
    let ids = 0;
    const send = (method: string, params: object = {}): void =>
      socket.send(JSON.stringify({ id: ++ids, method, params }));
    socket.onmessage = ({ data }) => {
      const { method, params } = JSON.parse(String(data));
      if (method === "Debugger.scriptParsed") scripts.set(params.scriptId, params.url);
      if (method === "Debugger.paused") paused.resolve(scripts.get(params.callFrames[0].location.scriptId) ?? "");
    };
    await new Promise((resolve) => (socket.onopen = resolve));
    send("Inspector.enable");
    send("Debugger.enable");
    send("Debugger.setPauseOnDebuggerStatements", { enabled: true });
    send("Debugger.setBreakpointsActive", { active: true });
    send("Inspector.initialized");
    await until("the scripts", () => scripts.size > 0);
    const answer = fetch(`http://127.0.0.1:${port}/a`).then((response) => response.text());
    expect(await paused.promise).toContain("nginx.conf");
    await Bun.sleep(1200); // at a breakpoint it still answers its master: no watchdog ends it
    send("Debugger.resume");
    expect(await answer).toBe("42");
    socket.close();
  } finally {
    master.kill("SIGTERM");
    await master.exited;
    rmSync(folder, { recursive: true });
  }
}, 30_000);
