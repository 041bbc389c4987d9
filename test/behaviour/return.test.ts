import { expect, test } from "bun:test";
import { block, start, until } from "../lib/index.ts";

block("a status and a text", {
  server: 'location / { return 200 "hello, $arg_name\\n"; }',
  steps: [
    {
      get: "/?name=you",
      status: 200,
      reason: "OK",
      body: "hello, you\n",
      headersOut: { "Content-Type": "text/plain" },
    },
    { head: "/?name=you", status: 200, body: "", headersOut: { "Content-Length": "11" } },
  ],
  accessLog: [/"GET \/\?name=you HTTP\/1\.1" 200 11 /, /"HEAD \/\?name=you HTTP\/1\.1" 200 0 /],
});

block("a URL is a redirect, made absolute with the address that was asked", {
  server: `
    location /old/ { return 301 /new$uri; }
    location /away { return 302 https://example.com/; }
    location /short { return https://example.com/short; }
  `,
  steps: [
    { get: "/old/a", status: 301, headersOut: { Location: /^http:\/\/localhost:\d+\/new\/old\/a$/ } },
    { get: "/away", status: 302, headersOut: { Location: "https://example.com/" } },
    { get: "/short", status: 302, headersOut: { Location: "https://example.com/short" } },
  ],
});

block("a status alone answers with its page", {
  server: "location / { return 403; }",
  steps: [{ get: "/", status: 403, reason: "Forbidden", body: /<h1>403 Forbidden<\/h1>/ }],
});

block("a body of the client does not hold up the next request of the connection", {
  server: 'location / { return 200 "$request_method"; }',
  steps: [
    {
      raw: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\nHost: a\r\n\r\n",
      body: "POST",
    },
  ],
});

block("444 closes the connection without an answer", {
  server: "location / { return 444; } location /ok { return 204; }",
  steps: [
    {
      get: "/ok",
      status: 204,
      async check(_answer, server) {
        if ((await server.raw("GET / HTTP/1.1\r\nHost: a\r\n\r\n")) !== "") throw new Error("there was an answer");
      },
    },
  ],
});

block("what cannot be returned is refused, with the place", {
  server: "location / { return banana; }",
  refused: [/invalid return code "banana" in .*nginx\.conf:\d+/],
});

test("444 resets the connection where that is asked for", async () => {
  await using server = await start({
    server: "location / { return 444; } location /reset { reset_timedout_connection on; return 444; }",
  });
  const after = async (path: string): Promise<string> => {
    using connection = await server.connect();
    connection.request({ path });
    await until("the end of the connection", () => connection.closed);
    return `${connection.received}${connection.error ? (connection.error as NodeJS.ErrnoException).code : "closed"}`;
  };
  expect([await after("/"), await after("/reset")]).toEqual(["closed", "ECONNRESET"]);
}, 30_000);
