import { expect, test } from "bun:test";
import { block, start, until } from "../lib/index.ts";

block("a handler says hello with the date", {
  server: "location = /hello { content_by_ts_block { ngx.say('hello, it is ', ngx.today()); } }",
  steps: [
    {
      get: "/hello",
      status: 200,
      body: /^hello, it is \d{4}-\d\d-\d\d\n$/,
      headersOut: { "Content-Type": "text/plain" },
    },
    { head: "/hello", status: 200, body: "" },
  ],
});

block("what a handler returns is the answer", {
  files: { "a.html": "<p>file</p>" },
  server: `
    location = /text { content_by_ts_block { return "späte"; } }
    location = /json { content_by_ts_block { return { id: 1, list: [true, null] }; } }
    location = /bytes { content_by_ts_block { return new Uint8Array([104, 105]); } }
    location = /nothing { content_by_ts_block { ngx.status = 204; } }
    location = /response {
      content_by_ts_block {
        return new Response("made", { status: 201, headers: { "X-A": "b", "Content-Type": "text/html; charset=utf-8" } });
      }
    }
    location = /stream {
      content_by_ts_block {
        return (async function* () { yield "one "; await ngx.sleep(0.001); yield new TextEncoder().encode("two"); yield "!"; })();
      }
    }
    location = /one { content_by_ts_block { return (async function* () { yield "whole"; })(); } }
    location = /generator { content_by_ts_block { return (function* () { yield "a"; yield "b"; })(); } }
    location = /view { content_by_ts_block { return new Uint16Array([0x6968]); } }
    location = /blob { content_by_ts_block { return new Blob(["blob"], { type: "text/x-blob" }); } }
    location = /file { content_by_ts_block { return Bun.file(ngx.config.prefix() + "html/a.html"); } }
    location = /no-file { content_by_ts_block { return Bun.file("/no/such/file"); } }
    location = /number { content_by_ts_block { return 42; } }
  `,
  steps: [
    { get: "/text", status: 200, body: "späte", headersOut: { "Content-Length": "6" } },
    { get: "/json", body: '{"id":1,"list":[true,null]}', headersOut: { "Content-Type": "application/json" } },
    { get: "/bytes", body: "hi", headersOut: { "Content-Length": "2" } },
    { get: "/nothing", status: 204, body: "", headersOut: { "Content-Length": null } },
    {
      get: "/response",
      status: 201,
      body: "made",
      headersOut: { "X-A": "b", "Content-Type": "text/html; charset=utf-8" },
    },
    { get: "/stream", status: 200, body: "one two!", headersOut: { "Content-Length": null } },
    { get: "/one", body: "whole", headersOut: { "Content-Length": "5" } },
    { get: "/generator", body: "ab", headersOut: { "Content-Length": null } },
    { get: "/view", body: "hi" },
    { get: "/blob", body: "blob", headersOut: { "Content-Type": "text/x-blob", "Content-Length": "4" } },
    { get: "/file", body: "<p>file</p>", headersOut: { "Content-Type": /^text\/html/ } },
    { get: "/no-file", status: 500 },
    { get: "/number", body: "42" },
  ],
});

block("JSON from arguments and headers, as the guide's example", {
  server: `
    location = /api {
      content_by_ts_block {
        const args = ngx.req.getUriArgs();
        ngx.header.content_type = "application/json";
        ngx.say(JSON.stringify({ user_id: args.user_id, user_agent: ngx.req.getHeaders()["user-agent"], timestamp: 1 }));
      }
    }`,
  steps: [
    {
      get: "/api?user_id=7",
      headers: { "User-Agent": "test/1" },
      body: '{"user_id":"7","user_agent":"test/1","timestamp":1}\n',
      headersOut: { "Content-Type": "application/json" },
    },
  ],
});

block("arguments: repeats, no value, empty value, escapes, limits", {
  server: `
    location = /args { content_by_ts_block { return ngx.req.getUriArgs(); } }
    location = /two { content_by_ts_block { const args = ngx.req.getUriArgs(2); return { args, truncated: ngx.req.truncated }; } }
    location = /post { content_by_ts_block { await ngx.req.readBody(); return ngx.req.getPostArgs(); } }
    location = /unread { content_by_ts_block { return ngx.req.getPostArgs(); } }
  `,
  steps: [
    {
      get: "/args?a=1&b&c=&a=2+x&%C3%A4=%E2%82%AC&=no&d=%zz",
      body: '{"a":["1","2 x"],"b":true,"c":"","ä":"€","d":"%zz"}',
    },
    { get: "/args?__proto__=1&constructor=2", body: '{"__proto__":"1","constructor":"2"}' },
    { get: "/two?a=1&b=2&c=3", body: '{"args":{"a":"1","b":"2"},"truncated":true}' },
    { post: "/post", send: "x=1&y=a%20b&x=3", body: '{"x":["1","3"],"y":"a b"}' },
    { post: "/unread", send: "x=1", status: 500 },
  ],
  errorLog: [/no request body found/],
});

