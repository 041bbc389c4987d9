import { block } from "../lib/index.ts";

block("what a page is answered with", {
  server: `
    location /kept { error_page 404 /page.html; }
    location /replaced { error_page 404 =200 /page.html; }
    location /own { error_page 404 = /page.html; }
    location /named { error_page 404 @named; }
    location /named-own { error_page 404 = @named; }
    location /named-405 { error_page 404 =405 @named; }
    location /away { error_page 404 http://example.com/x; }
    location /moved { error_page 404 =301 http://example.com/x; }
    location /text { error_page 404 /text-page?a=b; }
    location /text-page { return 200 "$uri $args $status"; }
    location /variable { error_page 404 $arg_page; }
    location /no-content { error_page 404 =204 /page.html; }
    location /returned { error_page 502 /page.html; return 502; }
    location @named { return 200 "$uri $status"; }
  `,
  files: { "page.html": "page" },
  steps: [
    { get: "/kept", status: 404, body: "page", headersOut: { "Last-Modified": null } },
    { head: "/kept", status: 404, body: "" },
    { post: "/kept", status: 404, body: "page" },
    { get: "/replaced", status: 200, body: "page", headersOut: { "Last-Modified": /GMT$/ } },
    { get: "/own", status: 200, body: "page" },
    { get: "/named", status: 404, body: "/named 404" },
    { get: "/named-own", status: 200, body: "/named-own 200" },
    { get: "/named-405", status: 405, body: "/named-405 405" },
    { get: "/away", status: 302, headersOut: { Location: "http://example.com/x" } },
    { get: "/moved", status: 301, headersOut: { Location: "http://example.com/x" } },
    { get: "/text", status: 404, body: "/text-page a=b 404" },
    { get: "/variable?page=/page.html", status: 404, body: "page" },
    { get: "/variable?page=@named", status: 404, body: "/variable 404" },
    { get: "/no-content", status: 204, body: "", headersOut: { "Content-Type": null } },
    { get: "/returned", status: 502, body: "page" },
  ],
});

block("a page that fails itself", {
  server: `
    location /missing { error_page 404 /none; }
    location /missing-own { error_page 404 = /none; }
    location /chain { error_page 404 /denied; }
    location /chain-on { error_page 404 /denied-on; recursive_error_pages on; }
    location /denied { error_page 403 /page.html; deny all; }
    location /denied-on { error_page 403 /page.html; recursive_error_pages on; deny all; }
    location /loop { error_page 404 /loop; recursive_error_pages on; }
  `,
  files: { "page.html": "page" },
  steps: [
    { get: "/missing", status: 404, body: /404 Not Found/ },
    { get: "/missing-own", status: 404, body: /404 Not Found/ },
    { get: "/chain", status: 403, body: /403 Forbidden/ },
    { get: "/chain-on", status: 403, body: "page" },
    { get: "/loop", status: 500 },
  ],
  errorLog: [/rewrite or internal redirection cycle while internally redirecting to "\/loop"/],
});

block("pages of its own", {
  server: `
    location /401 { return 401; }
    location /302 { return 302 /x; }
    location /497 { return 497; }
    location /error-497 { error_page 497 =200 /page.html; return 497; }
    location /599 { return 599; }
  `,
  files: { "page.html": "page" },
  steps: [
    { get: "/401", status: 401, reason: "Unauthorized", body: /<title>401 Authorization Required<\/title>/ },
    { get: "/302", status: 302, reason: "Moved Temporarily", body: /<title>302 Found<\/title>/ },
    { get: "/497", status: 400, body: /<title>400 The plain HTTP request was sent to HTTPS port<\/title>/ },
    { get: "/error-497", status: 200, body: "page" },
    { get: "/599", status: 599, body: "" },
  ],
});
