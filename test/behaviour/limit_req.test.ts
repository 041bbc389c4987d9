import { expect, test } from "bun:test";
import { block, start } from "../lib/index.ts";

const files = { "a.html": "ok" };

block("a request beyond the burst is refused", {
  http: "limit_req_zone $binary_remote_addr zone=one:1m rate=1r/m; add_header X-Status $limit_req_status always;",
  server: `
    location / { limit_req zone=one; }
    location /more/ { alias html/; limit_req zone=one burst=2 nodelay; limit_req_status 429; limit_req_log_level warn; }
  `,
  files, // not `return`, which answers in rewrite, before preaccess is reached
  steps: [
    { get: "/a.html", status: 200, body: "ok", headersOut: { "X-Status": "PASSED" } },
    { get: "/a.html", status: 503, headersOut: { "X-Status": "REJECTED" } },
    { get: "/more/a.html", status: 200 },
    { get: "/more/a.html", status: 200 },
    { get: "/more/a.html", status: 429 },
  ],
  errorLog: [
    /\[error\] .* limiting requests, excess: (?:1\.000|0\.9\d\d) by zone "one", client: 127\.0\.0\.1/,
    /\[warn\] .* limiting requests, excess: (?:3\.000|2\.9\d\d) by zone "one"/,
  ],
});

block("an empty key is not limited; all zones have to agree", {
  http: `
    limit_req_zone $arg_a zone=a:1m rate=1r/m;
    limit_req_zone $arg_b zone=b:1m rate=1r/m;
    add_header X-Status $limit_req_status always;
  `,
  server: "location / { limit_req zone=a; limit_req zone=b; }",
  files,
  steps: [
    { get: "/a.html", status: 200, headersOut: { "X-Status": null } },
    { get: "/a.html", status: 200 },
    { get: "/a.html?a=1", status: 200, headersOut: { "X-Status": "PASSED" } },
    { get: "/a.html?a=1&b=1", status: 503 },
    { get: "/a.html?b=1", status: 200 },
  ],
});

block("a dry run only tells", {
  main: "error_log logs/error.log notice;",
  http: "limit_req_zone $arg_a zone=a:1m rate=1r/m; add_header X-Status $limit_req_status always;",
  server: `
    limit_req_dry_run on;
    location / { limit_req zone=a; }
    location /wait/ { alias html/; limit_req zone=a burst=5; }
  `,
  files,
  steps: [
    { get: "/a.html?a=1", headersOut: { "X-Status": "PASSED" } },
    { get: "/a.html?a=1", status: 200, headersOut: { "X-Status": "REJECTED_DRY_RUN" } },
    { get: "/wait/a.html?a=1", status: 200, headersOut: { "X-Status": "DELAYED_DRY_RUN" } },
  ],
  errorLog: [/\[error\] .* limiting requests, dry run, excess: /, /\[warn\] .* delaying request, dry run, excess: /],
});

test("a burst is held back to the rate, beyond what delay= lets through", async () => {
  await using server = await start({
    main: "error_log logs/error.log notice;",
    http: "limit_req_zone $uri zone=one:1m rate=10r/s;",
    server:
      "location / { limit_req zone=one burst=4 delay=2; } location /all/ { alias html/; limit_req zone=one burst=2; }",
    files,
  });
  const begun = performance.now();
  const ends = await Promise.all(
    [1, 2, 3, 4, 5].map(async () => ((await server.get("/a.html")).status === 200 ? performance.now() - begun : -1)),
  );
  // Three at once, the fourth after 100 ms, the fifth after 200.
  expect(ends.every((ms) => ms >= 0)).toBe(true);
  expect(Math.max(...ends)).toBeGreaterThan(150);
  expect(ends.filter((ms) => ms < 95).length).toBe(3);
  await server.logged(/\[warn\] .* delaying request, excess: \d\.\d{3}, by zone "one"/);
});

test("the limit is one for all workers and outlives a reload", async () => {
  const options = {
    workers: 2,
    http: "limit_req_zone $uri zone=one:1m rate=1r/m;",
    server: "location / { limit_req zone=one burst=9 nodelay; }",
    files,
  };
  await using server = await start(options);
  const statuses = await Promise.all(Array.from({ length: 20 }, async () => (await server.get("/a.html")).status));
  expect(statuses.filter((status) => status === 200).length).toBe(10);
  await server.reload();
  expect((await server.get("/a.html")).status).toBe(503);
});

const wrong = (http: string, server = "") => ({ http, server });
const zone = "limit_req_zone $uri zone=one:1m rate=1r/s;";
block("no such zone", { ...wrong("", "limit_req zone=none;"), refused: ['zero size shared memory zone "none"'] });
block("no size", { ...wrong("limit_req_zone $uri zone=one rate=1r/s;"), refused: ['invalid zone size "zone=one"'] });
block("too small", {
  ...wrong("limit_req_zone $uri zone=one:8k rate=1r/s;"),
  refused: ['zone "zone=one:8k" is too small'],
});
block("no rate", { ...wrong("limit_req_zone $uri zone=one:1m rate=0r/s;"), refused: ['invalid rate "rate=0r/s"'] });
block("a zone twice", {
  ...wrong(zone, "limit_req zone=one; limit_req zone=one;"),
  refused: ['"limit_req" directive is duplicate'],
});
block("two kinds of one name", {
  ...wrong(`${zone} limit_conn_zone $uri zone=one:1m;`),
  refused: ['the shared memory zone "one" is already declared for a different use'],
});