block("request headers: repeats, lookups, changes that later phases see", {
  server: `
    location = /all { content_by_ts_block { const h = ngx.req.getHeaders(); return { x: h["x-foo"], one: ngx.req.header("X_Foo") }; } }
    location = /set {
      rewrite_by_ts_block { ngx.req.setHeader("X-New", "1"); ngx.req.clearHeader("X-Old"); }
      return 200 "$http_x_new|$http_x_old";
    }
    location = /set2 {
      rewrite_by_ts_block { ngx.req.setHeader("X-New", "1"); ngx.req.clearHeader("X-Old"); }
      content_by_ts_block { return ngx.var.http_x_new + "|" + ngx.var.http_x_old; }
    }
  `,
  steps: [
    { get: "/all", headers: { "X-Foo": ["a", "b"] }, body: '{"x":["a","b"],"one":"a"}' },
    { get: "/set2", headers: { "X-Old": "o" }, body: "1|undefined" },
  ],
});

block("bodies: text, JSON, forms, streams", {
  server: `
    location = /json { content_by_ts_block { const { n } = await ngx.req.json(); return { twice: n * 2 }; } }
    location = /text { content_by_ts_block { return (await ngx.req.text()).toUpperCase(); } }
    location = /form { content_by_ts_block { const form = await ngx.req.form(); return Object.fromEntries(form); } }
    location = /stream { content_by_ts_block { let n = 0; for await (const chunk of ngx.req.stream()) n += chunk.length; return String(n); } }
    location = /limit { client_max_body_size 10; content_by_ts_block { return await ngx.req.text(); } }
  `,
  steps: [
    { post: "/json", send: '{"n":21}', body: '{"twice":42}' },
    { post: "/json", send: '{"n":', status: 400 },
    { post: "/text", send: "straße", body: "STRASSE" },
    {
      post: "/form",
      send: "a=1&b=2",
      headers: { "Content-Type": "application/x-www-form-urlencoded" },
      body: '{"a":"1","b":"2"}',
    },
    { post: "/form", send: "a=1", headers: { "Content-Type": "text/plain" }, status: 415 },
    { post: "/stream", send: "x".repeat(300_000), body: "300000" },
    { post: "/limit", send: "x".repeat(30), status: 413 },
  ],
});

block("response headers: arrays, removal, refusal after the head, and of what would split it", {
  server: `
    location = /many { content_by_ts_block { ngx.header.Set_Cookie = ["a=1", "b=2"]; ngx.header["X-Gone"] = "x"; ngx.header["X-Gone"] = null; return "ok"; } }
    location = /late { content_by_ts_block { ngx.say("body"); ngx.header.x_late = "1"; } }
    location = /split { content_by_ts_block { ngx.header.x_a = "1\\r\\nX-Evil: 2"; ngx.say("no"); } }
    location = /read { content_by_ts_block { ngx.header.content_type = "text/html; charset=utf-8"; return String(ngx.header["Content-Type"]); } }
  `,
  steps: [
    { get: "/many", headersOut: { "Set-Cookie": "a=1, b=2", "X-Gone": null } },
    { get: "/late", status: 200, body: "body\n", headersOut: { "X-Late": null } },
    { get: "/split", status: 500, headersOut: { "X-Evil": null } },
    { get: "/read", body: "text/html; charset=utf-8", headersOut: { "Content-Type": "text/html; charset=utf-8" } },
  ],
  errorLog: [/attempt to set ngx.header.x_late after sending out response headers/, /cannot have the value/],
});

