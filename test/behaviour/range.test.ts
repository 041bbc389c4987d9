import { expect } from "bun:test";
import { block, type Step } from "../lib/index.ts";

const date = "Sat, 03 Feb 2024 04:05:06 GMT";
const tag = '"65bdbb72-a"';
const modified = new Date("2024-02-03T04:05:06Z");
const big = Buffer.from(Array.from({ length: 300_000 }, (_, i) => i % 251));
const files = {
  "t.html": { content: "0123456789", modified },
  "empty.html": "",
  "big.bin": big,
};

const of = (range: string, status: number, body?: string, contentRange?: string): Step => ({
  get: "/t.html",
  headers: { Range: range },
  status,
  ...(body === undefined ? {} : { body }),
  headersOut: { "content-range": contentRange ?? null },
});

block("one range", {
  files,
  server: "root html;",
  steps: [
    of("bytes=0-4", 206, "01234", "bytes 0-4/10"),
    of("bytes=5-", 206, "56789", "bytes 5-9/10"),
    of("bytes=-3", 206, "789", "bytes 7-9/10"),
    of("bytes=-30", 206, "0123456789", "bytes 0-9/10"),
    of("bytes=0-", 206, "0123456789", "bytes 0-9/10"),
    of("bytes=9-100", 206, "9", "bytes 9-9/10"),
    of("BYTES= 1 - 2 ", 206, "12", "bytes 1-2/10"),
    of("bytes=10-", 416, undefined, "bytes */10"),
    of("bytes=5-2", 416, undefined, "bytes */10"),
    of("bytes=-0", 416, undefined, "bytes */10"),
    of("bytes=x", 416, undefined, "bytes */10"),
    of("bytes=1-2x", 416, undefined, "bytes */10"),
    of("bytes=--1", 416, undefined, "bytes */10"),
    of("bytes=99999999999999999999-", 416, undefined, "bytes */10"),
    of("bytes=0-99999999999999999999", 416, undefined, "bytes */10"),
    of("bytes=", 200, "0123456789"),
    of("lines=1-2", 200, "0123456789"),
    {
      get: "/t.html",
      headers: { Range: "bytes=0-1" },
      headersOut: { "content-length": "2", "accept-ranges": null, etag: tag, "last-modified": date },
    },
    { get: "/t.html", headersOut: { "accept-ranges": "bytes" } },
    { head: "/t.html", headers: { Range: "bytes=0-1" }, status: 206, headersOut: { "content-length": "2" } },
    { get: "/empty.html", headers: { Range: "bytes=0-" }, status: 200, body: "" },
    { get: "/none", headers: { Range: "bytes=0-1" }, status: 404 },
    { get: "/t.html", headers: { Range: "bytes=10-" }, status: 416, body: /416 Requested Range Not Satisfiable/ },
  ],
});

block("several ranges come in parts", {
  files,
  server: "root html;",
  steps: [
    {
      get: "/t.html",
      headers: { Range: "bytes=0-1,-2" },
      status: 206,
      headersOut: { "content-type": /^multipart\/byteranges; boundary=\d{20}$/, "content-range": null },
      check(answer) {
        const boundary = answer.header("content-type")!.split("=")[1];
        const part = (range: string, body: string): string =>
          `\r\n--${boundary}\r\nContent-Type: text/html\r\nContent-Range: bytes ${range}/10\r\n\r\n${body}`;
        expect(answer.body).toBe(`${part("0-1", "01")}${part("8-9", "89")}\r\n--${boundary}--\r\n`);
        expect(answer.header("content-length")).toBe(String(answer.body.length));
      },
    },
    { get: "/t.html", headers: { Range: "bytes=0-1,90-,4-5" }, status: 206, body: /45\r\n--\d+--\r\n$/ },
    { get: "/t.html", headers: { Range: "bytes=90-,4-5" }, status: 206, body: "45" },
    { get: "/t.html", headers: { Range: "bytes=0-,-10" }, status: 200 },
    { get: "/t.html", headers: { Range: "bytes=50-,90-" }, status: 416 },
    { get: "/t.html", headers: { Range: `bytes=${Array(1000).fill("0-0").join(",")}` }, status: 200 },
    {
      get: "/big.bin",
      headers: { Range: "bytes=200000-299999,10-99999" },
      status: 206,
      check(answer) {
        const bytes = Buffer.from(answer.bytes);
        const at = bytes.indexOf("\r\n\r\n") + 4;
        expect(bytes.subarray(at, at + 100_000).equals(big.subarray(200_000))).toBe(true);
        expect(bytes.includes(big.subarray(10, 100_000))).toBe(true);
      },
    },
  ],
});

block("If-Range asks for the part only of the body it names", {
  files,
  server: "root html;",
  steps: [
    [tag, 206],
    ['"x"', 200],
    [`W/${tag}`, 200],
    [date, 206],
    ["Sun, 04 Feb 2024 04:05:06 GMT", 200],
    ["whatever", 200],
  ].map(([condition, status]) => ({
    get: "/t.html",
    headers: { Range: "bytes=0-1", "If-Range": condition as string },
    status: status as number,
  })),
});

block("max_ranges", {
  files,
  server: "location /none/ { alias html/; max_ranges 0; } location /one/ { alias html/; max_ranges 1; }",
  steps: [
    { get: "/none/t.html", headers: { Range: "bytes=0-1" }, status: 200, headersOut: { "accept-ranges": null } },
    { get: "/one/t.html", headers: { Range: "bytes=0-1" }, status: 206 },
    { get: "/one/t.html", headers: { Range: "bytes=0-1,3-4" }, status: 200 },
    { get: "/one/t.html", headers: { Range: "bytes=50-,0-1" }, status: 206, body: "01" },
  ],
});
