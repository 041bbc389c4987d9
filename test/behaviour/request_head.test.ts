import { block } from "../lib/index.ts";

const all = 'location / { return 200 "$request_uri $uri $host $http_x_y"; }';
const raw = (head: string) => `${head}\r\nConnection: close\r\n\r\n`;

block("targets", {
  server: all,
  steps: [
    { get: "/a%20b//c/./d/../e?x=%20", body: "/a%20b//c/./d/../e?x=%20 /a b/c/e localhost " },
    { get: "http://Other:99/a?b", body: "/a?b /a other " },
    { get: "http://other", body: "/ / other " },
    { get: "/..", status: 400 },
    { get: "/%00", status: 400 },
    { get: "/%zz", status: 400 },
    { get: "/a/../../b", status: 400 },
    { get: "/%2e%2e/b", status: 400 },
  ],
  main: "error_log logs/error.log info;",
  errorLog: [/client sent invalid request while reading client request line, .*"GET \/\.\. HTTP\/1\.1"/],
});

block("header fields", {
  main: "error_log logs/error.log info;",
  server: all,
  steps: [
    { raw: raw("GET / HTTP/1.1\r\nHost: a.b.:80\r\nX-Y: z"), status: 200, body: "/ / a.b z" },
    { raw: "GET / HTTP/1.0\r\n\r\n", status: 200 },
    { raw: raw("GET / HTTP/1.1\r\nHost: "), status: 400 },
    { raw: raw("GET / HTTP/1.1\r\nHost: a\r\nHost: b"), status: 400 },
    { raw: raw("GET / HTTP/1.1\r\nHost: a/b"), status: 400 },
    { raw: raw("GET / HTTP/1.1\r\nHost: a\r\nX_Y: z"), status: 200, body: "/ / a " },
    { raw: raw("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip"), status: 501 },
    { raw: raw("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: gzip"), status: 400 },
  ],
  errorLog: [
    'client sent duplicate host header: "Host: b", previous value: "Host: a" while reading client request headers',
    'client sent invalid header line: "X_Y: z" while reading client request headers',
    'client sent unknown "Transfer-Encoding": "gzip" while reading client request headers',
  ],
});

block("variables and rewrites that the log tells of", {
  main: "error_log logs/error.log notice;",
  server: `
    rewrite_log on;
    location /unset { if ($arg_x) { set $never 1; } return 200 "[$never]"; }
    location /quiet { uninitialized_variable_warn off; if ($arg_x) { set $other 1; } return 200 "[$other]"; }
    location /old/ { rewrite ^/none / ; rewrite ^/old/(.*)$ /new/$1?k=v last; }
    location /new/ { return 200 "$uri?$args"; }
  `,
  steps: [
    { get: "/unset", body: "[]" },
    { get: "/quiet", body: "[]" },
    { get: "/old/a?b", body: "/new/a?k=v&b" },
  ],
  errorLog: [
    /\[warn\] .* using uninitialized "never" variable/,
    /\[notice\] .* "\^\/none" does not match "\/old\/a"/,
    /\[notice\] .* "\^\/old\/\(\.\*\)\$" matches "\/old\/a"/,
    /\[notice\] .* rewritten data: "\/new\/a", args: "k=v&b"/,
  ],
  noErrorLog: [/uninitialized "other"/],
});

block("nothing to rewrite to", { server: 'location / { rewrite ^ ""; }', refused: ["empty replacement"] });

block("the port that the client named", {
  server: 'location / { return 200 "[$is_request_port$request_port]"; }',
  steps: [
    { get: "/", body: "[]" },
    { get: "/", headers: { Host: "a:81" }, body: "[:81]" },
    { get: "/", headers: { Host: "[::1]:82" }, body: "[:82]" },
    { get: "http://b:83/", headers: { Host: "a:81" }, body: "[:83]" },
    { get: "http://b", headers: { Host: "a:81" }, body: "[]" },
  ],
  alsoNginx: false,
});

block("underscores in names, where they are let in", {
  server: 'underscores_in_headers on; location / { return 200 "[$http_a_b][$http_c]"; }',
  steps: [{ get: "/", headers: { A_B: "1", C: "2" }, body: "[1][2]" }],
});

block("internal locations are for the configuration alone", {
  server: `
    location /internal { internal; return 200 "$uri"; }
    location /rewritten { rewrite ^ /internal/r last; }
    location /tried { try_files /none /internal/t; }
    location /paged { error_page 404 = /internal/p; return 404; }
  `,
  steps: [
    { get: "/internal", status: 404 },
    { get: "/rewritten", status: 200, body: "/internal/r" },
    { get: "/tried", status: 200, body: "/internal/t" },
    { get: "/paged", status: 200, body: "/internal/p" },
  ],
});
