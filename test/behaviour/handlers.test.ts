import { expect } from "bun:test";
import { block } from "../lib/index.ts";

block("files are locations", {
  http: "handlers handlers;",
  server: "location / { root html; }",
  files: { "index.html": "the site" },
  handlers: {
    "api/hello.ts": 'export default () => "hello\\n";\n',
    "api/user/[id].ts":
      'import type { Ngx } from "resty";\nexport const GET = (ngx: Ngx) => ngx.req.params;\nexport const POST = async (ngx: Ngx) => (await ngx.req.text()).length;\n',
    "files/[...path].ts": 'import type { Ngx } from "resty";\nexport default (ngx: Ngx) => ngx.req.params.path;\n',
    "shop/index.ts": 'export default () => "shop";\n',
    "_private.ts": 'export default () => "private";\n',
  },
  steps: [
    { get: "/", body: "the site" },
    { get: "/api/hello", status: 200, body: "hello\n" },
    { get: "/api/hello/", status: 404 },
    { get: "/api/user/7?x=1", body: '{"id":"7"}' },
    { get: "/api/user/a%2Fb", status: 404 },
    { get: "/api/user/%C3%A4", body: '{"id":"ä"}' },
    { head: "/api/user/7", status: 200, body: "" },
    { post: "/api/user/7", send: "12345", body: "5" },
    { method: "DELETE", path: "/api/user/7", status: 405, headersOut: { Allow: "GET, HEAD, POST" } },
    { get: "/files/a/b%20c", body: "a/b c" },
    { get: "/shop", body: "shop" },
    { get: "/shop/", body: "shop" },
    { get: "/_private", status: 404 },
  ],
});

block("a file route inherits from the location that its path would have matched", {
  http: "handlers handlers;",
  server: `
    location / { return 404; add_header X-Place root always; }
    location /api/ { add_header X-Place api always; }
    location ~ \\.json$ { add_header X-Place json always; }
    location ^~ /api/fixed/ { add_header X-Place fixed always; }
    location = /api/taken { return 200 "configured"; }
  `,
  handlers: {
    "api/a.ts": 'export default () => "a";\n',
    "api/b.json.ts": 'export default () => "{}";\n',
    "api/fixed/c.json.ts": 'export default () => "c";\n',
    "api/taken.ts": 'export default () => "file";\n',
    "api/[id].ts": 'export default () => "id";\n',
  },
  steps: [
    { get: "/api/a", body: "a", headersOut: { "X-Place": "api" } },
    { get: "/api/b.json", body: "{}", headersOut: { "X-Place": "json" } },
    { get: "/api/fixed/c.json", body: "c", headersOut: { "X-Place": "fixed" } },
    { get: "/api/taken", body: "configured" },
    { get: "/api/other", body: "id", headersOut: { "X-Place": "api" } },
    { get: "/elsewhere", status: 404, headersOut: { "X-Place": "root" } },
  ],
});

block("access rules of a location hold for its file routes", {
  server:
    "handlers handlers; location /api/ { deny all; } location /open/ { access_by_ts_block { if (!ngx.req.arg('k')) ngx.exit(401); } }",
  handlers: { "api/a.ts": 'export default () => "a";\n', "open/b.ts": 'export default () => "b";\n' },
  steps: [
    { get: "/api/a", status: 403 },
    { get: "/open/b", status: 401 },
    { get: "/open/b?k=1", status: 200, body: "b" },
  ],
});

block("a catch-all of the root leaves the configuration's own locations alone", {
  http: "handlers handlers;",
  server: 'location /static/ { return 200 "static"; } location ~ \\.php$ { return 403; }',
  handlers: {
    "[...all].ts": 'import type { Ngx } from "resty";\nexport default (ngx: Ngx) => "all " + ngx.req.params.all;\n',
  },
  steps: [
    { get: "/static/x", body: "static" },
    { get: "/a.php", status: 403 },
    { get: "/a/b", body: "all a/b" },
    { get: "/", body: "all " },
  ],
});

block("two files that claim one path are refused, both named", {
  http: "handlers handlers;",
  server: "location / { return 404; }",
  handlers: { "a.ts": "export default () => 1;\n", "a/index.ts": "export default () => 2;\n" },
  refused: [/two files claim the path "\/a"/, /handlers\/a\.ts/, /handlers\/a\/index\.ts/],
});

