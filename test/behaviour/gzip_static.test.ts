import { expect } from "bun:test";
import { gunzipSync, gzipSync } from "node:zlib";
import { type Answer, block } from "../lib/index.ts";

const text = "precompressed ".repeat(50);
const modified = new Date("2024-02-03T04:05:06Z");
const compressed = gzipSync(text);
const files = {
  "a.html": "plain",
  "a.html.gz": { content: compressed, modified },
  "only.html.gz": compressed,
  "b.html": "b",
  "d.html": "d",
  "d.html.gz/x": "a folder",
};
const accepting = { "Accept-Encoding": "gzip" };
const packed = (answer: Answer): void => {
  expect(answer.header("content-encoding")).toBe("gzip");
  expect(gunzipSync(answer.bytes).toString()).toBe(text);
};

block("the compressed file is sent in place of the plain one", {
  files,
  server: `
    gzip_static on;
    location /always/ { alias html/; gzip_static always; }
    location /vary/ { alias html/; gzip_vary on; }
    location /expand/ { alias html/; gzip_static always; gunzip on; }
    location /expand-vary/ { alias html/; gzip_static always; gunzip on; gzip_vary on; }
  `,
  steps: [
    {
      get: "/a.html",
      headers: accepting,
      headersOut: {
        "content-type": "text/html",
        "content-length": String(compressed.length),
        etag: `"65bdbb72-${compressed.length.toString(16)}"`,
        vary: null,
      },
      check: packed,
    },
    { get: "/a.html", body: "plain", headersOut: { "content-encoding": null } },
    { head: "/a.html", headers: accepting, headersOut: { "content-encoding": "gzip" } },
    { post: "/a.html", headers: accepting, send: "x", status: 405 },
    { get: "/only.html", headers: accepting, check: packed },
    { get: "/only.html", status: 404 },
    { get: "/b.html", headers: accepting, body: "b" },
    { get: "/d.html", headers: accepting, body: "d" },
    { get: "/a.html", headers: { ...accepting, Via: "x" }, body: "plain" },
    { get: "/always/a.html", check: packed },
    { get: "/vary/a.html", body: "plain", headersOut: { vary: "Accept-Encoding" } },
    { get: "/vary/a.html", headers: accepting, headersOut: { vary: "Accept-Encoding" }, check: packed },
    { get: "/vary/b.html", headersOut: { vary: null } },
    { get: "/expand/a.html", headers: accepting, check: packed },
    {
      get: "/expand/a.html",
      body: text,
      headersOut: { "content-encoding": null, etag: /^W\//, "accept-ranges": null, vary: null },
    },
    { get: "/expand/a.html", version: "1.0", body: text },
    { head: "/expand/a.html", headersOut: { "content-encoding": null, "content-length": null } },
    { get: "/expand-vary/a.html", body: text, headersOut: { vary: "Accept-Encoding" } },
  ],
});

block("ranges are of the compressed file", {
  files,
  alsoNginx: false, // since 1.23.3
  server: "gzip_static on;",
  steps: [
    { get: "/a.html", headers: accepting, headersOut: { "accept-ranges": "bytes" } },
    {
      get: "/a.html",
      headers: { ...accepting, Range: "bytes=0-9" },
      status: 206,
      headersOut: { "content-encoding": "gzip", "content-length": "10" },
    },
  ],
});

const large = Buffer.alloc(3_000_000, "expanded ");

block("a large file is expanded as it is sent", {
  files: { "large.bin.gz": gzipSync(large) },
  server: "gzip_static always; gunzip on;",
  steps: [{ get: "/large.bin", check: (answer) => expect(Buffer.from(answer.bytes).equals(large)).toBe(true) }],
});
