import { block } from "../lib/index.ts";

block("return: with a text, a status alone, a redirect", {
  server: `
    location = /text { return 200 "a $arg_x\\n"; }
    location = /created { return 201 made; }
    location = /gone { return 410; }
    location = /teapot { return 418 "short and stout"; }
    location = /empty { return 204; }
    location = /away { return 301 http://example.com/$arg_x; }
    location = /here { return 302 /there; }
    location = /url { return http://example.com/; }
    location = /typed { default_type application/json; return 200 "{}"; }
  `,
  steps: [
    {
      get: "/text?x=1",
      status: 200,
      body: "a 1\n",
      headersOut: { "Content-Type": "text/plain", "Content-Length": "4" },
    },
    { get: "/created", status: 201, body: "made" },
    { get: "/gone", status: 410, body: /410 Gone/ },
    { get: "/teapot", status: 418, body: "short and stout" },
    { get: "/empty", status: 204, body: "", headersOut: { "Content-Length": null } },
    { get: "/away?x=y", status: 301, headersOut: { Location: "http://example.com/y" } },
    { get: "/here", status: 302, headersOut: { Location: /^http:\/\/localhost(?::\d+)?\/there$/ } },
    { get: "/url", status: 302, headersOut: { Location: "http://example.com/" } },
    { get: "/typed", status: 200, headersOut: { "Content-Type": "application/json" } },
  ],
});

block("rewrite: flags, captures, arguments", {
  server: `
    location /last/ { rewrite ^/last/(.*)$ /target/$1?from=last last; return 500; }
    location /break/ { rewrite ^/break/(.*)$ /target/$1 break; return 200 "unreached"; }
    location /plain/ { rewrite ^/plain/(.*)$ /step/$1; rewrite ^/step/(.*)$ /target/$1; }
    location /drop/ { rewrite ^/drop/ /target/x? last; }
    location /redirect/ { rewrite ^/redirect/(.*)$ /to/$1 redirect; }
    location /permanent/ { rewrite ^/permanent/(.*)$ http://example.com/$1 permanent; }
    location /named/ { rewrite ^/named/(?<who>\\w+)$ /target/$who last; }
    location /target/ { return 200 "$uri?$args"; }
  `,
  files: { "target/file": "the file" },
  steps: [
    { get: "/last/a?b=c", body: "/target/a?from=last&b=c" },
    { get: "/break/file", status: 200, body: "the file" },
    { get: "/plain/a", body: "/target/a?" },
    { get: "/drop/?gone=1", body: "/target/x?" },
    { get: "/redirect/a?b", status: 302, headersOut: { Location: /\/to\/a\?b$/ } },
    { get: "/permanent/a%20b", status: 301, headersOut: { Location: "http://example.com/a%20b" } },
    { get: "/named/ann", body: "/target/ann?" },
  ],
});

block("a rewrite that goes round ends in 500", {
  server: "location / { rewrite ^ /again$uri last; }",
  steps: [{ get: "/", status: 500 }],
  errorLog: ["rewrite or internal redirection cycle while processing"],
});

block("if: every test, and what follows it", {
  server: `
    set $result "";
    location /if {
      if ($arg_set) { set $result "\${result}set "; }
      if ($arg_eq = yes) { set $result "\${result}eq "; }
      if ($arg_eq != yes) { set $result "\${result}ne "; }
      if ($http_x ~ "^v(\\d)$") { set $result "\${result}re$1 "; }
      if ($http_x ~* "^V\\d$") { set $result "\${result}rei "; }
      if ($http_x !~ "^v") { set $result "\${result}nre "; }
      if (-f $document_root/a.txt) { set $result "\${result}f "; }
      if (!-d $document_root/none) { set $result "\${result}nd "; }
      return 200 $result;
    }
    location = /a.txt { if ($arg_q) { add_header X-Q yes; } add_header X-Q no; }
    location /stop { if ($arg_a) { break; } return 200 "went on"; }
  `,
  files: { "a.txt": "a" },
  steps: [
    { get: "/if?set=1&eq=yes", headers: { X: "v7" }, body: "set eq re7 rei f nd " },
    { get: "/if?set=0", headers: { X: "w" }, body: "ne nre f nd " },
    { get: "/a.txt?q=1", headersOut: { "X-Q": "yes" } },
    { get: "/a.txt", headersOut: { "X-Q": "no" } },
    { get: "/stop", body: "went on" },
  ],
});

for (const [what, server, words] of [
  ["a status that is none", "return 20x;", 'invalid return code "20x"'],
  ["a variable without its sign", "set x 1;", 'invalid variable name "x"'],
  ["a variable that cannot be set", "set $remote_addr 1;", 'the duplicate "remote_addr" variable'],
  ["a variable that nothing defines", "return 200 $nowhere;", 'unknown "nowhere" variable'],
  ["a condition without parentheses", "if $x { }", 'invalid condition "$x"'],
  ["an operator that is none", "if ($uri => 1) { }", 'unexpected "=>" in condition'],
] as const)
  block(`${what} is refused`, { server, refused: [words] });
