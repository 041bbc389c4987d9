// What nobody sends by accident, and what must not follow from it. Each of these runs against nginx itself as well
// (RESTY_BIN=/usr/sbin/nginx). Traversal is in static.test.ts, ranges by the thousand in range.test.ts, a password
// file that vanishes in auth_basic.test.ts.
import { expect, test } from "bun:test";
import { symlinkSync } from "node:fs";
import { block, isNginx, start } from "../lib/index.ts";

const get = (target: string, fields = "", method = "GET"): string =>
  `${method} ${target} HTTP/1.1\r\nHost: a\r\n${fields}Connection: close\r\n\r\n`;
const ok = { server: "location / { index a.html; }", files: { "a.html": "ok", "d/b.html": "second" } };

block("a target that is too long is 414, a field 400, and the log says so", {
  server: `location / { alias html/; error_page 414 /a.html; } location /own/ { return 200 "own"; }`,
  files: { "a.html": "ok" },
  steps: [
    { raw: get(`/a.html?${"x".repeat(8000)}`), status: 200, body: "ok" },
    { raw: get(`/a.html?${"x".repeat(8192)}`), status: 414, body: /<h1>414 Request-URI Too Large<\/h1>/ },
    { raw: get(`/${"x".repeat(30_000)}`), status: 414 },
    { raw: get("/a.html", `X: ${"x".repeat(8000)}\r\n`), status: 200 },
    { raw: get("/a.html", `X: ${"x".repeat(8192)}\r\n`), status: 400, body: /Request Header Or Cookie Too Large/ },
    { raw: get("/a.html", `X: ${"x".repeat(8000)}\r\n`.repeat(5)), status: 400 },
  ],
  errorLog: [
    "client sent too long URI while reading client request line",
    /client sent too long header line: "X: x{100,}\.\.\." while reading client request headers/,
  ],
});

block("as long as the configuration says", {
  server: `large_client_header_buffers 2 12k; location / { alias html/; }`,
  files: { "a.html": "ok" },
  steps: [
    { raw: get(`/a.html?${"x".repeat(12_000)}`), status: 200 },
    { raw: get("/a.html", `X: ${"x".repeat(12_000)}\r\n`), status: 200 },
    { raw: get("/a.html", `X: ${"x".repeat(12_300)}\r\n`), status: 400 },
    { raw: get("/a.html", `X: ${"x".repeat(9000)}\r\n`.repeat(3)), status: 400 },
  ],
});

block("a target of 100 kilobytes", {
  ...ok,
  steps: [{ raw: get(`/${"x".repeat(100_000)}`), status: 414 }],
});

block("many header lines", {
  ...ok,
  steps: [
    { raw: get("/a.html", "X: y\r\n".repeat(190)), status: 200, body: "ok" },
    { raw: get("/a.html", "X: y\r\n".repeat(500)), status: 200, body: "ok" },
  ],
});

test("a request with two ideas of its length is refused, and what follows it is no request", async () => {
  await using server = await start(ok);
  const [chunked, length] = ["Transfer-Encoding: chunked\r\n", "Content-Length: 3\r\n"];
  for (const fields of [
    length + chunked,
    chunked + length,
    `Content-Length: 0\r\n${length}`,
    "Content-Length: 0x3\r\n",
    "Content-Length: -1\r\n",
    "Content-Length: 99999999999999999999\r\n",
    "Transfer-Encoding: identity\r\n",
    "Transfer-Encoding: chunked, chunked\r\n",
    "Transfer-Encoding : chunked\r\n",
    " Content-Length: 3\r\n",
  ]) {
    const head = get("/a.html", fields).replace("Connection: close\r\n", "");
    const answer = await server.raw(`${head}0\r\n\r\n${get("/d/b.html")}`);
    expect([fields, answer]).toEqual([fields, expect.stringMatching(/^HTTP\/1\.1 (400|501) /)]);
    expect([fields, answer]).toEqual([fields, expect.not.stringContaining("second")]);
  }
}, 30_000);

