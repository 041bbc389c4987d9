import { expect } from "bun:test";
import { block } from "../lib/index.ts";

block("formats, their escapes, and what is not there", {
  http: `
    log_format plain '$request_method $uri "$http_x" $status $body_bytes_sent "$request"';
    log_format js escape=json '{"x":"$http_x","gone":"$http_gone"}';
    log_format raw escape=none '[$http_x]';
  `,
  server: `
    access_log logs/access.log plain;
    access_log logs/js.log js;
    access_log logs/raw.log raw;
    location / { return 200 ok; }
  `,
  steps: [
    {
      get: "/a",
      headers: { X: 'q"b\\\t\xe9' },
      check: async (_, server) => void (await server.accessed('GET /a "q\\x22b\\x5C\\x09\\xE9" 200 2')),
    },
    {
      get: '/b?"\\',
      check: async (_, server) => void (await server.accessed('"GET /b?\\x22\\x5C HTTP/1.1"')),
    },
  ],
  accessLog: [/^GET \/a "q/m],
});

block("several logs, conditions, and off", {
  http: `map $status $bad { ~^[23] 0; default 1; } log_format short '$uri';`,
  server: `
    access_log logs/access.log short if=$bad;
    location /ok { return 200 ok; }
    location /bad { return 404; }
    location /quiet { access_log off; return 404; }
    location /named { access_log logs/$arg_n.log short; return 200 ok; }
  `,
  steps: [
    { get: "/ok" },
    { get: "/quiet" },
    { get: "/named?n=mine" },
    { get: "/bad", check: async (_, server) => void (await server.accessed("/bad")) },
    { get: "/bad", check: (_, server) => expect(server.accessLog()).not.toContain("/ok") },
    { get: "/bad", check: (_, server) => expect(server.accessLog()).not.toContain("/quiet") },
  ],
});

block("a format that nobody defines is refused", {
  server: "access_log logs/access.log nobody;",
  refused: ['unknown log format "nobody"'],
});

block("the error log's level, and a level of its own for a location", {
  main: "error_log logs/error.log error;",
  server: `
    location /quiet/ { error_log logs/error.log crit; }
    location /loud/ { }
  `,
  steps: [
    { get: "/quiet/none", status: 404 },
    { get: "/loud/none", status: 404 },
  ],
  errorLog: [/\[error\] \d+#\d+: \*\d+ open\(\) ".*\/loud\/none" failed \(2: No such file or directory\)/],
  noErrorLog: ["/quiet/none"],
});