block("exit, from every place", {
  server: `
    error_page 403 /denied;
    location = /denied { internal; return 200 "denied\\n"; }
    location = /forbidden { content_by_ts_block { ngx.exit(ngx.HTTP_FORBIDDEN); } }
    location = /gone { content_by_ts_block { ngx.status = ngx.HTTP_GONE; ngx.say("gone for good"); ngx.exit(ngx.HTTP_OK); } }
    location = /created { content_by_ts_block { ngx.exit(201); } }
    location = /close { content_by_ts_block { ngx.exit(444); } }
    location = /swallowed { content_by_ts_block { try { ngx.exit(404); } catch {} return "went on"; } }
    location = /say-after { content_by_ts_block { try { ngx.exit(404); } catch {} ngx.say("more"); } }
    location = /pass { access_by_ts_block { ngx.exit(ngx.OK); } content_by_ts_block { return "passed"; } }
    location = /stop { access_by_ts_block { if (ngx.var.arg_key !== "k") ngx.exit(401); } content_by_ts_block { return "in"; } }
    location = /early { rewrite_by_ts_block { ngx.say("from rewrite"); } content_by_ts_block { ngx.say("never"); } }
    location = /late { content_by_ts_block { await 0; ngx.exit(418); } }
  `,
  steps: [
    { get: "/forbidden", status: 403, body: "denied\n" },
    { get: "/gone", status: 410, body: "gone for good\n" },
    { get: "/created", status: 201, body: "" },
    { get: "/swallowed", status: 404 },
    { get: "/say-after", status: 404 },
    { get: "/pass", status: 200, body: "passed" },
    { get: "/stop", status: 401 },
    { get: "/stop?key=k", status: 200, body: "in" },
    { get: "/early", status: 200, body: "from rewrite\n" },
    { get: "/late", status: 418 },
    {
      get: "/created",
      async check(_answer, server) {
        expect(await server.raw("GET /close HTTP/1.1\r\nHost: a\r\n\r\n")).toBe("");
      },
    },
  ],
  errorLog: [/ngx.say called after the handler was left/],
});

block("exec, redirect and setUri", {
  server: `
    location = /exec { content_by_ts_block { ngx.exec("/target", { a: "b c" }); } }
    location = /exec2 { content_by_ts_block { ngx.exec("/target?x=1", "y=2"); } }
    location = /named { content_by_ts_block { ngx.exec("@there"); } }
    location @there { content_by_ts_block { return "named " + ngx.req.uri; } }
    location = /target { content_by_ts_block { return ngx.req.uri + " " + ngx.req.queryString + " " + ngx.req.isInternal(); } }
    location = /redirect { content_by_ts_block { ngx.redirect("/target?a=1", 301); } }
    location = /away { content_by_ts_block { return ngx.redirect("https://example.com/"); } }
    location = /bad { content_by_ts_block { ngx.redirect("/a\\r\\nX-Evil: 1"); } }
    location = /jump { rewrite_by_ts_block { ngx.req.setUri("/target", true); ngx.log(ngx.ERR, "not reached"); } return 404; }
    location = /stay { rewrite_by_ts_block { ngx.req.setUri("/other"); ngx.req.setUriArgs({ q: 1 }); } content_by_ts_block { return ngx.var.uri + "?" + ngx.var.args; } }
    location = /loop { rewrite_by_ts_block { ngx.exec("/loop"); } }
  `,
  steps: [
    { get: "/exec", body: "/target a=b%20c true" },
    { get: "/exec2", body: "/target x=1&y=2 true" },
    { get: "/named", body: "named /named" },
    { get: "/redirect", status: 301, headersOut: { Location: "/target?a=1" } },
    { get: "/away", status: 302, headersOut: { Location: "https://example.com/" } },
    { get: "/bad", status: 500, headersOut: { "X-Evil": null } },
    { get: "/stay", body: "/other?q=1" },
    { get: "/loop", status: 500 },
  ],
  noErrorLog: [/not reached/],
});

block("a jump of the rewrite phase looks for a location again", {
  server: `
    location = /jump { rewrite_by_ts_block { ngx.req.setUri("/target", true); ngx.log(ngx.ERR, "not reached"); } content_by_ts_block { return "stayed"; } }
    location = /target { content_by_ts_block { return "target"; } }
  `,
  steps: [{ get: "/jump", status: 200, body: "target" }],
  noErrorLog: [/not reached/],
});

block("variables are read and written, and typed by the configuration", {
  server: `
    set $mine "start";
    location = /var {
      content_by_ts_block {
        const before = ngx.var.mine;
        ngx.var.mine = "schön";
        return [before, ngx.var.mine, ngx.var.request_method, ngx.var.nowhere, ngx.var.arg_x].map(String).join("|");
      }
    }
    location = /ro { content_by_ts_block { ngx.var.request_method = "PUT"; } }
    location = /undefined { content_by_ts_block { ngx.var.nothing_like_it = "PUT"; } }
    location ~ ^/re/(\\w+)/(\\w+)$ { content_by_ts_block { return ngx.var[1] + "," + ngx.var[2]; } }
  `,
  steps: [
    { get: "/var?x=1", body: "start|schön|GET|undefined|1" },
    { get: "/ro", status: 500 },
    { get: "/undefined", status: 500 },
    { get: "/re/a/b", body: "a,b" },
  ],
  errorLog: [/variable "request_method" cannot be changed/, /variable "nothing_like_it" is not defined/],
});

