import { expect, test } from "bun:test";
import { readdirSync, readlinkSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { block, isNginx, start, until } from "../lib/index.ts";

const modified = new Date("2024-02-03T04:05:06Z");
const files = {
  "a.html": { content: "hello", modified },
  "empty.txt": "",
  "d/index.html": "index of d",
  "d e/x": "blank",
  "big.bin": Buffer.alloc(300_000, "0123456789"),
  "utf-ä.txt": "umlaut",
};

block("a file is sent with what a cache needs to know of it", {
  files,
  server: "root html;",
  steps: [
    {
      get: "/a.html",
      status: 200,
      body: "hello",
      headersOut: {
        "content-type": "text/html",
        "content-length": "5",
        "last-modified": "Sat, 03 Feb 2024 04:05:06 GMT",
        etag: '"65bdbb72-5"',
        "accept-ranges": "bytes",
      },
    },
    { head: "/a.html", status: 200, body: "", headersOut: { "content-length": "5", etag: '"65bdbb72-5"' } },
    { get: "/empty.txt", status: 200, body: "", headersOut: { "content-length": "0" } },
    { get: "/utf-%C3%A4.txt", status: 200, body: "umlaut" },
    { get: "/big.bin", status: 200, check: (answer) => expect(answer.bytes.length).toBe(300_000) },
    { get: "/d%20e/x", body: "blank" },
  ],
});

block("what is no file, and other methods", {
  files,
  server: "root html;",
  steps: [
    { get: "/nope", status: 404, body: /<h1>404 Not Found<\/h1>/ },
    { get: "/a.html/x", status: 404 },
    { get: `/${"n".repeat(300)}`, status: 404 },
    { get: "/d", status: 301, headersOut: { location: /^http:\/\/localhost:\d+\/d\/$/ } },
    { get: "/d?x=1&y", status: 301, headersOut: { location: /\/d\/\?x=1&y$/ } },
    { get: "/d%20e", status: 301, headersOut: { location: /\/d%20e\/$/ } },
    { get: "/d%20e/", status: 403 },
    { post: "/a.html", send: "x", status: 405 },
    { post: "/d", send: "x", status: 301 },
    { post: "/nope", send: "x", status: 404 },
    { method: "PUT", path: "/a.html", send: "x", status: 405 },
    { method: "DELETE", path: "/", status: 405 },
    { method: "OPTIONS", path: "/a.html", status: 405 },
  ],
  errorLog: [
    /\[error\] .* open\(\) ".*\/html\/nope" failed \(2: No such file or directory\), client: /,
    /open\(\) ".*\/a\.html\/x" failed \(20: Not a directory\)/,
    /failed \(36: File name too long\)/,
    /directory index of ".*\/html\/d e\/" is forbidden/,
  ],
});

block("a path cannot leave the root in any spelling", {
  files: { ...files, "/secret": "secret" },
  server: "root html;",
  steps: [
    "/../secret",
    "/%2e%2e/secret",
    "/..%2fsecret",
    "/d/..%2f../secret",
    "/d/%2e%2e%2f%2e%2e%2fsecret",
    "/.%2e/secret",
    "//../secret",
    "/d/./../../secret",
    "/a.html%00.txt",
    "/%00",
  ].map((get) => ({ get, status: 400 })),
});

block("a path may wander inside the root", {
  files,
  server: "root html;",
  steps: [
    { get: "/d/../a.html", status: 200, body: "hello" },
    { get: "/d/..%2fa.html", status: 200, body: "hello" },
    { get: "//d///..//a.html", status: 200, body: "hello" },
    { get: "/..a", status: 404 },
    { get: "/%c0%ae%c0%ae/secret", status: 404 },
    { get: "/d\\..\\..\\secret", status: 404 },
  ],
});

block("log_not_found, etag and default_type", {
  files,
  server: "location / { log_not_found off; etag off; default_type x/y; types { } }",
  steps: [
    { get: "/nope", status: 404 },
    { get: "/a.html", status: 200, headersOut: { etag: null, "content-type": "x/y" } },
  ],
  noErrorLog: ["failed (2:"],
});

block("an alias stands for its location's name", {
  files: { ...files, "d/f.txt": "f" },
  server: `
    location /one/ { alias html/d/; location ~ txt { } }
    location /bare { alias html/d/f.txt; }
    location ~ ^/re/(.+)$ { alias html/d/$1; }
    location /two { alias html/d; }
  `,
  steps: [
    { get: "/one/f.txt", body: "f" },
    { get: "/one/", body: "index of d" },
    { get: "/one/../a.html", body: "hello" },
    { get: "/bare", body: "f" },
    { get: "/re/f.txt", body: "f" },
    { get: "/two/f.txt", body: "f" },
    { get: "/one/nope", status: 404 },
  ],
  errorLog: [/open\(\) ".*\/html\/d\/nope" failed/],
});

test("links, pipes and unreadable names", async () => {
  await using server = await start({ files, server: "root html;" });
  symlinkSync("a.html", server.path("html/link"));
  symlinkSync("nowhere", server.path("html/dangling"));
  symlinkSync("loop", server.path("html/loop"));
  Bun.spawnSync(["mkfifo", server.path("html/pipe")]);
  const status = async (path: string): Promise<number> => (await server.get(path)).status;
  expect(await status("/link")).toBe(200);
  expect(await status("/dangling")).toBe(404);
  expect(await status("/loop")).toBe(403);
  expect(await status("/pipe")).toBe(404); // and does not hang for a writer
  await server.logged(/\[crit\] .*"[^"]*\/pipe" is not a regular file/);
});

test("a name in any encoding is found", async () => {
  await using server = await start({ files, server: "root html;" });
  writeFileSync(Buffer.concat([Buffer.from(server.path("html/n-")), Buffer.from([0xe4, 0xff])]), "latin");
  using connection = await server.connect();
  connection.request({ path: "/n-%E4%FF" });
  expect((await connection.answer("GET")).body).toBe("latin");
});

test.skipIf(isNginx)("a file that is cut off while it is sent ends the connection, not the worker", async () => {
  await using server = await start({
    server: "root html;",
    files: { "big.bin": Buffer.alloc(20_000_000, "x") },
    allow: [/truncated/],
  });
  using connection = await server.connect();
  connection.request({ path: "/big.bin" });
  await connection.untilText("\r\n\r\n");
  connection.socket.pause();
  truncateSync(server.path("html/big.bin"), 1000);
  connection.socket.resume();
  await connection.rest();
  await server.logged(/\[alert\] .*big\.bin" was truncated/);
  expect((await server.get("/big.bin")).status).toBe(200);
});

test("clients that leave in the middle of a file leave no descriptor behind", async () => {
  await using server = await start({ server: "root html;", files: { "big.bin": Buffer.alloc(20_000_000, "x") } });
  for (let i = 0; i < 20; i++) {
    const connection = await server.connect();
    connection.request({
      path: i % 2 ? "/big.bin" : "/big.bin?",
      headers: i % 3 ? {} : { Range: "bytes=0-1,5-20000000" },
    });
    await connection.untilText("\r\n\r\n");
    connection.socket.destroy();
  }
  const open = (): number =>
    server
      .workers()
      .flatMap(openFiles)
      .filter((name) => name.endsWith("big.bin")).length;
  await until(
    () => "no descriptor of big.bin",
    () => open() === 0,
  );
});

test("slow and fast clients at the same time get the same bytes", async () => {
  const bytes = Buffer.alloc(6_000_000);
  for (let i = 0; i < bytes.length; i += 4) bytes.writeUInt32LE(i, i);
  await using server = await start({
    files: { "n.bin": bytes },
    server: "location / { } location /l/ { alias html/; }",
  });
  const wanted = Bun.hash(bytes);
  const fetchWhole = async (path: string, pauses: boolean): Promise<void> => {
    const response = await server.get(path);
    const hash = new Bun.CryptoHasher("sha1");
    let size = 0;
    for await (const chunk of response.body!) {
      hash.update(chunk);
      size += chunk.length;
      if (pauses && size % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect([size, hash.digest("hex")]).toEqual([
      bytes.length,
      new Bun.CryptoHasher("sha1").update(bytes).digest("hex"),
    ]);
  };
  await Promise.all(Array.from({ length: 12 }, (_, i) => fetchWhole(i % 2 ? "/n.bin" : "/l/n.bin", i % 3 === 0)));
  const part = await server.get("/n.bin", { headers: { Range: "bytes=0-5999999" } });
  expect(Bun.hash(Buffer.from(await part.arrayBuffer()))).toBe(wanted);
});

function openFiles(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).map((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch {
      return ""; // closed meanwhile
    }
  });
}

block("an alias does not take what a rewrite made of the URI", {
  files,
  server: "location /x/ { alias html/; rewrite ^/x/(.*)$ /other/$1 break; }",
  steps: [{ get: "/x/a.html", status: 500 }],
  allow: [/"alias" cannot be used/], // an alert, where it is nginx
  errorLog: [/"alias" cannot be used in location "\/x\/" where URI was rewritten/],
});

block("an alias has no meaning in a named location", {
  server: "location @x { alias html/; }",
  refused: ['the "alias" directive cannot be used inside the named location'],
});

for (const name of ["root", "alias"])
  block(`${name} cannot be made of itself`, {
    server: `location / { ${name} $document_root/x; }`,
    refused: [`the $document_root variable cannot be used in the "${name}" directive`],
  });
