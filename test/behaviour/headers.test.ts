import { expect } from "bun:test";
import { block, type Step } from "../lib/index.ts";

const files = { "a.html": { content: "hello", modified: new Date("2024-02-03T04:05:06Z") } };

block("add_header, its statuses and its inheritance", {
  files,
  http: "add_header X-Http 1;",
  server: `
    add_header X-Server "$request_method $uri";
    location / { }
    location /own/ { alias html/; add_header X-Own 1; add_header X-Own 2; add_header X-None $arg_none; add_header X-Empty ""; }
    location /always/ { alias html/; add_header X-Always $status always; add_header X-Usual 1; }
    location /if/ { alias html/; if ($arg_x) { add_header X-If 1; } }
    location /redirect { return 302 /; }
    location /teapot { return 418; }
    location /made { return 201 "made"; }
    location /etag/ { alias html/; add_header ETag '"mine"'; add_header Last-Modified ""; add_header Cache-Control a; add_header Cache-Control b; }
    location /date/ { alias html/; add_header Last-Modified "Sun, 04 Feb 2024 00:00:00 GMT"; }
    location /type/ { alias html/; add_header Vary X; }
  `,
  steps: [
    { get: "/a.html", headersOut: { "x-server": "GET /a.html", "x-http": null } },
    { get: "/own/a.html", headersOut: { "x-own": "1, 2", "x-server": null, "x-none": null, "x-empty": null } },
    { get: "/always/a.html", headersOut: { "x-always": "200", "x-usual": "1" } },
    { get: "/always/none", status: 404, headersOut: { "x-always": "404", "x-usual": null } },
    { get: "/if/a.html", headersOut: { "x-server": "GET /if/a.html", "x-if": null } },
    { get: "/if/a.html?x=1", headersOut: { "x-server": null, "x-if": "1" } },
    { get: "/redirect", status: 302, headersOut: { "x-server": "GET /redirect" } },
    { get: "/teapot", status: 418, headersOut: { "x-server": null } },
    { get: "/made", status: 201, headersOut: { "x-server": "GET /made" } },
    { get: "/a.html", headers: { Range: "bytes=0-1" }, status: 206, headersOut: { "x-server": "GET /a.html" } },
    { get: "/a.html", headers: { "If-None-Match": "*" }, status: 304, headersOut: { "x-server": "GET /a.html" } },
    { get: "/etag/a.html", headersOut: { etag: '"mine"', "last-modified": null, "cache-control": "a, b" } },
    { get: "/date/a.html", headersOut: { "last-modified": "Sun, 04 Feb 2024 00:00:00 GMT" } },
  ],
});

block("a value cannot end its header", {
  files,
  alsoNginx: false, // which sends what it is given
  server: "location / { add_header X-Uri $uri always; }",
  steps: [{ get: "/a%0d%0aX-Forged:%201", status: 404, headersOut: { "x-uri": "/a  X-Forged: 1", "x-forged": null } }],
});

block("add_header_inherit", {
  files,
  alsoNginx: false, // since 1.29.3
  server: `
    add_header X-Outer 1;
    location /merge/ { alias html/; add_header_inherit merge; add_header X-Inner 1; }
    location /off/ { alias html/; add_header_inherit off; }
  `,
  steps: [
    { get: "/merge/a.html", headersOut: { "x-outer": "1", "x-inner": "1" } },
    { get: "/off/a.html", headersOut: { "x-outer": null } },
  ],
});

block("add_trailer", {
  files,
  server: `
    add_trailer X-Sum $body_bytes_sent;
    add_trailer X-Always $status always;
    add_trailer X-Empty "";
    add_trailer X-Copy $sent_trailer_x_always;
  `,
  steps: [
    {
      get: "/a.html",
      body: "hello",
      headersOut: {
        "transfer-encoding": "chunked",
        "content-length": null,
        "accept-ranges": "bytes",
        "x-always": null,
      },
      check: (answer) =>
        expect(answer.trailers.map(([name, value]) => (name === "X-Sum" ? name : `${name}=${value}`))).toEqual([
          "X-Sum",
          "X-Always=200",
          "X-Copy=200",
        ]),
    },
    { get: "/none", status: 404, check: (answer) => expect(answer.trailers).toEqual([["X-Always", "404"]]) },
    { get: "/a.html", version: "1.0", headersOut: { "content-length": "5" }, body: "hello" },
    { head: "/a.html", headersOut: { "content-length": "5" } },
    {
      get: "/a.html",
      headers: { "If-None-Match": "*" },
      status: 304,
      check: (answer) => expect(answer.trailers).toEqual([]),
    },
  ],
});

