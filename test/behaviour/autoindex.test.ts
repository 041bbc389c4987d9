import { expect } from "bun:test";
import { block } from "../lib/index.ts";

const modified = new Date("2024-02-03T04:05:06Z");
const long = "l".repeat(60);
const files = {
  "d/b.txt": { content: "12345", modified },
  'd/a & <b>"c".txt': { content: "", modified },
  [`d/${long}`]: { content: "x".repeat(12_345), modified },
  [`d/${"e".repeat(50)}`]: { content: "", modified },
  "d/.hidden": "",
  "d/Sub/x": "",
  "d/a?b#c%d;e": { content: "", modified },
  "d/ünï": { content: "", modified },
  "empty/.x": "",
  "d/big": { content: Buffer.alloc(3_500_000), modified },
};

const row = (href: string, label: string, date: string, size: string): string =>
  `<a href="${href}">${label}</a>${" ".repeat(Math.max(0, 50 - label.replace(/&\w+;/g, "x").length))} ${date} ${size}\r\n`;
const date = "03-Feb-2024 04:05";

block("a listing in HTML", {
  files,
  server: "autoindex on; location /d/ { } location /small/ { alias html/d/; autoindex_exact_size off; charset utf-8; }",
  steps: [
    {
      get: "/d/",
      status: 200,
      headersOut: { "content-type": "text/html", "last-modified": null, "accept-ranges": null },
      check(answer) {
        const page = answer.body;
        expect(page).toStartWith(
          '<html>\r\n<head><title>Index of /d/</title></head>\r\n<body>\r\n<h1>Index of /d/</h1><hr><pre><a href="../">../</a>\r\n<a href="Sub/">Sub/</a>',
        );
        expect(page).toEndWith("</pre><hr></body>\r\n</html>\r\n");
        expect(page).toContain(row("b.txt", "b.txt", date, "5".padStart(19)));
        expect(page).toContain(
          row("a%20%26%20%3Cb%3E%22c%22.txt", "a &amp; &lt;b&gt;&quot;c&quot;.txt", date, "0".padStart(19)),
        );
        expect(page).toContain(`<a href="${long}">${"l".repeat(47)}..&gt;</a> ${date} ${"12345".padStart(19)}\r\n`);
        expect(page).toContain(`>${"e".repeat(50)}</a> ${date}`);
        expect(page).toContain('<a href="a%3Fb%23c%25d%3Be">a?b#c%d;e</a>');
        expect(page).toContain(`<a href="%C3%BCn%C3%AF">ünï</a>${" ".repeat(45)} ${date}`);
        expect(page).not.toContain("hidden");
      },
    },
    {
      get: "/small/",
      headersOut: { "content-type": "text/html; charset=utf-8" },
      check(answer) {
        expect(answer.body).toContain(`12K\r\n`);
        expect(answer.body).toContain(`big</a>${" ".repeat(47)} ${date}      3M\r\n`);
        expect(answer.body).toMatch(/Sub\/<\/a> {46} .{17}       -\r\n/);
        expect(answer.body).toContain(`ünï</a>${" ".repeat(47)} ${date}       0`);
      },
    },
    { head: "/d/", status: 200, body: "" },
    { get: "/empty/", status: 200, body: /<a href="\.\.\/">\.\.\/<\/a>\r\n<\/pre>/ },
    { get: "/none/", status: 404 },
    { get: "/d/b.txt/", status: 404 },
    { get: "/d", status: 301 },
    { post: "/d/", send: "x", status: 403 },
  ],
});

const mtime = "Sat, 03 Feb 2024 04:05:06 GMT";

block("a listing in JSON, JSONP and XML", {
  files: { "d/b.txt": { content: "12345", modified }, 'd/a"\\\t<&>': { content: "", modified }, "empty/.x": "" },
  server: `
    autoindex on;
    autoindex_format json;
    location /jsonp/ { alias html/d/; autoindex_format jsonp; }
    location /xml/ { alias html/d/; autoindex_format XML; }
  `,
  steps: [
    {
      get: "/d/",
      headersOut: { "content-type": "application/json" },
      body:
        `[\r\n{ "name":"a\\"\\\\\\t<&>", "type":"file", "mtime":"${mtime}", "size":0 },` +
        `\r\n{ "name":"b.txt", "type":"file", "mtime":"${mtime}", "size":5 }\r\n]`,
      check: (answer) => void JSON.parse(answer.body),
    },
    { get: "/empty/", body: "[\r\n]" },
    {
      get: "/jsonp/?callback=a.b_1",
      headersOut: { "content-type": "application/javascript" },
      body: /^\/\* callback \*\/\r\na\.b_1\(\[\r\n\{[^]*\r\n\]\);$/,
    },
    { get: "/jsonp/", headersOut: { "content-type": "application/json" }, body: /^\[/ },
    { get: "/jsonp/?callback=alert(1)", status: 400 },
    { get: `/jsonp/?callback=${"x".repeat(129)}`, status: 400 },
    {
      get: "/xml/",
      headersOut: { "content-type": "text/xml; charset=utf-8" },
      body:
        '<?xml version="1.0"?>\r\n<list>\r\n<file mtime="2024-02-03T04:05:06Z" size="0">a&quot;\\\t&lt;&amp;&gt;</file>\r\n' +
        '<file mtime="2024-02-03T04:05:06Z" size="5">b.txt</file>\r\n</list>\r\n',
    },
  ],
  errorLog: [/client sent invalid callback name: "alert\(1\)"/, /client sent too long callback name/],
});

block("off, or an index, comes first", {
  files: { "d/x": "", "i/index.html": "index" },
  server: "location /i/ { autoindex on; }",
  steps: [
    { get: "/d/", status: 403 },
    { get: "/i/", body: "index" },
  ],
});
