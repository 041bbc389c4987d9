import { expect, test } from "bun:test";
import { nginx } from "../lib/services.ts";
import { answered, block, freePort, start, until, Upstream } from "../lib/index.ts";

block("the head that an upstream gets", {
  http: 'log_format got "$request|$http_host|$http_connection|$http_x_a|$http_x_b|$http_te|$http_x_forwarded_for|$request_body";',
  server: `
    listen 127.0.0.1:%port%;
    location /plain/ { proxy_pass http://127.0.0.1:%port_back%; }
    location /cut/ { proxy_pass http://127.0.0.1:%port_back%/to/; }
    location /set/ {
      proxy_pass http://127.0.0.1:%port_back%;
      proxy_set_header Host own.test;
      proxy_set_header X-A "";
      proxy_set_header X-B $arg_b;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    }
    location /none/ { proxy_pass http://127.0.0.1:%port_back%; proxy_pass_request_headers off; proxy_pass_request_body off; }
    location /body/ { proxy_pass http://127.0.0.1:%port_back%; proxy_set_body "for $uri"; proxy_method PUT; }
    location /old/ { proxy_pass http://127.0.0.1:%port_back%; proxy_http_version 1.0; }
  }
  server {
    listen 127.0.0.1:%port_back%;
    location / { proxy_pass http://127.0.0.1:%port_sink%; proxy_pass_request_headers off; access_log logs/back.log got; }
  }
  server {
    listen 127.0.0.1:%port_sink%;
    location / { return 200 ok; }
  `,
  steps: [
    { get: "/plain/a%2fb?x=%41", headers: { "X-A": "1", TE: "trailers" }, body: "ok" },
    { get: "/cut/a%20b?c", body: "ok" },
    { get: "/set/?b=2", headers: { "X-A": "1", "X-Forwarded-For": "10.0.0.1" }, body: "ok" },
    { post: "/none/", send: "body", headers: { "X-A": "1" }, body: "ok" },
    { get: "/body/x", body: "ok" },
    { get: "/old/", body: "ok" },
    {
      get: "/plain/",
      check: async (_, server) => {
        const host = `127\\.0\\.0\\.1:${server.port("back")}`;
        const lines = () => Bun.file(server.path("logs/back.log")).text();
        await until("seven lines", async () => (await lines()).trim().split("\n").length === 7);
        const wanted = [
          `GET /plain/a%2fb\\?x=%41 HTTP/1.1\\|${host}\\|-\\|1\\|-\\|-\\|-\\|.*`,
          `GET /to/a%20b\\?c HTTP/1.1\\|${host}\\|-\\|-\\|-\\|-\\|-\\|.*`,
          `GET /set/\\?b=2 HTTP/1.1\\|own.test\\|-\\|-\\|2\\|-\\|10.0.0.1, 127.0.0.1\\|.*`,
          `POST /none/ HTTP/1.1\\|${host}\\|-\\|-\\|-\\|-\\|-\\|-`,
          `PUT /body/x HTTP/1.1\\|${host}\\|-\\|-\\|-\\|-\\|-\\|for /body/x`,
          `GET /old/ HTTP/1.0\\|${host}\\|close\\|-\\|-\\|-\\|-\\|.*`,
          `GET /plain/ HTTP/1.1\\|${host}\\|.*`,
        ];
        const got = (await lines()).trim().split("\n");
        for (const [i, line] of wanted.entries()) expect(got[i]).toMatch(new RegExp(`^${line}$`));
      },
    },
  ],
});

test("answers as an upstream may split them", async () => {
  const parts: Record<string, readonly string[]> = {
    "/bytes": [...answered("in single bytes", "X-A: 1\r\n")],
    "/head": ["HTTP/1.1 200 OK\r\nContent-Le", "ngth: 4\r\n\r", "\nbody"],
    "/chunked": ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbo", "dy\r", "\n0\r\n", "\r\n"],
    "/early": ["HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", answered("final")],
    "/large": [`HTTP/1.1 200 OK\r\nX-Large: ${"x".repeat(60_000)}\r\nContent-Length: 2\r\n\r\nok`],
  };
  using upstream = new Upstream(async (request) => {
    for (const part of parts[request.head.split(" ")[1]!]!) {
      request.write(part);
      await new Promise((resolve) => setImmediate(resolve));
    }
  });
  await using server = await start({ server: `location / { proxy_pass http://${upstream.address}; }` });
  expect((await server.exchange({ path: "/bytes" })).body).toBe("in single bytes");
  expect((await server.exchange({ path: "/head" })).body).toBe("body");
  expect((await server.exchange({ path: "/chunked" })).body).toBe("body");
  const early = await server.exchange({ path: "/early" });
  expect([early.interim[0]!.status, early.interim[0]!.header("link"), early.body]).toEqual([103, "</x>", "final"]);
  expect((await server.exchange({ path: "/large" })).header("x-large")).toHaveLength(60_000);
});

