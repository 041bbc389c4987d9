import { expect, test } from "bun:test";
import { start } from "../lib/index.ts";

const options = {
  http: "limit_req_zone $arg_l zone=one:1m rate=10r/s; client_max_body_size 10m;",
  server: `
    listen 127.0.0.1:%port%;
    location /late/ { limit_req zone=one burst=9; proxy_pass http://127.0.0.1:%port_back%; }
    location /asked/ { auth_request /ask; proxy_pass http://127.0.0.1:%port_back%; }
    location = /ask { internal; proxy_pass http://127.0.0.1:%port_back%; proxy_pass_request_body off; }
    location /unread { limit_req zone=one burst=9; }
  }
  server {
    listen 127.0.0.1:%port_back%;
    client_body_buffer_size 4m;
    location / { return 200 "$request_method $content_length"; }
  `,
  files: { "unread/a.html": "never read" },
};

test("a body is there however late it is read", async () => {
  await using server = await start(options);
  for (const path of ["/late/?l=1", "/late/?l=1", "/late/?l=1", "/asked/"])
    for (const size of [3, 100_000, 3_000_000]) {
      const { body } = await server.exchange({ method: "POST", path, body: "x".repeat(size) });
      expect(body).toBe(`POST ${size}`);
    }
});

test("a body that nobody reads does not hold up the next request", async () => {
  await using server = await start(options);
  using connection = await server.connect();
  for (const size of [3, 100_000, 900_000]) {
    connection.request({ method: "POST", path: "/unread/a.html?l=2", body: "x".repeat(size) });
    expect((await connection.answer("POST")).status).toBe(405);
  }
  connection.request({ path: "/unread/a.html?l=2" });
  expect((await connection.answer()).body).toBe("never read");
});
