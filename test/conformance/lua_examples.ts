/**
 * An example of lua-nginx-module's documentation in TypeScript: the section that has it, what stands in the server, the
 * request, and what the documentation says comes of it.
 */
export interface Row {
  readonly section: string;
  readonly server: string;
  /** The target; it is asked for by POST where there is something to send. */
  readonly get: string;
  readonly send?: string;
  readonly headersIn?: Readonly<Record<string, string | readonly string[]>>;
  readonly status?: number;
  readonly body: string | RegExp;
  readonly headers?: Readonly<Record<string, string>>;
}

export const examples: readonly Row[] = [
  {
    section: "content_by_lua_block",
    server:
      'location = /1 { content_by_ts_block { ngx.say("I need no extra escaping here, for example: \\r\\nblah"); } }',
    get: "/1",
    body: "I need no extra escaping here, for example: \r\nblah\n",
  },
  {
    section: "content_by_lua_file",
    server: "location ~ ^/app/([-_a-zA-Z0-9/]+) { set $path $1; content_by_ts_file handlers/_$path.ts; }",
    get: "/app/hello",
    body: "hello from a file",
  },
  {
    section: "set_by_lua",
    server: `location /foo { set $diff ''; set_by_ts_block $sum {
      const a = 32; const b = 56;
      ngx.var.diff = a - b;
      return a + b;
    } content_by_ts_block { return "sum = " + ngx.var.sum + ", diff = " + ngx.var.diff; } }`,
    get: "/foo",
    body: "sum = 88, diff = -24",
  },
  {
    section: "rewrite_by_lua: it runs after the rewrite module",
    server: `location /rw { set $a 12; set $b ''; rewrite_by_ts_block { ngx.var.b = Number(ngx.var.a) + 1; }
      content_by_ts_block { return "res = " + ngx.var.b; } }`,
    get: "/rw",
    body: "res = 13",
  },
  {
    section: "access_by_lua: ngx.exit",
    server: `location /acl { access_by_ts_block {
      if (ngx.var.remote_addr === "127.0.0.1") return;
      ngx.exit(ngx.HTTP_FORBIDDEN);
    } content_by_ts_block { return "in"; } }`,
    get: "/acl",
    body: "in",
  },
  {
    section: "header_filter_by_lua",
    server:
      'location = /hf { header_filter_by_ts_block { ngx.header.Foo = "blah"; } content_by_ts_block { return "x"; } }',
    get: "/hf",
    body: "x",
    headers: { Foo: "blah" },
  },
  {
    section: "body_filter_by_lua",
    server: `location = /bf { body_filter_by_ts_block { ngx.arg[1] = ngx.arg[1].toUpperCase(); }
      content_by_ts_block { ngx.say("hello world"); } }`,
    get: "/bf",
    body: "HELLO WORLD\n",
  },
  {
    section: "body_filter_by_lua: the chunk that ends it",
    server: `location = /bf2 {
      body_filter_by_ts_block {
        const chunk = ngx.arg[1];
        if (chunk.includes("hello")) { ngx.arg[2] = true; return; }
        ngx.arg[1] = null;
      }
      content_by_ts_block { ngx.say("hello world"); await ngx.flush(); ngx.say("hiya globe"); } }`,
    get: "/bf2",
    body: "hello world\n",
  },
  {
    section: "ngx.var.VARIABLE",
    server: `location = /var { set $my_var ''; content_by_ts_block { ngx.var.my_var = 123; ngx.say("my_var = ", ngx.var.my_var); } }`,
    get: "/var",
    body: "my_var = 123\n",
  },
  {
    section: "ngx.ctx",
    server: `location /ctx {
      rewrite_by_ts_block { ngx.ctx.foo = 76; }
      access_by_ts_block { ngx.ctx.foo = ngx.ctx.foo + 3; }
      content_by_ts_block { ngx.say(ngx.ctx.foo); } }`,
    get: "/ctx",
    body: "79\n",
  },
  {
    section: "ngx.ctx: every request has its own, subrequests too",
    server: `location /sub { content_by_ts_block { ngx.say("sub pre: ", ngx.ctx.blah); ngx.ctx.blah = 32; ngx.say("sub post: ", ngx.ctx.blah); } }
      location /main { content_by_ts_block {
        ngx.ctx.blah = 73;
        ngx.say("main pre: ", ngx.ctx.blah);
        const res = await ngx.location.capture("/sub");
        ngx.print(res.body);
        ngx.say("main post: ", ngx.ctx.blah);
      } }`,
    get: "/main",
    body: "main pre: 73\nsub pre: undefined\nsub post: 32\nmain post: 73\n",
  },
  {
    section: "ngx.location.capture: args",
    server: `location /cap { content_by_ts_block {
        const res = await ngx.location.capture("/inner?a=1", { args: { b: 3, c: ":" } });
        return res.status + " " + res.body;
      } }
      location /inner { content_by_ts_block { return ngx.var.args; } }`,
    get: "/cap",
    body: "200 a=1&b=3&c=%3A",
  },
  {
    section: "ngx.location.capture: share_all_vars",
    server: `location /other { set $dog "$dog world"; content_by_ts_block { return ngx.req.uri + " dog: " + ngx.var.dog; } }
      location /lua { set $dog 'hello'; content_by_ts_block {
        const res = await ngx.location.capture("/other", { shareAllVars: true });
        ngx.print(res.body); ngx.say(ngx.var.uri, ": ", ngx.var.dog);
      } }`,
    get: "/lua",
    body: "/other dog: hello world/lua: hello world\n",
  },
  {
    section: "ngx.location.capture: copy_all_vars",
    server: `location /other2 { set $dog2 "$dog2 world"; content_by_ts_block { return ngx.req.uri + " dog: " + ngx.var.dog2; } }
      location /lua2 { set $dog2 'hello'; content_by_ts_block {
        const res = await ngx.location.capture("/other2", { copyAllVars: true });
        ngx.print(res.body); ngx.say(ngx.var.uri, ": ", ngx.var.dog2);
      } }`,
    get: "/lua2",
    body: "/other2 dog: hello world/lua2: hello\n",
  },
  {
    section: "ngx.location.capture_multi",
    server: `location /multi { content_by_ts_block {
        const [res1, res2, res3] = await ngx.location.captureMulti([
          ["/m", { args: "a=3&b=4" }], ["/m"], ["/m", { method: "POST", body: "hello" }],
        ]);
        ngx.say([res1.body, res2.status, res3.body].join(" "));
      } }
      location /m { content_by_ts_block { return (ngx.var.args ?? "") + (await ngx.req.text()); } }`,
    get: "/multi",
    body: "a=3&b=4 200 hello\n",
  },
  {
    section: "ngx.status",
    server: `location /st { content_by_ts_block { ngx.status = ngx.HTTP_GONE; ngx.say("This is our own content"); ngx.exit(ngx.HTTP_OK); } }`,
    get: "/st",
    status: 410,
    body: "This is our own content\n",
  },
  {
    section: "ngx.header.HEADER: several values, and reading",
    server: `location /hd { content_by_ts_block {
        ngx.header["Set-Cookie"] = ["a=32; path=/", "b=4; path=/"];
        ngx.header.content_type = "text/x-own";
        ngx.say(ngx.header["Content-Type"], " ", ngx.header["set-cookie"].length);
      } }`,
    get: "/hd",
    body: "text/x-own 2\n",
    headers: { "Content-Type": "text/x-own", "Set-Cookie": "a=32; path=/, b=4; path=/" },
  },
  {
    section: "ngx.req.get_uri_args",
    server: `location = /args { content_by_ts_block {
        const args = ngx.req.getUriArgs();
        for (const [key, value] of Object.entries(args)) ngx.say(key, ": ", Array.isArray(value) ? value.join(", ") : value);
      } }`,
    get: "/args?foo=bar&bar=baz&bar=blah",
    body: "foo: bar\nbar: baz, blah\n",
  },
  {
    section: "ngx.req.get_uri_args: without values, and with empty ones",
    server: "location = /args2 { content_by_ts_block { return ngx.req.getUriArgs(); } }",
    get: "/args2?foo&bar=&a%20b=1%61+2",
    body: '{"foo":true,"bar":"","a b":"1a 2"}',
  },
  {
    section: "ngx.req.set_uri and set_uri_args",
    server: `location /orig { rewrite_by_ts_block { ngx.req.setUriArgs({ a: 3, b: [5, 6] }); ngx.req.setUri("/foo-bar", true); } content_by_ts_block { return "no"; } }
      location /foo-bar { content_by_ts_block { return ngx.var.uri + "?" + ngx.var.args; } }`,
    get: "/orig",
    body: "/foo-bar?a=3&b=5&b=6",
  },
  {
    section: "ngx.exec",
    server: `location /ex { content_by_ts_block { ngx.exec("/some-location", { a: 3, b: [5, 6] }); } }
      location /some-location { content_by_ts_block { return ngx.var.args; } }`,
    get: "/ex",
    body: "a=3&b=5&b=6",
  },
  {
    section: "ngx.redirect",
    server: 'location /rd { content_by_ts_block { return ngx.redirect("/foo"); } }',
    get: "/rd",
    status: 302,
    body: /<h1>302 /,
    headers: { Location: "/foo" },
  },
  {
    section: "ngx.print: nested arrays",
    server: `location /pr { content_by_ts_block { ngx.print(["hello, ", ["world: ", true, " or ", false, [": ", null]]]); } }`,
    get: "/pr",
    body: "hello, world: true or false: null",
  },
  {
    section: "ngx.escape_uri, unescape_uri",
    server: `location /es { content_by_ts_block { ngx.say(ngx.escapeUri("b r56+7"), " ", ngx.unescapeUri("b%20r56+7")); } }`,
    get: "/es",
    body: "b%20r56%2B7 b r56 7\n",
  },
  {
    section: "ngx.encode_args, decode_args",
    server: `location /ea { content_by_ts_block { ngx.say(ngx.encodeArgs({ foo: 3, "b r": "hello world" }), " ", ngx.encodeArgs({ baz: [32, "hello"] }), " ", JSON.stringify(ngx.decodeArgs("a=b&c"))); } }`,
    get: "/ea",
    body: 'foo=3&b%20r=hello%20world baz=32&baz=hello {"a":"b","c":true}\n',
  },
  {
    section: "ngx.re.match: named captures",
    server: String.raw`location /rm { content_by_ts_block {
        const m = ngx.re.match("hello, 1234", "([0-9])(?<remaining>[0-9]+)");
        ngx.say(m[0], " ", m[1], " ", m[2], " ", m.remaining);
      } }`,
    get: "/rm",
    body: "1234 1 234 234\n",
  },
  {
    section: "ngx.re.find",
    server: `location /rf { content_by_ts_block {
        const s = "hello, 1234";
        const [from, to] = ngx.re.find(s, "([0-9]+)", "jo");
        ngx.say("from: ", from, " to: ", to, " matched: ", s.slice(from - 1, to));
      } }`,
    get: "/rf",
    body: "from: 8 to: 11 matched: 1234\n",
  },
  {
    section: "ngx.re.gsub",
    server: `location /rg { content_by_ts_block { ngx.say(ngx.re.gsub("hello, world", "([a-z])[a-z]+", "[$0,$1]", "i").join(" ")); } }`,
    get: "/rg",
    body: "[hello,h], [world,w] 2\n",
  },
  {
    section: "ngx.shared.DICT",
    server: `location /set { content_by_ts_block { const { dogs } = ngx.shared; dogs.set("Jim", 8); return "STORED"; } }
      location /get { content_by_ts_block { const { dogs } = ngx.shared; dogs.set("Jim", 8); return String(dogs.get("Jim")); } }`,
    get: "/get",
    body: "8",
  },
  {
    section: "ngx.on_abort and ngx.req.start_time, request in time",
    server: `location /rt { content_by_ts_block { ngx.onAbort(() => {}); return String(ngx.now() - ngx.req.startTime() < 5); } }`,
    get: "/rt",
    body: "true",
  },
];