const seconds = (text: string): number => Date.parse(text) / 1000;

/** Expires is `offset` seconds from Date, and Cache-Control says the same. */
const expiring = (path: string, offset: number, cacheControl: string): Step => ({
  get: path,
  headersOut: { "cache-control": cacheControl },
  check(answer) {
    const difference = seconds(answer.header("expires")!) - seconds(answer.header("date")!);
    expect(Math.abs(difference - offset)).toBeLessThanOrEqual(1);
  },
});

block("expires in all its forms", {
  files,
  http: "map $arg_e $expires { default off; max max; hour 1h; bad nonsense; daily @10h; past -2; epoch epoch; }",
  server: `
    location /hour/ { alias html/; expires 1h30m; }
    location /plus/ { alias html/; expires +1d; }
    location /past/ { alias html/; expires -1; }
    location /zero/ { alias html/; expires 0; }
    location /epoch/ { alias html/; expires epoch; }
    location /max/ { alias html/; expires max; }
    location /off/ { alias html/; expires off; }
    location /modified/ { alias html/; expires modified +1w; }
    location /daily/ { alias html/; expires @12h; }
    location /var/ { alias html/; expires $expires; }
    location /set/ { alias html/; expires 10s; add_header Cache-Control public; }
    location /bad { expires 1h; return 500; }
  `,
  steps: [
    expiring("/hour/a.html", 5400, "max-age=5400"),
    expiring("/plus/a.html", 86_400, "max-age=86400"),
    expiring("/past/a.html", -1, "no-cache"),
    expiring("/zero/a.html", 0, "max-age=0"),
    expiring("/set/a.html", 10, "max-age=10, public"),
    { get: "/epoch/a.html", headersOut: { expires: "Thu, 01 Jan 1970 00:00:01 GMT", "cache-control": "no-cache" } },
    {
      get: "/max/a.html",
      headersOut: { expires: "Thu, 31 Dec 2037 23:55:55 GMT", "cache-control": "max-age=315360000" },
    },
    { get: "/off/a.html", headersOut: { expires: null, "cache-control": null } },
    { get: "/modified/a.html", headersOut: { expires: "Sat, 10 Feb 2024 04:05:06 GMT", "cache-control": "no-cache" } },
    {
      get: "/daily/a.html",
      headersOut: { "cache-control": /^max-age=\d+$/ },
      check(answer) {
        const at = new Date(answer.header("expires")!);
        expect([at.getHours(), at.getMinutes(), at.getSeconds()]).toEqual([12, 0, 0]);
        expect(at.getTime() - Date.now()).toBeLessThanOrEqual(86_400_000);
      },
    },
    { get: "/var/a.html", headersOut: { expires: null } },
    { get: "/var/a.html?e=bad", headersOut: { expires: null } },
    { get: "/var/a.html?e=max", headersOut: { "cache-control": "max-age=315360000" } },
    { get: "/var/a.html?e=epoch", headersOut: { "cache-control": "no-cache" } },
    { get: "/var/a.html?e=daily", headersOut: { "cache-control": /^max-age=\d+$/ } },
    expiring("/var/a.html?e=hour", 3600, "max-age=3600"),
    { get: "/bad", status: 500, headersOut: { expires: null } },
  ],
});

for (const [text, message] of [
  ["expires modified @10h;", 'daily time cannot be used with "modified" parameter'],
  ["expires @25h;", "daily time value must be less than 24 hours"],
  ["expires banana;", '"expires" directive invalid value'],
  ["expires sometimes 1h;", '"expires" directive invalid value'],
  ["add_header X 1 2;", 'invalid parameter "2"'],
] as const)
  block(`${text} is refused`, { server: text, refused: [message] });
