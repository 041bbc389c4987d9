import { expect, test } from "bun:test";
import { gunzipSync } from "node:zlib";
import { renameSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { type Answer, block, freePort, type Step, start, until } from "../lib/index.ts";

const text = "All work and no play makes Jack a dull boy. ".repeat(100);
const big = "0123456789abcdef".repeat(40_000);
const modified = new Date("2024-02-03T04:05:06Z");
const files = {
  "a.html": { content: text, modified },
  "a.txt": text,
  "a.json": text,
  "short.html": "x".repeat(19),
  "least.html": "x".repeat(20),
  "big.html": big,
  "404.html": text,
};
const accepting = { "Accept-Encoding": "gzip" };

const packed =
  (plain: string) =>
  (answer: Answer): void => {
    expect(answer.header("content-encoding")).toBe("gzip");
    expect(gunzipSync(answer.bytes).toString()).toBe(plain);
  };
const yes = (step: Step, plain = text): Step => ({ headers: accepting, ...step, check: packed(plain) });
const no = (step: Step): Step => ({ headers: accepting, ...step, headersOut: { "content-encoding": null } });
const accept = (value: string, more: Record<string, string> = {}): Step => ({
  get: "/a.html",
  headers: { "Accept-Encoding": value, ...more },
});

block("what is compressed, and for whom", {
  files,
  http: "types { text/html html; text/plain txt; application/json json; }",
  server: `
    gzip on;
    error_page 404 /404.html;
    location /types/ { alias html/; gzip_types application/json TEXT/plain; }
    location /any/ { alias html/; gzip_types *; }
    location /level/ { alias html/; gzip_comp_level 9; }
    location /long/ { alias html/; gzip_min_length 5000; }
    location /off/ { alias html/; gzip off; }
    location /teapot { default_type text/html; return 418 "${"t".repeat(50)}"; }
    location /text { default_type text/html; return 200 "${"t".repeat(50)}"; }
    location /old/ { alias html/; gzip_http_version 1.0; }
    location /no/ { alias html/; gzip_disable "Bad.*1" "msie6"; }
  `,
  steps: [
    {
      ...yes({ get: "/a.html" }),
      headersOut: {
        etag: 'W/"65bdbb72-1130"',
        "accept-ranges": null,
        vary: null,
        "last-modified": modified.toUTCString(),
      },
    },
    no({ get: "/a.html", headers: {} }),
    { head: "/a.html", headers: accepting, headersOut: { "content-encoding": "gzip", "content-length": null } },
    no({ get: "/a.txt" }),
    no({ get: "/a.json" }),
    no({ get: "/short.html" }),
    yes({ get: "/least.html" }, "x".repeat(20)),
    yes({ get: "/big.html" }, big),
    yes({ get: "/none", status: 404 }),
    no({ get: "/teapot" }),
    yes({ get: "/text" }, "t".repeat(50)),
    yes({ get: "/types/a.json" }),
    yes({ get: "/types/a.txt" }),
    yes({ get: "/types/a.html" }),
    yes({ get: "/any/a.txt" }),
    yes({ get: "/level/a.html" }),
    no({ get: "/long/a.html" }),
    no({ get: "/off/a.html" }),
    no({ get: "/a.html", version: "1.0" }),
    yes({ get: "/old/a.html", version: "1.0" }),
    no({ get: "/no/a.html", headers: { ...accepting, "User-Agent": "a bad thing 1" } }),
    no({
      get: "/no/a.html",
      headers: { ...accepting, "User-Agent": "Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)" },
    }),
    yes({ get: "/no/a.html", headers: { ...accepting, "User-Agent": "MSIE 6.0; Windows NT 5.1; SV1" } }),
    yes({ get: "/no/a.html", headers: { ...accepting, "User-Agent": "MSIE 7.0" } }),
    { get: "/a.html", headers: { ...accepting, Range: "bytes=0-9" }, status: 200, check: packed(text) },
    { get: "/a.html", headers: { ...accepting, "If-None-Match": 'W/"65bdbb72-1130"' }, status: 304 },
  ],
});

block("how Accept-Encoding is read", {
  files,
  server: "gzip on;",
  steps: [
    ...[
      "gzip,deflate",
      "deflate, gzip",
      "deflate,gzip",
      "gzip;q=1",
      "gzip; q=0.5",
      "GZIP",
      "br, gzip ; q=0.001",
      "gzip ,x",
    ].map((value) => yes(accept(value))),
    ...[
      "deflate",
      "gzip;q=0",
      "gzip;q=0.0",
      "gzip;q=0.0001",
      "gzip;q=2",
      "gzip;q=",
      "gzipx",
      "xgzip",
      "*",
      "identity",
      "gzip;x=1",
    ].map((value) => no(accept(value))),
  ],
});

block("a request that came through a proxy", {
  files,
  server: `
    gzip on;
    location /any/ { alias html/; gzip_proxied any; }
    location /auth/ { alias html/; gzip_proxied auth; }
    location /expired/ { alias html/; gzip_proxied expired; expires -1; }
    location /fresh/ { alias html/; gzip_proxied expired; expires 1h; }
    location /no-cache/ { alias html/; gzip_proxied no-cache private; add_header Cache-Control "x, no-cache"; }
    location /public/ { alias html/; gzip_proxied no-cache private; add_header Cache-Control public; }
    location /etag/ { alias html/; gzip_proxied no_etag; etag off; }
    location /etagged/ { alias html/; gzip_proxied no_etag; }
  `,
  steps: [
    no({ get: "/a.html", headers: { ...accepting, Via: "x" } }),
    yes({ get: "/any/a.html", headers: { ...accepting, Via: "x" } }),
    yes({ get: "/auth/a.html", headers: { ...accepting, Via: "x", Authorization: "Basic eA==" } }),
    yes({ get: "/expired/a.html", headers: { ...accepting, Via: "x" } }),
    no({ get: "/fresh/a.html", headers: { ...accepting, Via: "x" } }),
    yes({ get: "/no-cache/a.html", headers: { ...accepting, Via: "x" } }),
    no({ get: "/public/a.html", headers: { ...accepting, Via: "x" } }),
    yes({ get: "/etag/a.html", headers: { ...accepting, Via: "x" } }),
    no({ get: "/etagged/a.html", headers: { ...accepting, Via: "x" } }),
  ],
});

block("a last modification counts for gzip_proxied wherever it comes from", {
  files,
  alsoNginx: false, // which overlooks that of a file of its own
  server: "gzip on; gzip_proxied no_last_modified;",
  steps: [no({ get: "/a.html", headers: { ...accepting, Via: "x" } })],
});

block("gzip_vary and $gzip_ratio", {
  files,
  http: 'log_format ratio "$uri $gzip_ratio"; types { text/html html; text/plain txt; }',
  server: "gzip on; gzip_vary on; access_log logs/access.log ratio;",
  steps: [
    { get: "/a.html", headers: accepting, headersOut: { vary: "Accept-Encoding" } },
    { get: "/a.html", headersOut: { vary: "Accept-Encoding", "content-encoding": null } },
    { get: "/a.txt", headers: accepting, headersOut: { vary: null } },
  ],
  accessLog: [/\/a\.html \d+\.\d\d\n/, /\/a\.html -\n/],
});

for (const [line, message] of [
  ["gzip_comp_level 10;", /1 (and|to) 9/],
  ["gzip maybe;", 'it must be "on" or "off"'],
  ["gzip_http_version 2.0;", 'invalid value "2.0"'],
  ["gzip_proxied never;", 'invalid value "never"'],
] as const)
  block(`${line} is refused`, { server: line, refused: [message] });

test("a file that is kept in memory is compressed again when it has changed", async () => {
  await using server = await start({
    files: { "a.html": text, "big.html": big },
    server: "gzip on; open_file_cache max=10; open_file_cache_valid 1s;",
  });
  const get = async (path: string): Promise<string> => (await server.get(path, { headers: accepting })).text();
  for (const _ of [1, 2, 3]) expect([await get("/a.html"), await get("/big.html")]).toEqual([text, big]);
  const part = await server.get("/a.html", { headers: { "Accept-Encoding": "identity", Range: "bytes=4-7" } });
  expect(await part.text()).toBe(text.slice(4, 8));
  writeFileSync(server.path("html/new"), `new ${text}`);
  renameSync(server.path("html/new"), server.path("html/a.html"));
  await until(
    () => "the new file",
    async () => (await get("/a.html")) === `new ${text}`,
  );
});

test("a client that leaves in the middle of a compressed file is forgotten", async () => {
  const noise = Buffer.alloc(8_000_000);
  crypto.getRandomValues(noise.subarray(0, 65_536));
  for (let i = 65_536; i < noise.length; i++) noise[i] = noise[i - 65_535]! ^ (i >> 8);
  await using server = await start({ files: { "n.html": noise }, server: "gzip on;" });
  const connection = await server.connect();
  connection.request({ path: "/n.html", headers: accepting });
  await connection.untilText("\r\n\r\n");
  connection.socket.destroy();
  expect((await server.get("/none")).status).toBe(404);
});

test("what a slow source says is seen before it has said all", async () => {
  const port = await freePort();
  let goOn: (() => void) | undefined;
  const source = createServer((_, response) => {
    response.writeHead(200, { "Content-Type": "text/html" });
    response.write("first ".repeat(10));
    goOn = () => response.end("second ".repeat(10));
  }).listen(port, "127.0.0.1");
  try {
    await using server = await start({
      server: `gzip on; location / { proxy_http_version 1.1; proxy_buffering off; proxy_pass http://127.0.0.1:${port}; }`,
    });
    const response = await server.get("/", { headers: accepting });
    expect(response.headers.get("content-encoding")).toBe("gzip");
    const reader = response.body!.getReader();
    const read = async (): Promise<string> => Buffer.from((await reader.read()).value!).toString();
    expect(await read()).toBe("first ".repeat(10));
    goOn!();
    expect(await read()).toBe("second ".repeat(10));
  } finally {
    source.close();
  }
});
