import { expect, test } from "bun:test";
import { block, start } from "../lib/index.ts";

test("copies of the request go elsewhere, with its body, and their answers nowhere", async () => {
  await using server = await start({
    main: "error_log logs/error.log info;",
    http: 'log_format mirrored "$uri $request_method $content_length $args $status";',
    server: `
      listen 127.0.0.1:%port%;
      mirror /one;
      mirror /two;
      location / { proxy_pass http://127.0.0.1:%port_back%; }
      location /off/ { mirror off; alias html/; }
      location /one { internal; proxy_pass http://127.0.0.1:%port_back%/copy1$request_uri; }
      location /two { internal; return 500; log_subrequest on; access_log logs/two.log mirrored; }
    }
    server {
      listen 127.0.0.1:%port_back%;
      client_body_buffer_size 1k;
      location / { proxy_pass http://127.0.0.1:%port_sink%; access_log logs/back.log mirrored; }
    }
    server {
      listen 127.0.0.1:%port_sink%;
      location / { return 200 "original"; }
      location /copy1 { return 404; }
    `,
    files: { "a.html": "ok" },
  });
  const answer = await server.exchange({ method: "POST", path: "/x?a=b", body: "body!" });
  expect([answer.status, answer.body]).toEqual([200, "original"]);
  expect((await server.exchange({ path: "/off/a.html" })).body).toBe("ok");
  await server.stop();
  const lines = (await Bun.file(server.path("logs/back.log")).text()).trim().split("\n").sort();
  expect(lines).toEqual(["/copy1/x POST 5 a=b 404", "/x POST 5 a=b 200"]);
  expect(await Bun.file(server.path("logs/two.log")).text()).toMatch(/^\/two POST \S+ a=b 500\n$/);
});

block("off and another", { server: "mirror off; mirror /a;", refused: ['"mirror" directive is duplicate'] });
