import { block } from "../lib/index.ts";

const files = { "a.html": "a", "d/index.html": "d", "d/f": "f", "fallback.html": "fallback", maint: "m" };

block("the first that is there is served, the last is gone on with", {
  files,
  server: `
    add_header X-Uri $uri;
    add_header X-Args $args;
    location / { try_files $uri $uri/ /fallback.html; }
    location /args/ { try_files $uri /fallback.html?from=$uri&$args; }
    location /code/ { try_files $uri =404; }
    location /gone/ { try_files $uri =410; }
    location /named/ { try_files /none @other; }
    location @other { return 200 "other $uri $args"; }
    location /missing/ { try_files /none @missing; }
    location /dir/ { try_files /d/ =404; }
    location /nodir/ { try_files /d =404; }
    location /file/ { try_files /a.html/ =404; }
    location /plain/ { try_files /maint $uri =404; }
  `,
  steps: [
    { get: "/a.html?x=1", body: "a", headersOut: { "x-uri": "/a.html", "x-args": "x=1" } },
    { get: "/d/", body: "d" },
    { get: "/d", status: 301 },
    { get: "/none?x=1", body: "fallback", headersOut: { "x-uri": "/fallback.html", "x-args": null } },
    { get: "/args/q?x=1", body: "fallback", headersOut: { "x-args": "from=/args/q&x=1" } },
    { get: "/code/q", status: 404 },
    { get: "/gone/q", status: 410 },
    { get: "/named/q?y=2", body: "other /named/q y=2" },
    { get: "/missing/q", status: 500 },
    { get: "/dir/q", status: 301 },
    { get: "/nodir/q", status: 404 },
    { get: "/file/q", status: 404 },
    { get: "/plain/q", body: "m" },
    { post: "/a.html", send: "x", status: 405 },
  ],
  errorLog: [/could not find named location "@missing"/],
});

block("under an alias", {
  files,
  server: `
    location /x/ { alias html/d/; try_files $uri /x/index.html =404; }
    location ~ ^/re/(.*)$ { alias html/d/$1; try_files "" =404; }
    location /bare { alias html/d; try_files $uri $uri/ =404; }
  `,
  steps: [
    { get: "/x/f", body: "f" },
    { get: "/x/none", status: 404 },
    { get: "/re/f", body: "f" },
    { get: "/bare/f", body: "f" },
    { get: "/bare/none", status: 404 },
  ],
});

block("a circle ends", {
  server: "location / { try_files /none /none2; }",
  steps: [{ get: "/", status: 500 }],
  errorLog: [/rewrite or internal redirection cycle while internally redirecting to "\/none2"/],
});

block("what cannot be meant is refused", {
  server: "location / { try_files $uri =banana; }",
  refused: ['invalid code "=banana"'],
});
block("one argument is too few", {
  server: "try_files $uri;",
  refused: ['invalid number of arguments in "try_files" directive'],
});