test("a body whose framing breaks off is 400, read by whomever", async () => {
  await using server = await start({
    server: `
      location /pass { proxy_pass http://127.0.0.1:%port%/up; }
      location /unbuffered { proxy_pass http://127.0.0.1:%port%/up; proxy_request_buffering off; proxy_http_version 1.1; }
      location /up { proxy_pass http://127.0.0.1:%port%/end; }
      location /end { return 200 "end"; }
    `,
  });
  for (const path of ["/pass", "/unbuffered"]) {
    using connection = await server.connect();
    connection.write(`POST ${path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`);
    connection.write(`zz\r\n${get("/up")}`);
    expect([path, await connection.rest()]).toEqual([
      path,
      expect.stringMatching(/^HTTP\/1\.1 400 [^]*<h1>400 Bad Request/),
    ]);
  }
  await server.logged(/\[error\] .*client sent invalid chunked body/);
}, 30_000);

test("two hosts, or one that is none", async () => {
  await using server = await start(ok);
  for (const hosts of ["Host: a\r\nHost: a", "Host: a\r\nHost: b", "Host: ../..", "Host: a\0b", "Host: a b", "X: y"])
    expect([hosts, await server.raw(`GET /a.html HTTP/1.1\r\n${hosts}\r\nConnection: close\r\n\r\n`)]).toEqual([
      hosts,
      expect.stringMatching(/^HTTP\/1\.1 400 /),
    ]);
}, 30_000);

test.skipIf(isNginx)("what was asked before something that is no request is answered before it", async () => {
  const slow = "content_by_ts_block { await ngx.sleep(0.1); ngx.say(ngx.var.uri); }";
  await using server = await start({ server: `location / { ${slow} }` });
  const asked = ["/one", "/two"].map((uri) => `GET ${uri} HTTP/1.1\r\nHost: a\r\n\r\n`).join("");
  const answer = await server.raw(`${asked}GET /a b HTTP/1.1\r\n\r\n${asked}`);
  expect(answer.match(/HTTP\/1\.1 \d+|\/one\n|\/two\n/g)).toEqual([
    "HTTP/1.1 200",
    "/one\n",
    "HTTP/1.1 200",
    "/two\n",
    "HTTP/1.1 400",
  ]);
});

test("methods that nobody has heard of", async () => {
  await using server = await start(ok);
  for (const [method, answer] of [
    ["PROPFIND", /^HTTP\/1\.1 405 /],
    ["PUT", /^HTTP\/1\.1 405 /],
    ["TRACE", /^HTTP\/1\.1 405 /],
    ["CONNECT", /^HTTP\/1\.1 40[05] /],
    ["G@T", /^HTTP\/1\.1 400 /],
    ["BREW", /^HTTP\/1\.1 405 /],
    ["get", /^HTTP\/1\.1 400 /],
  ] as const)
    expect([method, await server.raw(get("/a.html", "", method))]).toEqual([method, expect.stringMatching(answer)]);
}, 30_000);

test("zero bytes and other controls, wherever they are", async () => {
  await using server = await start({ ...ok, files: { ...ok.files, "x\x01": "control" } });
  for (const sent of [
    get("/a.html%00"),
    get("/a.html%00.txt"),
    get("/%00/../a.html"),
    get("/a.html\0"),
    get("/a.html", "X: a\0b\r\n"),
    get("/a.html", "X\0: b\r\n"),
    get("/a.html", "X: a\rb\r\n"),
  ])
    expect([sent, await server.raw(sent)]).toEqual([sent, expect.stringMatching(/^HTTP\/1\.1 400 /)]);
  expect(await server.raw(get("/a.html?%00"))).toContain("200 OK");
}, 30_000);

