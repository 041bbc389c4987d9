import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { isNginx, type Server, start, until } from "../lib/index.ts";

const all = "dav_methods PUT DELETE MKCOL COPY MOVE;";
const server = `
  client_max_body_size 20m;
  location / { ${all} }
  location /full/ { ${all} create_full_put_path on; dav_access group:rw all:r; }
  location /deep/ { ${all} min_delete_depth 3; }
  location /alias/ { alias html/real/; ${all} }
  location /off/ { dav_methods off; }
`;

type Headers = Readonly<Record<string, string>>;

const ask = async (on: Server, method: string, path: string, headers: Headers = {}, body?: string): Promise<number> =>
  (await on.exchange({ method, path, headers, ...(body === undefined ? {} : { body }) })).status;

test("PUT makes and replaces files whole", async () => {
  await using running = await start({
    main: "user root;",
    server,
    files: { "d/x": "", "full/.keep": "", "off/x": "" },
  });
  const read = (name: string): string => readFileSync(running.path(`html/${name}`), "latin1");
  const made = await running.exchange({ method: "PUT", path: "/a%20b", body: "one" });
  expect([made.status, made.header("location"), made.body]).toEqual([201, expect.stringMatching(/\/a%20b$/), ""]);
  expect(made.header("content-length")).toBe("0");
  expect(read("a b")).toBe("one");
  expect(await ask(running, "PUT", "/a%20b", {}, "two!")).toBe(204);
  expect(read("a b")).toBe("two!");
  expect(statSync(running.path("html/a b")).mode & 0o777).toBe(0o600);
  expect(await ask(running, "PUT", "/empty", { "Content-Length": "0" })).toBe(201);
  expect(read("empty")).toBe("");
  const big = "0123456789".repeat(300_000);
  expect(await ask(running, "PUT", "/big", {}, big)).toBe(201);
  expect(read("big")).toBe(big);
  expect(await ask(running, "PUT", "/dated", { Date: "Sat, 03 Feb 2024 04:05:06 GMT" }, "x")).toBe(201);
  expect(statSync(running.path("html/dated")).mtimeMs).toBe(1_706_933_106_000);
  expect(await ask(running, "PUT", "/d", {}, "x")).toBe(409);
  expect(await ask(running, "PUT", "/d/", {}, "x")).toBe(409);
  expect(await ask(running, "PUT", "/none/x", {}, "x")).toBe(500);
  expect(await ask(running, "PUT", "/ranged", { "Content-Range": "bytes 0-0/1" }, "x")).toBe(501);
  expect(await ask(running, "PUT", "/off/x", {}, "x")).toBe(405);
  expect(await ask(running, "PUT", "/full/a/b/c", {}, "x")).toBe(201);
  expect(statSync(running.path("html/full/a/b/c")).mode & 0o777).toBe(0o664);
  expect(statSync(running.path("html/full/a")).mode & 0o111).toBe(0o111);
  expect(readdirSync(running.path("html")).filter((name) => name.startsWith(".resty"))).toEqual([]);
  await running.logged("cannot PUT to a collection");
  await running.logged(/"[^"]*\/html\/d" could not be created \(21: Is a directory\)/);
});

test("a PUT that is broken off or too large leaves what was there", async () => {
  await using running = await start({ main: "user root;", server, files: { a: "old" } });
  const connection = await running.connect();
  connection.write("PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nhalf");
  await until(
    () => "the request to be read",
    () => readdirSync(running.path("html")).length > 1 || isNginx,
  );
  connection.socket.destroy();
  await until(
    () => "the file beside to be gone",
    () => readdirSync(running.path("html")).length === 1,
  );
  expect(readFileSync(running.path("html/a"), "latin1")).toBe("old");
  const tooLarge = { method: "PUT", path: "/a", headers: { "Content-Length": "99999999" } };
  expect((await running.exchange(tooLarge)).status).toBe(413);
  expect(readFileSync(running.path("html/a"), "latin1")).toBe("old");
});

test("DELETE and MKCOL", async () => {
  await using running = await start({
    main: "user root;",
    server,
    files: { a: "a", "d/x/y": "y", "d/z": "z", "deep/a/b": "b", "deep/c": "c", "kept/k": "k", "t/a": "" },
  });
  const there = (name: string): boolean => existsSync(running.path(`html/${name}`));
  symlinkSync("../kept", running.path("html/d/link"));
  expect(await ask(running, "DELETE", "/a", {}, "body")).toBe(415);
  expect(await ask(running, "DELETE", "/a", { Depth: "1" })).toBe(400);
  expect(await ask(running, "DELETE", "/a", { Depth: "0" })).toBe(204);
  expect(there("a")).toBe(false);
  expect(await ask(running, "DELETE", "/a")).toBe(404);
  expect(await ask(running, "DELETE", "/d")).toBe(409);
  expect(await ask(running, "DELETE", "/d/", { Depth: "0" })).toBe(400);
  expect(await ask(running, "DELETE", "/d/z/")).toBe(409);
  expect(await ask(running, "DELETE", "/deep/c")).toBe(409);
  expect(await ask(running, "DELETE", "/deep/a/b")).toBe(204);
  expect(await ask(running, "DELETE", "/t/", { Depth: "infinity" })).toBe(204);
  expect(there("t")).toBe(false);

  expect(await ask(running, "MKCOL", "/new")).toBe(409);
  expect(await ask(running, "MKCOL", "/new/")).toBe(201);
  expect(there("new")).toBe(true);
  expect(await ask(running, "MKCOL", "/new/")).toBe(405);
  expect(await ask(running, "MKCOL", "/none/new/")).toBe(409);
  expect(await ask(running, "MKCOL", "/other/", {}, "body")).toBe(415);
  const made = await running.exchange({ method: "MKCOL", path: "/x%20y/" });
  expect([made.status, made.header("location")]).toEqual([201, expect.stringMatching(/\/x%20y\/$/)]);
});

