import { block } from "../lib/index.ts";

const files = { "a.html": "ok" };

block("another location decides", {
  server: `
    location /open/ { alias html/; auth_request /yes; }
    location /refused/ { alias html/; auth_request /no; }
    location /challenged/ { alias html/; auth_request /who; }
    location /broken/ { alias html/; auth_request /elsewhere; }
    location /off/ { alias html/; auth_request off; }
    location = /yes { internal; return 204; }
    location = /no { internal; return 403; }
    location = /who { auth_basic "by subrequest"; auth_basic_user_file users; }
    location = /elsewhere { return 404; }
  `,
  files: { ...files, "/conf/users": "" },
  steps: [
    { get: "/open/a.html", status: 200, body: "ok" },
    { get: "/refused/a.html", status: 403 },
    { get: "/broken/a.html", status: 500 },
    { get: "/off/a.html", status: 200 },
    { post: "/open/a.html", send: "body", status: 405 },
  ],
  errorLog: [/\[error\] .* auth request unexpected status: 404, .*"GET \/broken\/a\.html/],
});

block("what it found out can be used", {
  server: `
    auth_request /who;
    auth_request_set $user $who;
    location / { add_header X-User "$user-$request_uri"; }
    location = /who { auth_request off; set $who "ann"; return 204; }
    location /in/ { satisfy any; deny all; alias html/; }
  `,
  files,
  steps: [
    { get: "/a.html", status: 200, headersOut: { "X-User": "ann-/a.html" } },
    { get: "/in/a.html", status: 200 },
  ],
});

block("an error page that is not there does not hide what was answered", {
  server: `
    error_page 500 502 404 /none.html;
    location /missing/ { auth_request /nowhere; }
    location /down/ { auth_request /behind; }
    location = /nowhere { return 404; }
    location = /behind { proxy_pass http://127.0.0.1:1/check; }
  `,
  steps: [
    { get: "/missing/", status: 404 },
    { get: "/down/", status: 404 },
  ],
  errorLog: [
    /auth request unexpected status: 404, .*"GET \/missing\//,
    /auth request unexpected status: 404, .*"GET \/down\//,
    /connect\(\) failed \(111: Connection refused\) while connecting to upstream, client: 127\.0\.0\.1, server: [^,]*, request: "GET \/down\/ HTTP\/1\.1", subrequest: "\/behind", upstream: "http:\/\/127\.0\.0\.1:1\/check", host: /,
  ],
});
