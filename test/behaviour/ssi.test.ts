import { expect, test } from "bun:test";
import { block, start } from "../lib/index.ts";

const echo = (name: string, more = "") => `<!--#echo var="${name}"${more} -->`;

block("echo, set and if", {
  server: "ssi on; location / { }",
  files: {
    "echo.html": `[${echo("arg_a")}][${echo("nothing")}][${echo("nothing", ' default="<d>"')}][${echo("arg_a", ' encoding="none"')}][${echo("arg_a")}][${echo("arg_a", " encoding='url'")}]`,
    "set.html": `<!--#set var="Name" value="v-$arg_a-\\$x-\${uri}" -->${echo("name", ' encoding="none"')}`,
    "if.html":
      '<!--#if expr="$arg_a" -->some<!--#else -->none<!--#endif -->,' +
      '<!--#if expr="$arg_a = b" -->b<!--#elif expr="$arg_a != c" -->not c<!--#else -->c<!--#endif -->,' +
      `<!--#if expr="$arg_a = /^(?P<first>.)(.)\\$/" -->$1=${echo("1")} $2=${echo("2")} ${echo("first")}<!--#endif -->.`,
    "config.html": `<!--#config timefmt="%s" errmsg="[oops]" --><!--#nothing --> <!--#if expr="$date_gmt = /^\\d+\\$/" -->date<!--#endif -->`,
  },
  steps: [
    {
      get: "/echo.html?a=%3Cb%3E",
      body: "[%3Cb%3E][(none)][&lt;d&gt;][%3Cb%3E][%3Cb%3E][%253Cb%253E]",
      headersOut: { "Last-Modified": null, ETag: null, "Accept-Ranges": null },
    },
    { get: "/set.html?a=1", body: "v-1-$x-/set.html" },
    { get: "/if.html", body: "none,not c,." },
    { get: "/if.html?a=b", body: "some,b,." },
    { get: "/if.html?a=c", body: "some,c,." },
    { get: "/if.html?a=xy", body: "some,not c,$1=x $2=y x." },
    { get: "/config.html", body: "[oops] date" },
    { head: "/config.html", status: 200 },
  ],
  errorLog: [/\[error\] .* invalid SSI command: "nothing"/],
});

block("include", {
  server: `
    ssi on;
    location / { }
    location /text { default_type text/html; return 200 "text of $uri?$args"; }
    location /empty { default_type text/html; return 200 ""; }
  `,
  files: {
    "a.html":
      'a(<!--#include virtual="/text?x=$arg_a" -->)(<!--#include file="b.html" -->)(<!--#include virtual="/text2" wait="yes" -->)',
    "b.html": 'b(<!--#include virtual="c.html" -->)',
    "c.html": "c",
    "set.html": `<!--#include virtual="/text" set="got" --><!--#include virtual="/none" set="not" -->[${echo("got")}][${echo("not")}]`,
    "stub.html":
      `<!--#block name="one" -->instead<!--#endblock --><!--#block name="two" -->instead ${echo("arg_a")}<!--#endblock -->` +
      '[<!--#include virtual="/empty" stub="one" -->][<!--#include virtual="/none" stub="two" -->][<!--#include virtual="/text" stub="one" -->]',
    "missing.html": '[<!--#include virtual="/none" -->]',
    "bad.html": '[<!--#include virtual="../x" -->][<!--#include -->][<!--#include virtual="/a" file="/b" -->]',
    "dir/d.html": '<!--#include virtual="../b.html" --><!--#include virtual="e.html" -->',
    "dir/e.html": "e",
  },
  steps: [
    { get: "/a.html?a=1", body: "a(text of /text?x=1)(b(c))(text of /text2?)" },
    { get: "/set.html", body: "[text of /text?][]" },
    { get: "/stub.html?a=1", body: "[instead][instead (none)][text of /text?]" },
    { get: "/missing.html", body: /^\[<html>\r\n<head><title>404 Not Found<\/title>[^]*\]$/ },
    {
      get: "/bad.html",
      body: "[[an error occurred while processing the directive]]".repeat(3),
    },
    { get: "/dir/d.html", body: "[an error occurred while processing the directive]e" },
  ],
  errorLog: [
    /unsafe URI "\/\.\.\/x" was detected/,
    /no parameter in "include" SSI command/,
    /inclusion may be either virtual="\/a" or file="\/b"/,
  ],
});

block("directives", {
  server: `
    ssi on;
    location /silent/ { alias html/; ssi_silent_errors on; }
    location /types/ { alias html/; ssi_types text/plain; ssi_last_modified on; }
    location /length/ { alias html/; ssi_value_length 4; }
    location /off/ { alias html/; ssi off; }
    location / { }
  `,
  files: { "a.html": '[<!--#what -->]<!--#echo var="arg_a" -->', "a.txt": '<!--#echo var="arg_a" -->' },
  http: "types { text/html html; text/plain txt; }",
  steps: [
    { get: "/silent/a.html?a=1", body: "[]1" },
    { get: "/a.txt?a=1", body: '<!--#echo var="arg_a" -->' },
    { get: "/types/a.txt?a=1", body: "1", headersOut: { "Last-Modified": /GMT$/, ETag: /^W\// } },
    { get: "/off/a.html", body: '[<!--#what -->]<!--#echo var="arg_a" -->' },
    { get: "/length/a.html", body: /\[an error occurred while processing the directive\]$/ },
  ],
  errorLog: [/too long "arg_a\.\.\." value of "var" parameter in "echo" SSI command/],
});

test("includes stand in their order, whichever is ready first", async () => {
  await using server = await start({
    http: "limit_req_zone $arg_id zone=one:1m rate=4r/s;",
    server: `
      ssi on;
      location / { }
      location /part { limit_req zone=one burst=5; alias html/part.html; default_type text/html; }
    `,
    files: {
      "part.html": '(<!--#echo var="arg_n" -->)',
      "a.html": Array.from({ length: 4 }, (_, n) => `${n}<!--#include virtual="/part?n=${n}&id=${n}" -->`).join(""),
    },
  });
  await server.exchange({ path: "/a.html" });
  const begun = performance.now();
  const { body } = await server.exchange({ path: "/a.html" });
  expect(body).toBe("0(0)1(1)2(2)3(3)");
  expect(performance.now() - begun).toBeLessThan(700);
});

block("a page that includes itself comes to an end", {
  server: "ssi on; location / { }",
  files: { "a.html": '.<!--#include virtual="/a.html" -->' },
  steps: [{ get: "/a.html", status: 200, body: /^\.{50}/ }],
  alsoNginx: false,
});

block("large pages and large includes", {
  server: "ssi on; location / { }",
  files: {
    "big.html": `${"x".repeat(300_000)}<!--#include virtual="/part.html" -->${"y".repeat(300_000)}`,
    "part.html": "z".repeat(3_000_000),
  },
  steps: [{ get: "/big.html", body: "x".repeat(300_000) + "z".repeat(3_000_000) + "y".repeat(300_000) }],
});

block("an answer for a variable may not be larger than told", {
  server:
    "ssi on; subrequest_output_buffer_size 10; location / { } location /more/ { alias html/; subrequest_output_buffer_size 20; }",
  files: {
    "a.html": `<!--#include virtual="/part.html" set="x" -->[${echo("x")}]`,
    "b.html": `<!--#include virtual="/more/part.html" set="x" -->[${echo("x")}]`,
    "part.html": "0123456789abcdef",
  },
  steps: [{ get: "/b.html", body: "[0123456789abcdef]" }],
});
