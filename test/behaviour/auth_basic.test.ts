import { rmSync, writeFileSync } from "node:fs";
import { block } from "../lib/index.ts";

const basic = (pair: string) => ({ Authorization: `Basic ${btoa(pair)}` });

block("users of a file, in every form of their passwords", {
  server: 'location / { auth_basic "closed site"; auth_basic_user_file users; }',
  files: {
    "a.html": "ok",
    "/conf/users":
      "# who may\n" +
      "plain:{PLAIN}secret\n" +
      "sha:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n" +
      "crypt:abNANd1rDfiNc\n" +
      "apr1:$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/:a comment\n" +
      "bcrypt:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a",
  },
  steps: [
    { get: "/a.html", status: 401, headersOut: { "WWW-Authenticate": 'Basic realm="closed site"' } },
    ...["plain", "sha", "crypt", "apr1", "bcrypt"].flatMap((user) => [
      { get: "/a.html", headers: basic(`${user}:secret`), status: 200, body: "ok" },
      { get: "/a.html", headers: basic(`${user}:secre`), status: 401 },
    ]),
    { get: "/a.html", headers: basic("nobody:secret"), status: 401 },
    { get: "/a.html", headers: { Authorization: "Basic !" }, status: 401 },
    { get: "/a.html", headers: { Authorization: "Bearer abc" }, status: 401 },
  ],
  errorLog: [/user "nobody" was not found in ".*\/conf\/users"/, /user "apr1": password mismatch/],
});

block("a file that changes, and one that vanishes", {
  server: 'location / { auth_basic "closed"; auth_basic_user_file users-$arg_of; }',
  files: { "a.html": "ok", "/conf/users-x": "ann:{PLAIN}one\n" },
  steps: [
    {
      get: "/a.html?of=x",
      headers: basic("ann:one"),
      status: 200,
      check: (_, server) => writeFileSync(server.path("conf/users-x"), "ann:{PLAIN}another\n"),
    },
    { get: "/a.html?of=x", headers: basic("ann:one"), status: 401 },
    {
      get: "/a.html?of=x",
      headers: basic("ann:another"),
      status: 200,
      check: (_, server) => rmSync(server.path("conf/users-x")),
    },
    { get: "/a.html?of=x", headers: basic("ann:another"), status: 403 },
  ],
  errorLog: [/\[error\] .* open\(\) ".*\/conf\/users-x" failed \(2: No such file or directory\)/],
});

block("a realm with variables does not split the answer", {
  server: 'location ~ ^/([^/]*)$ { auth_basic "for $1"; auth_basic_user_file users; }',
  files: { "/conf/users": "ann:{PLAIN}one\n" },
  alsoNginx: false,
  steps: [
    {
      get: "/a%0d%0aX-Split:1",
      status: 401,
      headersOut: { "WWW-Authenticate": 'Basic realm="for aX-Split:1"', "X-Split": null },
    },
  ],
});
