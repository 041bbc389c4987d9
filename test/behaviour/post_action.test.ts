import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { type Answer, block, isNginx, type Server, start, until } from "../lib/index.ts";

const seen = "log_format seen '$uri $arg_a $status $body_bytes_sent [$request_completion] $request_method';";

/** Waits for a line of the other server's log that begins so. */
const counted = (line: RegExp) => (_: Answer, server: Server) =>
  until(
    () => `${line} in\n${readFileSync(server.path("logs/up.log"), "utf8")}`,
    () => line.test(readFileSync(server.path("logs/up.log"), "utf8")),
  ).then(() => undefined);

block("a location that runs when the client has its answer", {
  http: `
    ${seen}
    server {
      listen 127.0.0.1:%port_up%;
      access_log logs/up.log seen;
      location / { return 204; }
    }
  `,
  server: `
    location / { alias html/; post_action /done; }
    location /named/ { alias html/; post_action @done; location /named/without/ { alias html/; post_action ""; } }
    location = /done {
      internal;
      proxy_pass http://127.0.0.1:%port_up%/by-uri/$status/$body_bytes_sent/$request_completion?a=$arg_a;
    }
    location @done { proxy_pass http://127.0.0.1:%port_up%/by-name/$status/$body_bytes_sent$uri; proxy_method PUT; }
  `,
  files: { "a.html": "hello" },
  steps: [
    {
      get: "/a.html?a=1",
      status: 200,
      body: "hello",
      check: counted(/^\/by-uri\/200\/5\/OK \S* 204 \d+ \[OK\] GET$/m),
    },
    { get: "/none", status: 404, check: counted(/^\/by-uri\/404\/\d{3}\/OK /m) },
    { head: "/a.html", status: 200, body: "", check: counted(/^\/by-uri\/200\/0\/OK \S* 204 \d+ \[OK\] HEAD$/m) },
    { get: "/named/without/a.html", status: 200, body: "hello" },
    {
      get: "/named/a.html",
      status: 200,
      body: "hello",
      check: counted(/^\/by-name\/200\/5\/named\/a\.html \S* 204 \d+ \[OK\] PUT$/m),
    },
  ],
});

block("neither a path nor a name", { server: "post_action off;", refused: ['invalid URI "off"'], alsoNginx: false });

test("a client that has gone away is told of, too", async () => {
  await using server = await start({
    http: `log_format up '$uri'; server { listen 127.0.0.1:%port_up%; access_log logs/up.log up; return 204; }`,
    server: `
      location / { alias html/; limit_rate 1k; post_action /done; }
      location = /done { proxy_pass http://127.0.0.1:%port_up%/gone$request_completion; }
    `,
    files: { "big.txt": "x".repeat(1_000_000) },
  });
  {
    using connection = await server.connect();
    connection.request({ path: "/big.txt" });
    await connection.untilText("xxxx");
  }
  await counted(/^\/gone$/m)({} as Answer, server);
}, 30_000);

test.skipIf(isNginx)(
  "one that fails is logged, and the connection goes on",
  async () => {
    await using server = await start({
      server: "location / { alias html/; post_action @none; }",
      files: { "a.html": "ok" },
    });
    using connection = await server.connect();
    for (let i = 0; i < 2; i++) {
      connection.request({ path: "/a.html" });
      expect((await connection.answer()).body).toBe("ok");
    }
    await server.logged('could not find named location "@none"');
  },
  30_000,
);
