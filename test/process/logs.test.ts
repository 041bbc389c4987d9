import { expect, test } from "bun:test";
import { mkdirSync, readFileSync, renameSync, statSync } from "node:fs";
import { start, startFailing, until } from "../lib/index.ts";

test("a log's disk that is full stops no request, and is said once", async () => {
  await using server = await start({
    server: "access_log /dev/full; location / { return 200 ok; }",
    allow: [/\/dev\/full/],
  });
  for (let i = 0; i < 20; i++) expect(await (await server.get("/")).text()).toBe("ok");
  await server.logged(/\[alert\] .*"\/dev\/full" failed \(.*no space left/i);
  expect(server.errorLog().match(/\/dev\/full/g)).toHaveLength(1);
});

test("a log that cannot be opened keeps the server from starting, and the message says which", async () => {
  const { code, said } = await startFailing({ http: "access_log logs/none/access.log;", server: "" });
  expect(code).toBe(1);
  expect(said).toMatch(/open\(\) ".*logs\/none\/access\.log" failed \(2: No such file or directory\)/);
});

test("a log in a folder that is a log is refused the same way", async () => {
  const { code, said } = await startFailing({ http: "access_log logs/error.log/x;", server: "" });
  expect(code).toBe(1);
  expect(said).toContain("20: Not a directory");
});

test("USR1 opens the logs anew: lines of before stay in the old file, later ones are in the new", async () => {
  await using server = await start({
    http: "log_format uri '$uri'; access_log logs/access.log uri; access_log logs/slow.log uri buffer=32k flush=1h;",
    server: "location / { return 200 ok; }",
    workers: 2,
  });
  await server.get("/before");
  await server.accessed("/before");
  const [log, old] = [server.path("logs/access.log"), server.path("logs/access.old")];
  renameSync(log, old);
  renameSync(server.path("logs/slow.log"), server.path("logs/slow.old"));
  server.kill("SIGUSR1");
  await until("the new logs", () => exists(log) && exists(server.path("logs/slow.log")));
  let sent = 0;
  await until("a line in the new log", async () => {
    sent++;
    await server.get("/after");
    return server.accessLog().includes("/after");
  });
  // A worker that had the signal a moment later may have written to the old one; nothing is lost between them.
  const lines = () => (readFileSync(old, "utf8") + server.accessLog()).split("\n").filter(Boolean);
  await until("all lines", () => lines().length === sent + 1);
  expect(lines()[0]).toBe("/before");
  expect(await Bun.file(server.path("logs/slow.old")).text()).toStartWith("/before\n");
});

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

test("a buffered log is written at the stop, a compressed one can be read", async () => {
  await using server = await start({
    http: "log_format uri '$uri'; access_log logs/a.log.gz uri gzip=1 flush=1h;",
    server: "location / { return 200 ok; }",
  });
  for (let i = 0; i < 5; i++) await server.get(`/${i}`);
  await server.stop();
  const bytes = await Bun.file(server.path("logs/a.log.gz")).bytes();
  expect(new TextDecoder().decode(Bun.gunzipSync(bytes))).toBe("/0\n/1\n/2\n/3\n/4\n");
});

test("a name with variables makes files as requests come, and a name that cannot be costs a line, not the answer", async () => {
  await using server = await start({
    http: "log_format uri '$uri';",
    server: "access_log logs/$arg_to.log uri; location / { return 200 ok; }",
  });
  mkdirSync(server.path("logs/folder.log"));
  expect((await server.get("/a?to=one")).status).toBe(200);
  expect((await server.get("/b?to=folder")).status).toBe(200);
  await until(
    "the line",
    async () =>
      (await Bun.file(server.path("logs/one.log")).exists()) &&
      (await Bun.file(server.path("logs/one.log")).text()) === "/a\n",
  );
  await server.logged(/\[crit\] .*folder\.log" failed \(21: Is a directory\) while logging request/);
});
