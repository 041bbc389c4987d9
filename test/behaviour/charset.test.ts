import { expect } from "bun:test";
import { type Answer, block } from "../lib/index.ts";

const maps = `
  charset_map koi8-r windows-1251 { C1 E0; C2 E1; }
  charset_map windows-1251 utf-8 { E0 D0B0; E1 D0B1; A4 E282AC; }
`;
const latin = (text: string): Buffer => Buffer.from(text, "latin1");
const files = {
  "a.html": "<p>",
  "a.gif": "GIF",
  "w.html": latin("x \xe0\xe1 \xff"),
  "k.html": latin("\xc1\xc2!"),
  "u.html": "x а€б é € 😀",
  "bad.html": latin("a\xc0b\xe2\x82cd\xd0"),
  "long.html": Buffer.from("а€".repeat(60_000)),
};
const bytes =
  (wanted: string) =>
  (answer: Answer): void =>
    expect(Buffer.from(answer.bytes).toString("latin1")).toBe(wanted);

block("the charset is named behind the type", {
  files,
  http: "map $arg_c $c { default koi8-r; o off; u utf-8; }",
  server: `
    charset utf-8;
    location /off/ { alias html/; charset off; }
    location /types/ { alias html/; charset_types image/gif; }
    location /if/ { alias html/; if ($arg_x) { charset x; } }
    location /var/ { alias html/; charset $c; }
    location /move { default_type text/html; return 301 /; }
    location /text { default_type text/html; return 200 ok; }
  `,
  steps: [
    { get: "/a.html", headersOut: { "content-type": "text/html; charset=utf-8", "accept-ranges": "bytes" } },
    { get: "/a.gif", headersOut: { "content-type": "image/gif" } },
    { get: "/off/a.html", headersOut: { "content-type": "text/html" } },
    { get: "/types/a.gif", headersOut: { "content-type": "image/gif; charset=utf-8" } },
    { get: "/types/a.html", headersOut: { "content-type": "text/html; charset=utf-8" } },
    { get: "/if/a.html?x=1", headersOut: { "content-type": "text/html; charset=x" } },
    { get: "/var/a.html?c=u", headersOut: { "content-type": "text/html; charset=utf-8" } },
    { get: "/var/a.html", headersOut: { "content-type": "text/html; charset=koi8-r" } },
    { get: "/move", status: 301, headersOut: { "content-type": "text/html" } },
    { get: "/text", headersOut: { "content-type": "text/html; charset=utf-8" } },
    { get: "/none", status: 404, headersOut: { "content-type": "text/html; charset=utf-8" } },
  ],
});

block("bodies are recoded", {
  files,
  http: maps,
  server: `
    location /w2u/ { alias html/; source_charset windows-1251; charset utf-8; }
    location /u2w/ { alias html/; source_charset UTF-8; charset windows-1251; }
    location /k2w/ { alias html/; source_charset koi8-r; charset windows-1251; }
    location /w2k/ { alias html/; source_charset windows-1251; charset koi8-r; }
    location /same/ { alias html/; source_charset utf-8; charset utf-8; }
  `,
  steps: [
    {
      get: "/w2u/w.html",
      body: "x аб ?",
      headersOut: { "content-type": "text/html; charset=utf-8", "accept-ranges": null },
    },
    { get: "/u2w/u.html", check: bytes("x \xe0\xa4\xe1 &#233; \xa4 &#128512;") },
    { get: "/u2w/bad.html", check: bytes("a?b?d") },
    { get: "/u2w/long.html", check: bytes("\xe0\xa4".repeat(60_000)) },
    {
      get: "/k2w/k.html",
      headersOut: {
        "content-length": "3",
        "accept-ranges": "bytes",
        "content-type": "text/html; charset=windows-1251",
      },
      check: bytes("\xe0\xe1!"),
    },
    { get: "/k2w/k.html", headers: { Range: "bytes=1-" }, status: 206, check: bytes("\xe1!") },
    { get: "/w2k/w.html", check: bytes("x \xc1\xc2 ?") },
    { get: "/same/u.html", body: "x а€б é € 😀" },
    { head: "/w2u/w.html", status: 200, headersOut: { "content-length": null } },
  ],
});

block("without a map for it, the charset stays the source's", {
  files,
  http: `${maps} map $arg_c $c { default koi8-r; u utf-8; n none; }`,
  server: "location / { source_charset utf-8; charset $c; }",
  steps: [
    { get: "/u.html", body: "x а€б é € 😀", headersOut: { "content-type": "text/html" } },
    { get: "/u.html?c=n", headersOut: { "content-type": "text/html" } },
    { get: "/u.html?c=u", headersOut: { "content-type": "text/html; charset=utf-8" } },
  ],
  errorLog: [/no "charset_map" between the charsets "utf-8" and "koi8-r"/],
});

for (const [http, message] of [
  ["charset_map a a { }", '"charset_map" between the same charsets "a" and "a"'],
  ["charset_map a b { } charset_map b a { }", 'duplicate "charset_map" between "b" and "a"'],
  ["charset_map a b { 100 1; }", 'invalid value "100"'],
  ["charset_map a utf-8 { 80 F09F9880; }", 'invalid value "F09F9880"'],
  ["charset a; source_charset b;", 'no "charset_map" between the charsets "b" and "a"'],
] as const)
  block(`${http} is refused`, { http, server: "root html;", refused: [message] });

block("utf-8 stands in the second column", {
  http: "charset_map utf-8 b { }",
  server: "root html;",
  alsoNginx: false, // since 1.23.4
  refused: ['"charset_map" with "utf-8" charset should be given in the second column'],
});
