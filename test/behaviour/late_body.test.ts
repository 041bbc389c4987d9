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

test("a client that waits for 100 is told to go on, if the body is wanted", async () => {
  await using server = await start(options);
  using connection = await server.connect();
  const head = "POST /late/?l=3 HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
  connection.write(head);
  expect(await connection.untilText("\r\n\r\n")).toBe("HTTP/1.1 100 Continue\r\n\r\n");
  connection.write("hello");
  expect((await connection.answer("POST")).body).toBe("POST 5");
  connection.write(head.replace("/late/", "/unread/a.html"));
  const refused = await connection.answer("POST");
  expect([refused.status, refused.header("connection")]).toEqual([405, "close"]);
});

test("a client that does not send its body is left without an answer", async () => {
  await using server = await start({
    ...options,
    main: "error_log logs/error.log info;",
    http: `${options.http} client_body_timeout 200ms;`,
  });
  using connection = await server.connect();
  connection.write("POST /late/?l=4 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe");
  expect(await connection.rest()).toBe("");
  await server.logged("client timed out");
  await server.accessed(/"POST \/late\/\?l=4 HTTP\/1\.1" 408 0 /);
});
