import { expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { existsSync, readdirSync, readFileSync, statSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { answered, block, type Received, type Server, start, until, Upstream } from "../lib/index.ts";

const path = "proxy_cache_path cache levels=1:2 keys_zone=one:1m inactive=1h;";
const status = "add_header X-Cache $upstream_cache_status always;";

/** Answers with a count, under the header fields that the target's query says: `/x?Cache-Control=max-age%3D1`. */
function counting(): Upstream {
  return new Upstream(({ head, number, write }) => {
    const query = new URL(head.split(" ")[1]!, "http://a").searchParams;
    let headers = "";
    for (const [name, value] of query) if (/^[A-Z]/.test(name)) headers += `${name}: ${value}\r\n`;
    write(answered(`${number}`, headers, query.get("status") ?? "200 OK"));
  });
}

async function ask(
  server: Server,
  target: string,
  headers: Record<string, string> = {},
  method = "GET",
): Promise<string> {
  const answer = await server.exchange({ method, path: target, headers });
  return `${answer.header("x-cache") ?? "-"} ${answer.status} ${answer.body.startsWith("<html>") ? "page" : answer.body}`;
}

/** Files in the cache's folder. */
function entries(server: Server): string[] {
  const found = readdirSync(server.path("cache"), { recursive: true, withFileTypes: true });
  return found.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

/** Makes what is stored older, as if it had been written so many seconds ago. */
function age(file: string, seconds: number): void {
  const bytes = readFileSync(file);
  for (const at of [32, 40, 48]) bytes.writeDoubleLE(bytes.readDoubleLE(at) - seconds, at);
  bytes.writeUInt32LE(crc32(bytes.subarray(12, 56)), 8);
  writeFileSync(file, bytes);
}

test("what is stored, for how long, and under which key", async () => {
  using upstream = counting();
  await using server = await start({
    http: path,
    server: `
      ${status}
      location / { proxy_pass http://${upstream.address}; proxy_cache one; proxy_cache_valid 200 1h; proxy_cache_valid 404 1m; }
      location /by-header { proxy_pass http://${upstream.address}; proxy_cache one; }
      location /key { proxy_pass http://${upstream.address}; proxy_cache one; proxy_cache_key $uri; proxy_cache_valid any 1h; }
      location /methods { proxy_pass http://${upstream.address}; proxy_cache one; proxy_cache_methods POST; proxy_cache_valid 1h; }
      location /ignore { proxy_pass http://${upstream.address}; proxy_cache one; proxy_ignore_headers Set-Cookie Cache-Control; proxy_cache_valid 1h; }
      location /off { proxy_pass http://${upstream.address}; proxy_cache off; }
    `,
  });
  expect([await ask(server, "/a"), await ask(server, "/a")]).toEqual(["MISS 200 1", "HIT 200 1"]);
  expect([await ask(server, "/a?x"), await ask(server, "/a?x")]).toEqual(["MISS 200 2", "HIT 200 2"]);
  expect([await ask(server, "/a?status=404"), await ask(server, "/a?status=404")]).toEqual(["MISS 404 3", "HIT 404 3"]);
  expect([await ask(server, "/a?status=500"), await ask(server, "/a?status=500")]).toEqual([
    "MISS 500 4",
    "MISS 500 5",
  ]);
  const lasting = "/by-header?Cache-Control=max-age%3D60";
  expect([await ask(server, "/by-header"), await ask(server, "/by-header")]).toEqual(["MISS 200 6", "MISS 200 7"]);
  expect([await ask(server, lasting), await ask(server, lasting)]).toEqual(["MISS 200 8", "HIT 200 8"]);
  const cookie = "/by-header?Cache-Control=max-age%3D60&Set-Cookie=a%3Db";
  expect([await ask(server, cookie), await ask(server, cookie)]).toEqual(["MISS 200 9", "MISS 200 10"]);
  expect([await ask(server, "/key?1"), await ask(server, "/key?2")]).toEqual(["MISS 200 11", "HIT 200 11"]);
  expect([await ask(server, "/methods", {}, "POST"), await ask(server, "/methods", {}, "POST")]).toEqual([
    "MISS 200 12",
    "HIT 200 12",
  ]);
  expect(await ask(server, "/a", {}, "POST")).toBe("- 200 13");
  const ignored = "/ignore?Cache-Control=no-store&Set-Cookie=a%3Db";
  expect([await ask(server, ignored), await ask(server, ignored)]).toEqual(["MISS 200 14", "HIT 200 14"]);
  expect([await ask(server, "/off"), await ask(server, "/off")]).toEqual(["- 200 15", "- 200 16"]);
  // Where nginx would have them: the last digit, then the two before it.
  for (const file of entries(server)) expect(file).toMatch(/\/cache\/(\w)\/(\w\w)\/\w{29}\2\1$/);
});

test("what a client asks of a stored answer", async () => {
  using upstream = new Upstream(({ head, write }) => {
    const isHead = head.startsWith("HEAD");
    write(answered(isHead ? "" : "0123456789", 'ETag: "v1"\r\nX-Sent: 1\r\nConnection: keep-alive\r\n'));
  });
  await using server = await start({
    http: path,
    server: `${status} location / { proxy_pass http://${upstream.address}; proxy_cache one; proxy_cache_valid 1h; proxy_hide_header X-Sent; }`,
  });
  // A HEAD is asked as a GET, and the first range of a body that is not stored yet without the range.
  expect(await ask(server, "/head", {}, "HEAD")).toBe("MISS 200 ");
  expect(await ask(server, "/head")).toBe("HIT 200 0123456789");
  expect(upstream.requests[0]!.head).toStartWith("GET /head ");
  const range = { Range: "bytes=2-4" };
  expect([await ask(server, "/range", range), await ask(server, "/range", range)]).toEqual([
    "MISS 206 234",
    "HIT 206 234",
  ]);
  expect(upstream.requests[1]!.head).not.toContain("Range");
  expect(await ask(server, "/range", { Range: "bytes=0-1,8-" })).toContain("HIT 206");
  expect(await ask(server, "/range", { "If-None-Match": '"v1"' })).toBe("HIT 304 ");
  expect(upstream.requests).toHaveLength(2);
  const answer = await server.exchange({ path: "/range" });
  expect([answer.header("x-sent"), answer.header("etag"), answer.header("content-length")]).toEqual([
    undefined,
    '"v1"',
    "10",
  ]);
});

test("variants of a key", async () => {
  using upstream = counting();
  await using server = await start({
    http: path,
    server: `${status} location / { proxy_pass http://${upstream.address}; proxy_cache one; proxy_cache_valid 1h; }`,
  });
  const target = "/v?Vary=X-Lang";
  const of = (language: string): Promise<string> => ask(server, target, { "X-Lang": language });
  expect([await of("en"), await of("en"), await of("de"), await of("de"), await of("en")]).toEqual([
    "MISS 200 1",
    "HIT 200 1",
    "MISS 200 2",
    "HIT 200 2",
    "HIT 200 1",
  ]);
  expect([await of("a, b"), await of("a,b")]).toEqual(["MISS 200 3", "HIT 200 3"]);
  expect([await ask(server, "/all?Vary=*"), await ask(server, "/all?Vary=*")]).toEqual(["MISS 200 4", "MISS 200 5"]);
});

test("conditions: bypass, no_cache, min_uses, max_range_offset", async () => {
  using upstream = counting();
  const common = `proxy_pass http://${upstream.address}; proxy_cache one; proxy_cache_valid 1h; proxy_cache_key $uri;`;
  await using server = await start({
    http: path,
    server: `
      ${status}
      location / { ${common} proxy_cache_bypass $arg_fresh $http_x_fresh; proxy_no_cache $arg_private; }
      location /uses { ${common} proxy_cache_min_uses 3; }
      location /far { ${common} proxy_cache_max_range_offset 4; }
      location /unknown { proxy_pass http://${upstream.address}; proxy_cache $arg_zone; }
    `,
  });
  expect([await ask(server, "/b?private=1"), await ask(server, "/b")]).toEqual(["MISS 200 1", "MISS 200 2"]);
  expect([await ask(server, "/b?fresh=0"), await ask(server, "/b?fresh=1")]).toEqual(["HIT 200 2", "BYPASS 200 3"]);
  expect(await ask(server, "/b")).toBe("HIT 200 3"); // what was fetched past the cache is in it
  const uses = [];
  for (let i = 0; i < 4; i++) uses.push(await ask(server, "/uses"));
  expect(uses).toEqual(["MISS 200 4", "MISS 200 5", "MISS 200 6", "HIT 200 6"]);
  expect(await ask(server, "/far", { Range: "bytes=5-" })).toBe("- 200 7");
  expect(upstream.requests.at(-1)!.head).toContain("Range: bytes=5-");
  expect(await ask(server, "/far", { Range: "bytes=0-0" })).toBe("MISS 206 8");
  expect([await ask(server, "/unknown?zone=none"), await ask(server, "/unknown")]).toEqual(["- 500 page", "- 200 9"]);
});

test("old answers: renewed, stale, or replaced", async () => {
  let mode: "ok" | "broken" | "500" | "hold" = "ok";
  const held: Received[] = [];
  using upstream = new Upstream((request) => {
    if (mode === "hold") return void held.push(request);
    if (mode === "broken") return request.close();
    if (mode === "500") return request.write(answered("broken", "", "500 Internal Server Error"));
    if (/if-none-match: "same"/i.test(request.head)) return request.write("HTTP/1.1 304 Not Modified\r\n\r\n");
    request.write(answered(`${request.number}`, 'ETag: "same"\r\nCache-Control: max-age=60\r\n'));
  });
  const common = `proxy_pass http://${upstream.address}; proxy_cache one; proxy_cache_key $uri;`;
  await using server = await start({
    http: path,
    server: `
      ${status}
      location / { ${common} }
      location /renew { ${common} proxy_cache_revalidate on; }
      location /stale { ${common} proxy_cache_use_stale error http_500; }
      location /behind { ${common} proxy_cache_use_stale updating; proxy_cache_background_update on; }
    `,
  });
  const aged = async (target: string): Promise<void> => {
    await ask(server, target);
    for (const file of entries(server)) if (readFileSync(file, "latin1").includes(`"key":"${target}"`)) age(file, 100);
  };
  await aged("/plain");
  expect([await ask(server, "/plain"), await ask(server, "/plain")]).toEqual(["EXPIRED 200 2", "HIT 200 2"]);
  await aged("/renew");
  expect([await ask(server, "/renew"), await ask(server, "/renew")]).toEqual(["REVALIDATED 200 3", "HIT 200 3"]);
  await aged("/stale");
  mode = "broken";
  expect(await ask(server, "/stale")).toBe("STALE 200 5");
  mode = "500";
  expect(await ask(server, "/stale")).toBe("STALE 200 5");
  mode = "ok";
  await aged("/plain2");
  mode = "broken";
  expect(await ask(server, "/plain2")).toBe("EXPIRED 502 page");
  mode = "ok";
  await aged("/behind");
  mode = "hold";
  expect(await ask(server, "/behind")).toStartWith("STALE 200");
  await until("the update", () => held.length === 1);
  expect(await ask(server, "/behind")).toStartWith("UPDATING 200");
  expect(held).toHaveLength(1);
  held[0]!.write(answered("renewed", "Cache-Control: max-age=60\r\n"));
  await until("the new answer", async () => (await ask(server, "/behind")) === "HIT 200 renewed");
});

test("one request brings what many wait for, in whatever worker", async () => {
  using upstream = new Upstream(async (request) => {
    await until("all to wait", () => started);
    request.write(answered(`${request.number}`));
  });
  let started = false;
  await using server = await start({
    workers: 2,
    http: path,
    server: `${status} location / { proxy_pass http://${upstream.address}; proxy_cache one; proxy_cache_valid 1h; proxy_cache_lock on; }`,
  });
  const answers = Array.from({ length: 12 }, () => ask(server, "/locked"));
  await until("a request", () => upstream.requests.length > 0);
  started = true;
  expect((await Promise.all(answers)).map((answer) => answer.replace(/^\w+ /, ""))).toEqual(Array(12).fill("200 1"));
  expect(upstream.requests).toHaveLength(1);
}, 20_000);

test("nothing that is not whole is stored or served", async () => {
  using upstream = new Upstream((request) => {
    if (request.head.includes("/cut")) {
      request.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nnot all");
      return request.close();
    }
    request.write(answered(`${request.number} `.repeat(50_000)));
  });
  await using server = await start({
    http: path,
    server: `${status} location / { proxy_pass http://${upstream.address}; proxy_cache one; proxy_cache_valid 1h; }`,
  });
  await server.raw("GET /cut HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  expect(entries(server)).toEqual([]);
  const ask2 = async (): Promise<string> => (await ask(server, "/whole")).slice(0, 11);
  expect([await ask2(), await ask2()]).toEqual(["MISS 200 2 ", "HIT 200 2 2"]);
  const [file] = entries(server);
  truncateSync(file!, statSync(file!).size - 1);
  expect([await ask2(), await ask2()]).toEqual(["MISS 200 3 ", "HIT 200 3 3"]);
  await server.logged(/\[crit\].*cache file ".*" is damaged/);
  writeFileSync(file!, "something else altogether");
  expect((await ask2()).slice(0, 4)).toBe("MISS");
});

test("a client that goes leaves the answer to the cache", async () => {
  let finish: (() => void) | undefined;
  using upstream = new Upstream((request) => {
    request.write("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf");
    finish = () => request.write("full");
  });
  await using server = await start({
    http: path,
    server: `${status} location / { proxy_pass http://${upstream.address}; proxy_cache one; proxy_cache_valid 1h; }`,
  });
  const connection = await server.connect();
  connection.write("GET /left HTTP/1.1\r\nHost: a\r\n\r\n");
  await connection.untilText(/half$/);
  connection[Symbol.dispose]();
  finish!();
  await until("the file", () => entries(server).length === 1);
  expect(await ask(server, "/left")).toBe("HIT 200 halffull");
});

test("what is not used goes, and the oldest when there is too much", async () => {
  using upstream = new Upstream((request) => request.write(answered("x".repeat(100_000))));
  await using server = await start({
    http: `
      proxy_cache_path cache keys_zone=one:1m inactive=1h max_size=350k;
    `,
    server: `location / { proxy_pass http://${upstream.address}; proxy_cache one; proxy_cache_valid 1h; proxy_cache_key $uri; }`,
  });
  // By their names: reading them would be using them.
  const names = ["/old", "/a", "/b", "/c", "/d"];
  const fileOf = (key: string): string => server.path(`cache/${createHash("md5").update(key).digest("hex")}`);
  const keys = (): string[] => names.filter((key) => existsSync(fileOf(key)));
  await server.exchange({ path: "/old" });
  utimesSync(entries(server)[0]!, new Date(Date.now() - 7_200_000), new Date(Date.now() - 7_200_000));
  for (const [i, name] of ["/a", "/b", "/c"].entries()) {
    await server.exchange({ path: name });
    const used = new Date(Date.now() - 60_000 + i * 10_000);
    utimesSync(fileOf(name), used, used);
  }
  await until("/old to go", () => !keys().includes("/old"), 20_000);
  expect(keys()).toEqual(["/a", "/b", "/c"]);
  await server.exchange({ path: "/d" });
  await until("the oldest to go", () => keys().length === 3, 20_000);
  expect(keys()).toEqual(["/b", "/c", "/d"]);
}, 40_000);

test("the cache outlives a reload and a restart", async () => {
  using upstream = counting();
  const server_ = `${status} location / { proxy_pass http://${upstream.address}; proxy_cache one; proxy_cache_valid 1h; }`;
  await using server = await start({ http: path, server: server_ });
  expect(await ask(server, "/a")).toBe("MISS 200 1");
  await server.reload();
  expect(await ask(server, "/a")).toBe("HIT 200 1");
});

for (const [what, http, location] of [
  ['"proxy_cache" zone "two" is unknown', path, "proxy_cache two;"],
  ['"proxy_cache_path" must have "keys_zone" parameter', "proxy_cache_path cache levels=1;", ""],
  ['invalid "levels" "levels=4"', "proxy_cache_path cache levels=4 keys_zone=one:1m;", ""],
  ['invalid parameter "fast=1"', "proxy_cache_path cache fast=1 keys_zone=one:1m;", ""],
  ['zone "keys_zone=one:1" is too small', "proxy_cache_path cache keys_zone=one:1;", ""],
] as const)
  block(`refuses: ${what}`, {
    http,
    server: `location / { proxy_pass http://127.0.0.1:1; ${location} }`,
    refused: [what],
  });
