// The language of the configuration, from the file to the answer, and what is said of one that is wrong.
import { block } from "../lib/index.ts";

block("words, quotes, escapes, comments, variables and included files", {
  http: String.raw`
    include parts/*.inc; # server-wide
    include none/*.inc;
    map $uri $mapped { default "a;b{c}#d"; }`,
  files: {
    "/conf/parts/b.inc": "add_header X-Second b;\r\n",
    "/conf/parts/a.inc": "add_header X-First a;",
    "/conf/location.inc": "return 200 included;",
  },
  server: String.raw`
    location = /quotes { return 200 'single "quoted" \'$uri\''; }
    location = /double { return 200 "double 'quoted' \"$uri\""; }
    location = /bare { return 200 bare\"$uri\"\ with#hash; }
    location = /escapes { return 200 "tab\tfeed\nback\\slash\d"; }
    location = /braces { return 200 "${"$"}{uri}x"; }
    location = /bare-braces { return 200 ${"$"}{uri}y; }
    location = /mapped { return 200 $mapped; } # }
    location = /lines { return 200 "one
two"; }
    location = /included { include location.inc; }
    location = /together{return 200 ok;}`,
  steps: [
    { get: "/quotes", body: "single \"quoted\" '/quotes'", headersOut: { "X-First": "a", "X-Second": "b" } },
    { get: "/double", body: "double 'quoted' \"/double\"" },
    { get: "/bare", body: 'bare"/bare"\\ with#hash' },
    { get: "/escapes", body: "tab\tfeed\nback\\slash\\d" },
    { get: "/braces", body: "/bracesx" },
    { get: "/bare-braces", body: "/bare-bracesy" },
    { get: "/mapped", body: "a;b{c}#d" },
    { get: "/lines", body: "one\ntwo" },
    { get: "/included", body: "included" },
    { get: "/together", body: "ok" },
  ],
});

block("a byte order mark is no part of the first name, as it is to nginx", {
  http: "include marked.conf;",
  files: { "/conf/marked.conf": "\ufeffadd_header X-Marked yes;" },
  server: "location / { return 204; }",
  steps: [{ get: "/", status: 204, headersOut: { "X-Marked": "yes" } }],
  alsoNginx: false,
});

block("a script holds any TypeScript", {
  server: String.raw`
    location = /script {
      content_by_ts_block {
        const open = { "}": "}", text: ${"`"}{${"$"}{"}"}${"`"} }; // }
        /* } */ if (/[}/]/.test("}")) ngx.say(open.text + 6 / 2 + "/}");
      }
    }`,
  steps: [{ get: "/script", body: "{}3/}\n" }],
  alsoNginx: false,
});

block("every error is told in one run, each with its place", {
  http: "include missing.conf;\nlisen 80;",
  server: `root "a"b;\nlocation / { return 200 }\nlocation ~ (x { return 200; }`,
  refused: [
    /resty: \[emerg\] open\(\) ".*\/conf\/missing\.conf" failed \(2: No such file or directory\) in .*:\d+:9\n/,
    /resty: \[emerg\] unknown directive "lisen" in .*:\d+:1\n +\d+ \| lisen 80;\n +\| \^{5}/,
    /resty: \[emerg\] unexpected "b" in .*:\d+:9\n +\d+ \| root "a"b;\n +\|         \^ expected a space/,
    /resty: \[emerg\] unexpected "\}" in .*:\d+:25\n.*\n +\| {25}\^ expected ";" after "200"/,
    /resty: \[emerg\] pcre2_compile\(\) failed: missing closing parenthesis in "\(x"/,
  ],
  alsoNginx: false,
});

block("a file that includes itself is told with its chain", {
  http: "include a.conf;",
  files: { "/conf/a.conf": "include b.conf;", "/conf/b.conf": "\ninclude a.conf;" },
  refused: [
    /cyclic include: ".*\/a\.conf" includes ".*\/b\.conf" includes ".*\/a\.conf" in .*\/b\.conf:2:9/,
    /\/a\.conf:1:9: note: ".*\/b\.conf" is included here/,
  ],
  alsoNginx: false,
});

for (const [http, message] of [
  ["}", 'unexpected "}"'],
  ["server {", 'unexpected end of file, expecting "}"'],
  ["server { listen 80 }", 'unexpected "}"'],
  ["{ }", 'unexpected "{"'],
  [";", 'unexpected ";"'],
  ["include 'x", 'unexpected end of file, expecting ";" or "}"'],
  ['include "a"b;', 'unexpected "b"'],
  ["include a b;", 'invalid number of arguments in "include" directive'],
  ["include a { }", 'directive "include" is not terminated by ";"'],
  ["include none;", /open\(\) ".*none" failed \(2: No such file or directory\)/],
  [`include ${"x".repeat(5000)};`, 'too long parameter "xxxxxxxxxx..." started'],
  [`include "${"x".repeat(5000)}";`, 'too long parameter, probably missing terminating """ character'],
] as const)
  block(`${http.slice(0, 30)} is refused in nginx's words`, { http, refused: [message] });

block("what listen cannot do yet is refused, not taken and left undone", {
  conf: "events { } http { server { listen 127.0.0.1:%port% quic; } }",
  refused: ['"quic" of "listen" is known to nginx, not supported by resty'],
  alsoNginx: false,
});
