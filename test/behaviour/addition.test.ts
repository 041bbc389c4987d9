import { block } from "../lib/index.ts";

const files = { "a.html": "page", "a.txt": "text", "head.html": "<head>", "foot.html": "<foot>", "inner/x.html": "x" };

block("pages get what other locations answer before and behind them", {
  files,
  http: "types { text/html html; text/plain txt; }",
  server: `
    location / { add_before_body /head.html; add_after_body /say?x; }
    location = /head.html { }
    location /say { default_type text/html; return 200 "[$uri|$args]"; }
    location /after/ { alias html/; add_after_body /foot.html; }
    location = /foot.html { }
    location /types/ { alias html/; add_before_body /head.html; addition_types text/plain; }
    location /missing/ { alias html/; add_before_body /none; add_after_body /foot.html; }
    location = /none { }
    location /off/ { alias html/; add_before_body ""; add_after_body ""; }
  `,
  steps: [
    {
      get: "/after/a.html",
      body: "page<foot>",
      headersOut: { "accept-ranges": null, etag: /^W\//, "content-length": null },
    },
    { get: "/after/a.txt", body: "text" },
    { get: "/after/none", status: 404, body: /^<html>[^]*<\/html>\r\n$/ },
    { get: "/types/a.txt", body: "<head>text" },
    { get: "/types/a.html", body: "<head>page" },
    { get: "/after/a.html", headers: { Range: "bytes=0-1" }, status: 200, body: "page<foot>" },
    { head: "/after/a.html", status: 200, body: "" },
    { get: "/off/a.html", body: "page" },
    { get: "/after/a.html", version: "1.0", body: "page<foot>" },
    { get: "/missing/a.html", body: /404 Not Found[^]*page<foot>$/ },
  ],
});