test("DELETE of a tree does not follow links out of it", async () => {
  await using running = await start({ main: "user root;", server, files: { "d/z": "z", "kept/k": "k" } });
  symlinkSync("../kept", running.path("html/d/link"));
  // nginx walks into the link, so it is not held against this.
  if (isNginx) return;
  expect(await ask(running, "DELETE", "/d/")).toBe(204);
  expect(existsSync(running.path("html/d"))).toBe(false);
  expect(readFileSync(running.path("html/kept/k"), "latin1")).toBe("k");
});

test("COPY and MOVE", async () => {
  await using running = await start({
    main: "user root;",
    server,
    files: { a: "a", b: "b", m: "m", "d/x/y": "y", "d/z": "z", "e/old": "old", "real/r": "r" },
  });
  const read = (name: string): string => readFileSync(running.path(`html/${name}`), "latin1");
  const there = (name: string): boolean => existsSync(running.path(`html/${name}`));
  const to = (destination: string, more: Headers = {}): Headers => ({ Destination: destination, ...more });
  expect(await ask(running, "COPY", "/a", to("/c"))).toBe(204);
  expect([read("a"), read("c")]).toEqual(["a", "a"]);
  expect(await ask(running, "COPY", "/a", to("http://localhost/c2?x"))).toBe(204);
  expect(read("c2")).toBe("a");
  expect(await ask(running, "COPY", "/a", to("/b", { Overwrite: "F" }))).toBe(412);
  expect(await ask(running, "COPY", "/a", to("/b", { Overwrite: "X" }))).toBe(400);
  expect(await ask(running, "COPY", "/a", to("/b", { Overwrite: "T" }))).toBe(204);
  expect(read("b")).toBe("a");
  expect(await ask(running, "MOVE", "/m", to("/m%202"))).toBe(204);
  expect([there("m"), read("m 2")]).toEqual([false, "m"]);
  expect(await ask(running, "MOVE", "/b", to("/made/on/the/way"))).toBe(204);
  expect(read("made/on/the/way")).toBe("a");
  expect(await ask(running, "COPY", "/a", {})).toBe(400);
  expect(await ask(running, "COPY", "/a", to("http://elsewhere/c"))).toBe(400);
  expect(await ask(running, "COPY", "/a", to("ftp://localhost/c"))).toBe(400);
  expect(await ask(running, "COPY", "/a", to("/x/../../out"))).toBe(400);
  expect(await ask(running, "COPY", "/a", to("/dir/"))).toBe(409);
  expect(await ask(running, "COPY", "/a", to("/e"))).toBe(409);
  expect(await ask(running, "COPY", "/a", to("/c", { Depth: "1" }))).toBe(400);
  expect(await ask(running, "COPY", "/none", to("/c"))).toBe(404);
  expect(await ask(running, "MOVE", "/a", to("/c", { Depth: "0" }))).toBe(400);
  expect(await ask(running, "COPY", "/a", to("/c"), "body")).toBe(415);

  expect(await ask(running, "COPY", "/d/", to("/copy/"))).toBe(201);
  expect([read("copy/x/y"), read("copy/z"), read("d/z")]).toEqual(["y", "z", "z"]);
  expect(await ask(running, "COPY", "/d/", to("/e/"))).toBe(201);
  expect([there("e/old"), read("e/z")]).toEqual([false, "z"]);
  expect(await ask(running, "MOVE", "/d/", to("/moved/"))).toBe(201);
  expect([there("d"), read("moved/x/y")]).toEqual([false, "y"]);
  expect(await ask(running, "COPY", "/alias/r", to("/alias/s"))).toBe(204);
  expect(read("real/s")).toBe("r");
  if (isNginx) return; // which checks the following only since 1.29
  expect(await ask(running, "COPY", "/a", to("/a"))).toBe(403);
  expect(await ask(running, "COPY", "/e/", to("/e/inner/"))).toBe(403);
  expect(await ask(running, "COPY", "/alias/r", to("/s"))).toBe(400);
});

test("what the file system refuses", async () => {
  await using running = await start({ main: "user root;", server, files: { a: "a" } });
  mkdirSync(running.path("html/ro"));
  writeFileSync(running.path("html/f"), "f");
  expect(await ask(running, "PUT", "/f/x", {}, "x")).toBe(500);
  expect(await ask(running, "DELETE", "/f/x")).toBe(409);
  expect(await ask(running, "PUT", `/${"n".repeat(300)}`, {}, "x")).toBe(500);
  expect(await ask(running, "MKCOL", `/${"n".repeat(300)}/`)).toBe(409);
});
