import { expect, test } from "bun:test";
import { existsSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { block, type Server, start, until } from "../lib/index.ts";

const text = async (server: Server, path: string): Promise<string> => (await server.get(path)).text();

function held(server: Server, name: string): number {
  let count = 0;
  for (const pid of server.workers())
    for (const fd of readdirSync(`/proc/${pid}/fd`)) {
      try {
        if (readlinkSync(`/proc/${pid}/fd/${fd}`).replace(" (deleted)", "").endsWith(name)) count++;
      } catch {
        continue; // closed meanwhile
      }
    }
  return count;
}

test("a file stays open, and what replaced it is seen after open_file_cache_valid", async () => {
  await using server = await start({
    files: { "a.html": "first", "big.bin": Buffer.alloc(2_000_000, "b") },
    server: "open_file_cache max=10; open_file_cache_valid 1s;",
  });
  expect(await text(server, "/a.html")).toBe("first");
  expect(await text(server, "/a.html")).toBe("first");
  expect((await text(server, "/big.bin")).length).toBe(2_000_000);
  expect(held(server, "a.html")).toBe(1);
  expect(held(server, "big.bin")).toBe(1);
  writeFileSync(server.path("html/b.html"), "second");
  renameSync(server.path("html/b.html"), server.path("html/a.html"));
  await until(
    () => "the new file",
    async () => (await text(server, "/a.html")) === "second",
  );
  expect(held(server, "a.html")).toBe(1);
  rmSync(server.path("html/a.html"));
  await until(
    () => "404",
    async () => (await server.get("/a.html")).status === 404,
  );
  expect(held(server, "a.html")).toBe(0);
});

test("min_uses, max and errors", async () => {
  await using server = await start({
    files: { a: "a", b: "b", c: "c" },
    server: `
      location / { open_file_cache max=2; open_file_cache_min_uses 2; }
      location /err/ { alias html/; open_file_cache max=10; open_file_cache_errors on; open_file_cache_valid 1s; }
      location /off/ { alias html/; open_file_cache off; }
    `,
  });
  await text(server, "/a");
  await until(
    () => "a file used once to be closed",
    () => held(server, "/a") === 0,
  );
  await text(server, "/a");
  expect(held(server, "/a")).toBe(1);
  for (const name of ["/b", "/b", "/c", "/c"]) await text(server, name);
  await until(
    () => "the least used file to be closed",
    () => held(server, "/a") === 0,
  );
  await text(server, "/off/a");
  await until(
    () => "a file without a cache to be closed",
    () => held(server, "/a") === 0,
  );

  expect((await server.get("/err/late")).status).toBe(404);
  writeFileSync(server.path("html/late"), "late");
  expect((await server.get("/err/late")).status).toBe(404);
  expect((await server.get("/off/late")).status).toBe(200);
  await until(
    () => "the error to be forgotten",
    async () => (await server.get("/err/late")).status === 200,
  );
});

block("a cache for all that asks for files", {
  files: { "d/index.html": "index", t: "t", "g.html.gz": "gz", "sub/x": "x" },
  http: "open_file_cache max=100 inactive=10s;",
  server: `
    location /t/ { alias html/; try_files /t =404; }
    location /g { gzip_static always; }
    location /list/ { alias html/sub/; autoindex on; }
  `,
  steps: [1, 2].flatMap(() => [
    { get: "/d/", body: "index" },
    { get: "/d", status: 301 },
    { get: "/g.html", body: "gz" },
    { get: "/list/", status: 200 },
    { get: "/none", status: 404 },
    { get: "/d/index.html", headers: { Range: "bytes=1-2,4-" }, status: 206 },
    { get: "/d/index.html", headers: { "Accept-Encoding": "gzip", Range: "bytes=1-2" }, status: 206, body: "nd" },
  ]),
});

for (const [line, message] of [
  ["open_file_cache inactive=1s;", '"open_file_cache" must have the "max" parameter'],
  ["open_file_cache max=0;", "open_file_cache"],
  ["open_file_cache max=10 x=1;", 'invalid "open_file_cache" parameter "x=1"'],
  ["open_file_cache_min_uses x;", "open_file_cache_min_uses"],
] as const)
  block(`${line} is refused`, {
    server: line,
    refused: [line.startsWith("open_file_cache_min") ? "invalid number" : message],
  });

test("disable_symlinks", async () => {
  await using server = await start({
    files: { "d/f": "f", "e/x": "x" },
    server: `
      location /on/ { alias %dir%/html/; disable_symlinks on; }
      location /from/ { alias %dir%/html/; disable_symlinks on from=%dir%/html/ld; }
      location /own/ { alias %dir%/html/; disable_symlinks if_not_owner; }
      location /index/ { alias %dir%/html/; disable_symlinks on; index f; }
      location /try/ { alias %dir%/html/; disable_symlinks on; try_files $uri =418; }
      location /off/ { alias %dir%/html/; disable_symlinks off; }
    `,
  });
  symlinkSync("f", server.path("html/d/lf"));
  symlinkSync("d", server.path("html/ld"));
  symlinkSync("nowhere", server.path("html/dangling"));
  if (existsSync("/etc/hostname")) symlinkSync("/etc/hostname", server.path("html/e/out"));
  const statuses: Record<string, number> = {
    "/on/d/f": 200,
    "/on/d/lf": 403,
    "/on/ld/f": 404,
    "/on/ld": 403,
    "/on/dangling": 403,
    "/on/none": 404,
    "/from/ld/f": 200,
    "/from/d/lf": 403,
    "/own/d/lf": 200,
    "/own/ld/f": 200,
    "/index/d/": 200,
    "/index/ld/": 404,
    "/try/d/f": 200,
    "/try/d/lf": 418,
    "/off/d/lf": 200,
  };
  for (const [path, status] of Object.entries(statuses))
    expect([path, (await server.get(path)).status]).toEqual([path, status]);
  await server.logged(/openat\(\) ".*\/html\/d\/lf" failed \(40: Too many levels of symbolic links\)/);
  await server.logged(/openat\(\) ".*\/html\/ld\/f" failed \(20: Not a directory\)/);
});