block("a file with two default exports is refused, with the place of the second", {
  http: "handlers handlers;",
  server: "location / { return 404; }",
  handlers: { "a.ts": "export default () => 1;\nexport default () => 2;\n" },
  refused: [/handlers\/a\.ts:2:\d+/],
});

block("a folder that is not there is refused", {
  http: "handlers nowhere;",
  server: "location / { return 404; }",
  refused: [/cannot read handlers ".*nowhere": No such file or directory/],
});

block("every error of every handler is told at once", {
  http: "handlers handlers;",
  server: "location / { return 404; }",
  handlers: {
    "a.ts": "export default () => {;\n",
    "b.ts": "export const x = 1;\n",
    "c.ts": "export default () => 1;\nthrow new Error('at load');\n",
  },
  refused: [/a\.ts:\d+:\d+/, /b\.ts exports no handler/, /at load.*c\.ts:2:\d+/],
});

block("packages resolve from handlers with nothing installed", {
  http: "handlers handlers;",
  server: "location / { return 404; }",
  handlers: {
    "packages.ts": [
      'import { createClient } from "redis";',
      'import { eq, sql } from "drizzle-orm";',
      'import { drizzle } from "drizzle-orm/bun-sqlite";',
      'import { drizzle as mysqlDrizzle } from "drizzle-orm/mysql2";',
      'import { int, sqliteTable } from "drizzle-orm/sqlite-core";',
      'import { mysqlTable } from "drizzle-orm/mysql-core";',
      'import mysql from "mysql2/promise";',
      'import { createPool } from "mysql2";',
      'import { HttpError, ngx } from "resty";',
      "export default () => [createClient, eq, sql, drizzle, mysqlDrizzle, int, sqliteTable, mysqlTable, mysql.createPool, createPool, HttpError, ngx.now].map((x) => typeof x).join();",
      "",
    ]
      .join("\n")
      .replace("int, sqliteTable", "integer as int, sqliteTable"),
  },
  steps: [
    { get: "/packages", check: (answer) => expect(new Set(answer.body.split(","))).toEqual(new Set(["function"])) },
  ],
});

block("a schema on a route checks its arguments, and is in the OpenAPI document", {
  http: "handlers handlers; openapi /openapi.json;",
  server: "location / { return 404; }",
  handlers: {
    "user/[id].ts": `
      import type { Ngx, StandardSchema } from "resty";
      export const summary = "A user";
      export const input: StandardSchema<{ id: number; name: string }> = {
        "~standard": {
          version: 1,
          vendor: "test",
          validate(value) {
            const { id, name } = value as Record<string, unknown>;
            const issues = [];
            if (!/^\\d+$/.test(String(id))) issues.push({ message: "not a number", path: ["id"] });
            if (typeof name !== "string") issues.push({ message: "missing", path: [{ key: "name" }] });
            return issues.length > 0 ? { issues } : { value: { id: Number(id), name: String(name) } };
          },
          jsonSchema: { input: () => ({ type: "object", properties: { id: { type: "integer" }, name: { type: "string" } }, required: ["id", "name"] }) },
        },
      };
      export const GET = (_ngx: Ngx, { id, name }: { id: number; name: string }) => ({ id: id + 1, name });
      export const POST = GET;
    `,
  },
  steps: [
    { get: "/user/7?name=x", status: 200, body: '{"id":8,"name":"x"}' },
    {
      post: "/user/7",
      send: '{"name":"y"}',
      headers: { "Content-Type": "application/json" },
      body: '{"id":8,"name":"y"}',
    },
    {
      get: "/user/x",
      status: 400,
      body: '{"error":"invalid input","issues":[{"message":"not a number","path":"id"},{"message":"missing","path":"name"}]}',
    },
    {
      get: "/openapi.json",
      status: 200,
      check: (answer) => {
        const { paths } = JSON.parse(answer.body) as {
          paths: Record<string, Record<string, { summary: string; parameters: { name: string; in: string }[] }>>;
        };
        expect(Object.keys(paths)).toEqual(["/user/{id}"]);
        expect(paths["/user/{id}"]!.get!.summary).toBe("A user");
        expect(paths["/user/{id}"]!.get!.parameters.map((one) => [one.name, one.in])).toEqual([
          ["id", "path"],
          ["name", "query"],
        ]);
      },
    },
  ],
});
