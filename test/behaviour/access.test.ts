import { block } from "../lib/index.ts";

const files = { "a.html": "ok" };

block("the first rule that holds the address decides", {
  http: "deny 192.0.2.0/24;",
  server: `
    location /allowed/ { alias html/; allow 127.0.0.0/8; deny all; }
    location /denied/ { alias html/; deny 127.0.0.1; allow all; }
    location /inherited/ { alias html/; }
    location /neither/ { alias html/; deny ::1; deny unix:; }
    location /excepted/ { alias html/; limit_except GET { deny all; } }
  `,
  files,
  steps: [
    { get: "/allowed/a.html", status: 200, body: "ok" },
    { get: "/denied/a.html", status: 403 },
    { get: "/inherited/a.html", status: 200 },
    { get: "/neither/a.html", status: 200 },
    { get: "/excepted/a.html", status: 200 },
    { head: "/excepted/a.html", status: 200 },
    { post: "/excepted/a.html", status: 403 },
  ],
  errorLog: [
    /\[error\] .* access forbidden by rule, client: 127\.0\.0\.1, server: .*, request: "GET \/denied\/a\.html HTTP\/1\.1"/,
  ],
});

block("an error page answers for whom a rule refuses", {
  server: "error_page 403 /403.html; location / { deny all; } location = /403.html { }",
  files: { "403.html": "not you" },
  steps: [{ get: "/", status: 403, body: "not you" }],
});

block("an address that is none is refused", {
  server: "location / { allow 127.0.0.1/33; }",
  refused: ['invalid parameter "127.0.0.1/33"'],
});

block("a method that nobody knows", {
  server: "location / { limit_except get FETCH { deny all; } }",
  refused: ['invalid method "FETCH"'],
});
