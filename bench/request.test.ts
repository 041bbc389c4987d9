import { expect, test } from "bun:test";
import { parseTarget, requestBytes } from "./request.ts";

test.each([
  [
    "http://localhost:8080/a/../b?x=%2F&y",
    { tls: false, hostname: "localhost", port: 8080, authority: "localhost:8080", path: "/a/../b?x=%2F&y" },
  ],
  ["http://example.com", { port: 80, authority: "example.com", path: "/" }],
  ["https://example.com?q=1#part", { tls: true, port: 443, path: "/?q=1" }],
  ["http://[::1]:81/", { hostname: "::1", port: 81, authority: "[::1]:81" }],
  ["http://unix:/run/resty.sock:/status", { unix: "/run/resty.sock", path: "/status", authority: "localhost" }],
])("%s", (url, expected) => {
  expect(parseTarget(url)).toMatchObject(expected);
});

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

test("Host, User-Agent and Content-Length are added", () => {
  const bytes = requestBytes({ method: "POST", path: "/x", authority: "a:1", headers: [["X-A", "1"]], body: "é" });
  expect(text(bytes)).toBe(
    "POST /x HTTP/1.1\r\nHost: a:1\r\nUser-Agent: resty-bench\r\nX-A: 1\r\nContent-Length: 2\r\n\r\né",
  );
});

test("and one's own take their place", () => {
  const headers = [
    ["host", "b"],
    ["USER-AGENT", "me"],
  ] as const;
  expect(text(requestBytes({ method: "GET", path: "/", authority: "a", headers, close: true }))).toBe(
    "GET / HTTP/1.1\r\nhost: b\r\nUSER-AGENT: me\r\nConnection: close\r\n\r\n",
  );
});