block("set_by_ts runs among the directives of the rewrite module", {
  server: `
    location = /set {
      set $a 1;
      set_by_ts_block $b { return Number(ngx.var.a) + 1; }
      set $c "$b$a";
      return 200 "$a $b $c";
    }
    location = /promise { set_by_ts_block $b { return Promise.resolve(1); } return 200 "$b"; }
    location = /file { set_by_ts_file $sum handlers/_sum.ts 30 $arg_n; return 200 "$sum"; }
  `,
  handlers: {
    "_sum.ts":
      'import type { Ngx } from "resty";\nexport default (ngx: Ngx) => Number(ngx.arg[1]) + Number(ngx.arg[2]);\n',
  },
  steps: [
    { get: "/set", body: "1 2 21" },
    { get: "/promise", status: 500 },
    { get: "/file?n=12", body: "42" },
  ],
});

block("header and body filters, also of what no script has made", {
  http: "access_log off;",
  server: `
    location /files/ {
      header_filter_by_ts_block { ngx.header.x_type = ngx.header.content_type; ngx.header.content_length = null; }
      body_filter_by_ts_block { if (chunk.length > 0) return chunk.toString().toUpperCase(); }
    }
    location = /arg { body_filter_by_ts_block { ngx.arg[1] = ngx.arg[1].replaceAll("o", "0"); } content_by_ts_block { ngx.say("foo boo"); } }
    location = /drop { body_filter_by_ts_block { if (!last) return null; return "end"; } content_by_ts_block { ngx.say("x"); await ngx.flush(); ngx.say("y"); await ngx.flush(); } }
    location = /wait { header_filter_by_ts_block { await ngx.sleep(0.001); ngx.header.x_waited = "yes"; } body_filter_by_ts_block { await ngx.sleep(0.001); } content_by_ts_block { return "body"; } }
    location = /cut { body_filter_by_ts_block { ngx.arg[1] = ngx.arg[1].slice(0, 3); ngx.arg[2] = true; } content_by_ts_block { ngx.say("abcdef"); await ngx.flush(); ngx.say("more"); } }
  `,
  files: { "files/a.txt": "hello" },
  steps: [
    { get: "/files/a.txt", status: 200, body: "HELLO", headersOut: { "X-Type": "text/plain" } },
    { get: "/arg", body: "f00 b00\n" },
    { get: "/drop", body: "end" },
    { get: "/wait", body: "body", headersOut: { "X-Waited": "yes" } },
    { get: "/cut", body: "abc" },
  ],
});

block("log_by_ts runs after the answer, before the access log, and may wait", {
  http: "log_format own '$uri $note';",
  server: `
    set $note "none";
    access_log logs/access.log own;
    location = /log {
      content_by_ts_block { return "ok"; }
      log_by_ts_block { await ngx.sleep(0.001); ngx.var.note = "status " + ngx.status; ngx.log(ngx.WARN, "took note"); }
    }
    location = /say { content_by_ts_block { return "ok"; } log_by_ts_block { ngx.say("too late"); } }
  `,
  steps: [
    { get: "/log", body: "ok" },
    { get: "/say", body: "ok" },
  ],
  accessLog: [/\/log status 200/],
  errorLog: [/took note/, /ngx\.say cannot be used in the log phase; it can in .*content/],
});

