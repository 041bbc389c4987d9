import { expect } from "bun:test";
import { block, type Step } from "../lib/index.ts";

const text = "0123456789abcdefghijklmnopqrstuvwxyz";
const big = Buffer.from(Array.from({ length: 500_000 }, (_, i) => (i * 7) % 251));
const files = { "t.html": text, "big.bin": big, "empty.html": "" };

const of = (range: string, status: number, body: string | undefined, contentRange: string | null): Step => ({
  get: "/s/t.html",
  headers: { Range: range },
  status,
  ...(body === undefined ? {} : { body }),
  headersOut: {
    "content-range": contentRange,
    ...(body === undefined ? {} : { "content-length": String(body.length) }),
  },
});

block("a body in slices", {
  files,
  http: 'log_format ranges "$uri $http_range";',
  server: `
    location /up/ { alias html/; access_log logs/access.log ranges; }
    location /s/ { slice 10; proxy_set_header Range $slice_range; proxy_pass http://127.0.0.1:%port%/up/; access_log off; }
    location /big/ { slice 64k; proxy_set_header Range $slice_range; proxy_pass http://127.0.0.1:%port%/up/; access_log off; }
    location /off/ { proxy_set_header X-Slice "$slice_range"; proxy_pass http://127.0.0.1:%port%/up/; access_log off; }
  `,
  steps: [
    { get: "/s/t.html", status: 200, body: text, headersOut: { "content-length": "36", "content-range": null } },
    { head: "/s/t.html", status: 200, headersOut: { "content-length": "36" } },
    of("bytes=12-13", 206, "cd", "bytes 12-13/36"),
    of("bytes=5-24", 206, text.slice(5, 25), "bytes 5-24/36"),
    of("bytes=30-", 206, "uvwxyz", "bytes 30-35/36"),
    of("bytes=-3", 206, "xyz", "bytes 33-35/36"),
    of("bytes=0-35", 206, text, "bytes 0-35/36"),
    of("bytes=0-1,3-4", 200, text, null),
    of("bytes=22-23,31-34", 200, text, null),
    { get: "/s/none", status: 404 },
    { get: "/off/t.html", status: 200, body: text },
    { get: "/big/big.bin", check: (answer) => expect(Buffer.from(answer.bytes).equals(big)).toBe(true) },
    {
      get: "/big/big.bin",
      headers: { Range: "bytes=100000-400000" },
      status: 206,
      check: (answer) => expect(Buffer.from(answer.bytes).equals(big.subarray(100_000, 400_001))).toBe(true),
    },
  ],
  accessLog: [/up\/t\.html bytes=0-9\n/, /up\/t\.html bytes=30-39\n/],
});
