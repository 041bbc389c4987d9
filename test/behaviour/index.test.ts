import { block } from "../lib/index.ts";

const files = { "a/index.html": "a", "b/second.htm": "b", "b/c/x": "", "abs.html": "absolute", "v/en.html": "english" };

block("index.html is the index where nothing else is said", {
  files,
  server: "root html;",
  steps: [
    { get: "/a/", status: 200, body: "a" },
    { get: "/a/?q=1", status: 200, body: "a" },
    { head: "/a/", status: 200, headersOut: { "content-length": "1" } },
    { post: "/a/", send: "x", status: 405 },
    { get: "/b/", status: 403 },
    { get: "/none/", status: 404 },
    { get: "/abs.html/", status: 404 },
    { method: "PUT", path: "/a/", send: "x", status: 405 },
  ],
  errorLog: [
    /directory index of ".*\/html\/b\/" is forbidden/,
    /\[error\] .*"[^"]*\/html\/none\/index\.html" is not found \(2: No such file or directory\)/,
    /\[error\] .*"[^"]*\/html\/abs\.html\/index\.html" is not found \(20: Not a directory\)/,
  ],
});

block("several names are tried in turn, and variables are read", {
  files,
  http: "map $arg_l $lang { default en; }",
  server: `
    add_header X-Uri $uri;
    index first.htm second.htm;
    location /v/ { index $lang.html; }
    location /none/ { index x y /abs.html; }
    location /a/ { index x index.html; }
    location /once { index none.html; index also.none /abs.html; }
    location /quiet/ { log_not_found off; }
  `,
  steps: [
    { get: "/b/", body: "b", headersOut: { "x-uri": "/b/second.htm" } },
    { get: "/v/", body: "english" },
    { get: "/a/", body: "a" },
    { get: "/quiet/", status: 404 },
  ],
  noErrorLog: [/quiet.* is not found/],
});

block("an absolute last name is redirected to within the server", {
  files: { ...files, "deep/x": "" },
  server: "location /deep/ { index nope /abs.html; } location = /abs.html { add_header X-Args $args; }",
  steps: [{ get: "/deep/?k=v", body: "absolute", headersOut: { "x-args": "k=v" } }],
});

block("an index in a location with alias keeps the location's name", {
  files,
  server: "location /x/ { alias html/a/; add_header X-Uri $uri; }",
  steps: [{ get: "/x/", body: "a", headersOut: { "x-uri": "/x/index.html" } }],
});

block("an index that leads to itself ends", {
  files,
  server: "location / { index /again/; }",
  steps: [{ get: "/", status: 500 }],
  errorLog: [/rewrite or internal redirection cycle/],
});

block("a name has to be one", {
  server: 'index "";',
  refused: ['index "" in "index" directive is invalid'],
});