block("errors: the stack names the configuration's line, and nothing leaks to the client", {
  server: `location = /boom {
      content_by_ts_block {
        const inner = () => { throw new Error("boom"); };
        inner();
      }
    }
    location = /number { content_by_ts_block { throw 3; } }
    location = /null { content_by_ts_block { await 0; throw null; } }
    location = /cause { content_by_ts_block { throw new Error("outer", { cause: new Error("inner") }); } }
    location = /after { content_by_ts_block { setTimeout(() => { throw new Error("later"); }, 1); Promise.reject(new Error("lost")); return "ok"; } }
    location = /half { content_by_ts_block { ngx.say("begun"); await ngx.flush(); throw new Error("half way"); } }
    location = /stream { content_by_ts_block { return (async function* () { yield "a"; yield "b"; throw new Error("broken stream"); })(); } }
    location = /odd { content_by_ts_block { return () => 1; } }
    location = /teapot { content_by_ts_block { const { HttpError } = await import("resty"); throw new HttpError(418, "no coffee"); } }`,
  steps: [
    { get: "/boom", status: 500, body: /500 Internal Server Error/ },
    { get: "/number", status: 500 },
    { get: "/null", status: 500 },
    { get: "/cause", status: 500 },
    { get: "/after", status: 200, body: "ok" },
    { get: "/odd", status: 500 },
    { get: "/teapot", status: 418 },
    {
      get: "/after",
      status: 200,
      async check(_answer, server) {
        const half = await server.raw("GET /half HTTP/1.1\r\nHost: a\r\n\r\n");
        expect(half).toContain("begun");
        expect(half.endsWith("0\r\n\r\n")).toBe(false);
        const stream = await server.raw("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
        expect(stream.endsWith("0\r\n\r\n")).toBe(false);
      },
    },
  ],
  errorLog: [
    /content_by_ts_block failed: Error: boom, request id: [0-9a-f]{32}\n\s+at .*nginx\.conf:\d+:\d+\)\n\s+at content_by_ts_block \(.*nginx\.conf:\d+:\d+\)/,
    /thrown: 3/,
    /thrown: null/,
    /caused by Error: inner/,
    /Error: later/,
    /Error: lost/,
    /Error: half way/,
    /content_by_ts_block failed: Error: broken stream/,
    /a handler cannot answer with \[Function/,
  ],
});

block("one connection carries request after request, on two workers", {
  workers: 2,
  http: "shared_dict counts 1m;",
  server: `
    location = /count { content_by_ts_block { return String(ngx.shared.counts.incr("n", 1, 0)); } }
    location = /ctx { rewrite_by_ts_block { ngx.ctx.n = (ngx.ctx.n ?? 0) + 1; } content_by_ts_block { return String(ngx.ctx.n); } }
  `,
  steps: [
    {
      get: "/count",
      body: "1",
      async check(_answer, server) {
        for (let i = 2; i < 12; i++) expect(await (await server.get("/count")).text()).toBe(String(i));
        using connection = await server.connect();
        for (let i = 0; i < 5; i++) {
          connection.request({ method: "GET", path: "/ctx" });
          expect((await connection.answer("GET")).body).toBe("1");
        }
      },
    },
  ],
});

test("a timer runs after the response, and every so often", async () => {
  await using server = await start({
    http: "shared_dict seen 1m;",
    server: `
      location = /later {
        content_by_ts_block {
          const id = ngx.req.arg("id");
          ngx.timer.at(0, (premature, what) => { ngx.shared.seen.set("at", what + ":" + premature); }, id);
          return "now";
        }
      }
      location = /every {
        content_by_ts_block {
          const timer = ngx.timer.every(0.01, () => { if (ngx.shared.seen.incr("every", 1, 0) === 3) timer.cancel(); });
          return String(ngx.timer.pendingCount());
        }
      }
      location = /seen { content_by_ts_block { return String(ngx.shared.seen.get(ngx.req.arg("key"))); } }
      location = /bad { content_by_ts_block { ngx.timer.at(0, () => { throw new Error("in a timer"); }); return "ok"; } }
    `,
  });
  expect(await (await server.get("/later?id=7")).text()).toBe("now");
  await until("the timer", async () => (await (await server.get("/seen?key=at")).text()) === "7:false");
  expect(await (await server.get("/every")).text()).toBe("1");
  await until("three calls", async () => (await (await server.get("/seen?key=every")).text()) === "3");
  expect(await (await server.get("/bad")).text()).toBe("ok");
  await server.logged(/ngx\.timer: Error: in a timer/);
});

block("blocks import; files with variables in their names load when they are asked for", {
  server: `
    location = /import {
      content_by_ts_block {
        import { join } from "node:path";
        import { double } from "../handlers/_lib.ts";
        return join("a", String(double(21)));
      }
    }
    location ~ ^/by/(\\w+)$ { content_by_ts_file handlers/_$1.ts; }
  `,
  handlers: {
    "_lib.ts": "export const double = (n: number): number => n * 2;\n",
    "_one.ts": 'export default () => "one";\n',
  },
  steps: [
    { get: "/import", body: "a/42" },
    { get: "/by/one", body: "one" },
    { get: "/by/two", status: 404 },
  ],
});

block("a block that does not compile is refused, with its place", {
  server: `location = / { content_by_ts_block { const a = ; } }`,
  refused: [/nginx\.conf:\d+:\d+/],
});

block("a file that exports nothing is refused", {
  server: "location = / { content_by_ts_file handlers/_empty.ts; }",
  handlers: { "_empty.ts": "export const a = 1;\n" },
  refused: [/exports no handler/],
});

block("a file that imports what there is not is refused", {
  server: "location = / { content_by_ts_file handlers/_bad.ts; }",
  handlers: { "_bad.ts": 'import { x } from "no-such-package";\nexport default () => x;\n' },
  refused: [/no-such-package/],
});
