import { expect } from "bun:test";
import { block } from "../lib/index.ts";

const users = { "a.html": "ok", "/conf/users": "ann:{PLAIN}secret\n" };
const ann = { Authorization: `Basic ${btoa("ann:secret")}` };
const wrong = { Authorization: `Basic ${btoa("ann:guess")}` };

block("all checks, or any one of them", {
  server: `
    auth_basic "closed";
    auth_basic_user_file users;
    location /all/ { alias html/; allow 127.0.0.1; }
    location /any/ { alias html/; satisfy any; allow 127.0.0.1; deny all; }
    location /any-denied/ { alias html/; satisfy any; deny all; }
    location /forbidden/ { alias html/; satisfy any; deny all; auth_basic off; }
    location /open/ { alias html/; satisfy any; auth_basic off; }
  `,
  files: users,
  steps: [
    { get: "/all/a.html", status: 401 },
    { get: "/all/a.html", headers: ann, status: 200 },
    { get: "/any/a.html", status: 200, headersOut: { "WWW-Authenticate": null } },
    { get: "/any-denied/a.html", status: 401, headersOut: { "WWW-Authenticate": 'Basic realm="closed"' } },
    { get: "/any-denied/a.html", headers: ann, status: 200 },
    { get: "/forbidden/a.html", status: 403 },
    { get: "/open/a.html", status: 200 },
  ],
  errorLog: [/access forbidden by rule, .*"GET \/forbidden/],
  noErrorLog: [/access forbidden by rule, .*"GET \/any-denied/],
});

block("a script may ask for what proxies ask for", {
  server: `
    satisfy any;
    access_by_ts_block {
      ngx.header["Proxy-Authenticate"] = "Basic";
      ngx.exit(407);
    }
    location /denied/ { alias html/; deny all; }
    location /allowed/ { alias html/; allow all; }
    location /users/ { alias html/; deny all; auth_basic "closed"; auth_basic_user_file users; }
  `,
  files: users,
  alsoNginx: false,
  steps: [
    { get: "/denied/a.html", status: 407, headersOut: { "Proxy-Authenticate": "Basic" } },
    { get: "/allowed/a.html", status: 200, headersOut: { "Proxy-Authenticate": null } },
    { get: "/users/a.html", status: 401 },
    { get: "/users/a.html", headers: ann, status: 200 },
  ],
  noErrorLog: [/access forbidden by rule, .*"GET \/denied/],
});

let begun = 0;

block("a wrong password waits for its answer", {
  main: "error_log logs/error.log info;",
  server: `location / { auth_basic "closed"; auth_basic_user_file users; auth_delay 300ms; }`,
  files: users,
  steps: [
    { get: "/a.html", headers: ann, status: 200, check: () => void (begun = performance.now()) },
    {
      get: "/a.html",
      headers: wrong,
      status: 401,
      check: () => expect(performance.now() - begun).toBeGreaterThan(290),
    },
  ],
  errorLog: [/\[info\] .* delaying unauthorized request/],
});