test("answers that are none, or not all", async () => {
  using upstream = new Upstream((request) => {
    const path = request.head.split(" ")[1]!;
    if (path === "/garbage") request.write("SSH-2.0-OpenSSH_9.2\r\n\r\n");
    if (path === "/header") request.write("HTTP/1.1 200 OK\r\nnonsense\r\n\r\n");
    if (path === "/half") request.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    if (path === "/chunk") request.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhalf");
    if (path === "/more") request.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmore than that");
    if (path === "/reset") return request.reset();
    if (path !== "/slow") request.close();
  });
  await using server = await start({
    server: `
      location / { proxy_pass http://${upstream.address}; }
      location /slow { proxy_pass http://${upstream.address}; proxy_read_timeout 300ms; }
      location /nobody { proxy_pass http://127.0.0.1:${await freePort()}; }
    `,
  });
  const statusOf = async (path: string): Promise<number> => (await server.exchange({ path })).status;
  expect(await statusOf("/garbage")).toBe(502);
  await server.logged("upstream sent no valid HTTP/1.0 header while reading response header from upstream");
  expect(await statusOf("/header")).toBe(502);
  expect(await statusOf("/closed")).toBe(502);
  await server.logged("upstream prematurely closed connection while reading response header from upstream");
  expect(await statusOf("/reset")).toBe(502);
  expect(await statusOf("/slow")).toBe(504);
  await server.logged("upstream timed out (110: Connection timed out) while reading response header from upstream");
  expect(await statusOf("/nobody")).toBe(502);
  await server.logged("connect() failed (111: Connection refused) while connecting to upstream");
  expect((await server.exchange({ path: "/more" })).body).toBe("more");
  // The client must be able to tell that these are not whole.
  const half = await server.raw("GET /half HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  expect(half).toMatch(/Content-Length: 10\r\n[^]*\r\n\r\nhalf$/);
  const chunk = await server.raw("GET /chunk HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  expect(chunk).toContain("half");
  expect(chunk).not.toMatch(/\r\n0\r\n/);
});

test("connections are used again, and their end goes unnoticed", async () => {
  using upstream = new Upstream((request) => {
    request.write(answered(`${request.connection}`));
    if (request.head.includes("/last")) request.close();
  });
  await using server = await start({
    server: `location / { proxy_pass http://${upstream.address}; }
      location /one/ { proxy_pass http://${upstream.address}; proxy_http_version 1.0; }`,
  });
  const connectionOf = async (path: string): Promise<string> => (await server.exchange({ path })).body;
  expect([await connectionOf("/"), await connectionOf("/"), await connectionOf("/last")]).toEqual(["1", "1", "1"]);
  expect(await connectionOf("/")).toBe("2");
});

test("a body goes up at the upstream's pace, whole, and as it comes without buffering", async () => {
  const body = "0123456789abcdef".repeat(64 * 1024);
  using upstream = new Upstream(async (request) => {
    const length = Number(/content-length: (\d+)/i.exec(request.head)?.[1] ?? -1);
    if (length >= 0) await until("the body", () => request.body.length === length);
    else await until("the last chunk", () => request.body.endsWith("0\r\n\r\n"));
    request.write(answered(`${length} ${request.body.length >= body.length}`));
  });
  await using server = await start({
    http: "client_max_body_size 10m;",
    server: `
      location / { proxy_pass http://${upstream.address}; }
      location /unbuffered/ { proxy_pass http://${upstream.address}; proxy_request_buffering off; }
    `,
  });
  const post = { method: "POST", body };
  expect((await server.exchange({ ...post, path: "/" })).body).toBe(`${body.length} true`);
  expect((await server.exchange({ ...post, path: "/unbuffered/" })).body).toBe(`${body.length} true`);
  using connection = await server.connect();
  connection.write("POST /unbuffered/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n");
  await until("the first part", () => upstream.requests.at(-1)!.body.includes("first"));
  connection.write("4\r\nlast\r\n0\r\n\r\n");
  expect((await connection.answer("POST")).body).toBe("-1 false");
}, 30_000);

test("a client that goes takes its request along, unless it is to be ignored", async () => {
  using upstream = new Upstream(() => undefined);
  await using server = await start({
    server: `
      location / { proxy_pass http://${upstream.address}; }
      location /kept/ { proxy_pass http://${upstream.address}; proxy_ignore_client_abort on; access_log logs/kept.log; }
    `,
  });
  for (const path of ["/", "/kept/"]) {
    const connection = await server.connect();
    connection.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
    await until("the request", () => upstream.requests.some(({ head }) => head.startsWith(`GET ${path} `)));
    connection[Symbol.dispose]();
  }
  await server.accessed('"GET / HTTP/1.1" 499 ');
  upstream.requests.at(-1)!.write(answered("late"));
  await until("the log", () => Bun.file(server.path("logs/kept.log")).size > 0);
  expect(await Bun.file(server.path("logs/kept.log")).text()).toMatch(/"GET \/kept\/ HTTP\/1.1" (?:200|499) /);
});

block("what an upstream calls itself, the client sees as us", {
  server: `
    listen 127.0.0.1:%port%;
    location /a/ { proxy_pass http://127.0.0.1:%port_back%/b/; }
    location /own/ { proxy_pass http://127.0.0.1:%port_back%/b/; proxy_redirect ~^http://[^/]+(/.*)$ https://x.test$1; }
    location /cookie/ {
      proxy_pass http://127.0.0.1:%port_back%/b/;
      proxy_cookie_domain back.test front.test;
      proxy_cookie_path /b/ /cookie/;
      proxy_cookie_flags ~^si httponly samesite=lax;
    }
  }
  server {
    listen 127.0.0.1:%port_back%;
    location / {
      add_header Set-Cookie "sid=1; Domain=back.test; Path=/b/x";
      add_header Refresh "3; url=http://127.0.0.1:%port_back%/b/next";
      return 302 http://127.0.0.1:%port_back%/b/c;
    }
  `,
  steps: [
    {
      get: "/a/",
      status: 302,
      headersOut: { location: /^http:\/\/127\.0\.0\.1:\d+\/a\/c$|^\/a\/c$/, refresh: /^3; url=.*\/a\/next$/ },
    },
    { get: "/own/", headersOut: { location: "https://x.test/b/c" } },
    {
      get: "/cookie/",
      headersOut: { "set-cookie": "sid=1; Domain=front.test; Path=/cookie/x; HttpOnly; SameSite=Lax" },
    },
  ],
});

block("header fields that pass, stay, or act", {
  server: `
    listen 127.0.0.1:%port%;
    location / { proxy_pass http://127.0.0.1:%port_back%; }
    location /hide/ { proxy_pass http://127.0.0.1:%port_back%; proxy_hide_header X-A; proxy_pass_header X-Pad; }
    location /ignore/ { proxy_pass http://127.0.0.1:%port_back%; proxy_ignore_headers X-Accel-Redirect; }
    location /errors/ { proxy_pass http://127.0.0.1:%port_back%; proxy_intercept_errors on; error_page 404 /own; }
    location /own { return 200 "our page"; }
    location /internal/ { internal; return 200 "from $uri"; }
  }
  server {
    listen 127.0.0.1:%port_back%;
    add_header X-A 1; add_header X-Pad 2; add_header X-Accel-Expires 0;
    location / { return 200 plain; }
    location /redirect { add_header X-Accel-Redirect /internal/file; return 200 gone; }
    location /up { add_header X-Accel-Redirect /internal/../../x; return 200 gone; }
    location /errors/ { return 404 theirs; }
    location /ignore/ { add_header X-Accel-Redirect /internal/file; return 200 stays; }
  `,
  steps: [
    { get: "/", body: "plain", headersOut: { "x-a": "1", "x-pad": null, "x-accel-expires": null, server: /^resty/ } },
    { get: "/hide/", headersOut: { "x-a": null, "x-pad": "2" } },
    { get: "/redirect", body: "from /internal/file" },
    { get: "/up", status: 404 },
    { get: "/ignore/", body: "stays" },
    { get: "/errors/", status: 404, body: "our page" },
  ],
});

test("bytes pass both ways after 101", async () => {
  using upstream = new Upstream((request) => {
    request.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: upgrade\r\n\r\nhello ");
  });
  await using server = await start({
    server: `location / {
      proxy_pass http://${upstream.address};
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection upgrade;
    }`,
  });
  using connection = await server.connect();
  connection.write("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: echo\r\nConnection: upgrade\r\n\r\n");
  expect(await connection.untilText(/hello $/)).toContain("HTTP/1.1 101 Switching Protocols");
  expect(upstream.requests[0]!.head).toContain("Upgrade: echo");
  connection.write("ping");
  await until("the bytes", () => upstream.requests[0]!.body === "ping");
  upstream.requests[0]!.write("pong");
  await connection.untilText(/pong$/);
  upstream.requests[0]!.close();
  expect(await connection.rest()).toBe("");
});

test("a large answer comes whole from a real nginx", async () => {
  const content = Buffer.alloc(5_000_000, "0123456789");
  await using upstream = await nginx({ server: "", files: { "big.bin": content } });
  await using server = await start({ server: `location / { proxy_pass ${upstream.url}; }` });
  const answer = await server.exchange({ path: "/big.bin" });
  expect([answer.status, answer.header("content-length")]).toEqual([200, "5000000"]);
  expect(Buffer.from(answer.bytes).equals(content)).toBe(true);
});