test("a file outside, by every way of writing the path and by a link", async () => {
  await using server = await start({
    server: "location / { root %dir%/html; disable_symlinks on from=%dir%/html; } location /d { alias %dir%/html/d/; }",
    files: { "/secret": "secret", "d/f": "f", "a.html": "ok" },
  });
  symlinkSync("../secret", server.path("html/file"));
  symlinkSync("..", server.path("html/folder"));
  for (const target of [
    "/../secret",
    "/..\\..\\secret",
    "/..%5c..%5csecret",
    "/%2e%2e/secret",
    "/.%2e/secret",
    "/%252e%252e/secret",
    "/%c0%ae%c0%ae/secret",
    "/%uff0e%uff0e/secret",
    "/d/..%2f..%2fsecret",
    "/d/..;/../../secret",
    "/d../secret",
    "//../secret",
    "http://a/../secret",
    "http://a/%2e%2e%2fsecret",
    "/?/../secret/../../secret",
    "/file",
    "/folder/secret",
    "/folder/html/a.html",
  ]) {
    const answer = await server.raw(get(target));
    expect([target, answer]).toEqual([target, expect.stringMatching(/^HTTP\/1\.1 (400|403|404) /)]);
    expect([target, answer]).toEqual([target, expect.not.stringMatching(/^secret/m)]);
  }
  await server.logged(/\[error\] .*openat\(\) ".*\/html\/file" failed \(40: Too many levels of symbolic links\)/);
}, 30_000);

for (const [what, text, said] of [
  ["a line too many words", "a b c;\n", /invalid number of the map parameters in .*bad\.map:1/],
  ["an end too early", "a b;\nc d", /unexpected end of file, expecting ";" or "}" in .*bad\.map:2/],
  ["a brace too many", "a b;\n}\n", /unexpected "}" in .*bad\.map:2/],
  [
    "an expression that is none",
    "~( b;\n",
    /pcre2_compile\(\) failed: missing closing parenthesis in "\("( at .*)? in .*:\d+/,
  ],
] as const)
  block(`a map whose file does not parse: ${what}`, {
    http: "map $uri $x { include bad.map; }",
    server: "return 200 $x;",
    files: { "/conf/bad.map": text },
    refused: [said],
  });

block("a map whose file is not there", {
  http: "map $uri $x { include none.map; }",
  server: "return 200 $x;",
  refused: [/open\(\) ".*\/conf\/none\.map" failed \(2: No such file or directory\)/],
});

test("heads as nginx takes them, though the RFC need not", async () => {
  await using server = await start({
    server: `
      location / { return 200 "$request_method $uri [$http_x$http_y]"; }
      location /files/ { alias html/; }
    `,
    files: { large: "0123456789".repeat(1_000_000) },
  });
  const lf = (text: string): string => text.replaceAll("\r\n", "\n");
  for (const [sent, body] of [
    [lf(get("/a", "X: z\r\n")), "GET /a [z]"],
    [lf(get("/a", "X: z\r\n")).replace("HTTP/1.1", "HTTP/1.0"), "GET /a [z]"],
    [`GET /a HTTP/1.1\r\nHost: a\nX: z\r\nConnection: close\n\r\n`, "GET /a [z]"],
    [`\r\n${get("/a")}`, "GET /a []"],
    [get("/a", "X: z\r\nNonsense\r\n"), "GET /a [z]"],
    [get("/a", "X: z\r\n").replace("HTTP/1.1", "HTTP/1.7"), "GET /a [z]"],
    [get("/a", "", "BREW"), "BREW /a []"],
    [get("/\xe4%20b"), "GET /\xe4 b []"],
    [get("/a", `${"Z: x\r\n".repeat(300)}Y: last\r\n`), "GET /a [last]"],
    ["GET /a\r\n", "GET /a []"],
  ] as const) {
    const answer = await server.raw(sent);
    const start = answer.startsWith("HTTP/") ? answer.indexOf("\r\n\r\n") + 4 : 0; // HTTP/0.9 has no head
    expect([sent, answer.slice(start)]).toEqual([sent, body]);
  }
  const large = await server.raw(lf(get("/files/large")));
  expect(large.length - large.indexOf("\r\n\r\n") - 4).toBe(10_000_000);
  // A kept connection ends with such a request, and what came before it is answered.
  const both = await server.raw(`GET /a HTTP/1.1\r\nHost: a\r\n\r\n${lf(get("/b"))}`);
  expect(both.match(/^(GET .*|HTTP\/1\.1 \d+)/gm)).toContain("HTTP/1.1 200");
}, 30_000);
