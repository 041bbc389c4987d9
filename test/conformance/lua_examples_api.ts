import type { Row } from "./lua_examples.ts";

let paths = 0;

/** A function that a content handler shows. */
function shown(section: string, script: string, body: string | RegExp, more: Partial<Row> = {}): Row {
  const path = `/api/${++paths}`;
  const { get = "", ...rest } = more;
  const server = `location = ${path} { content_by_ts_block { ${script} } }`;
  return { section, server, body, ...rest, get: path + get };
}

const form = { send: "foo=bar&bar=baz&bar=blah" };
const decode = "const { dogs } = ngx.shared; dogs.flushAll(); dogs.flushExpired();";

/** What the documentation says of single functions, where it has no location of its own. */
export const functions: readonly Row[] = [
  shown("Core constants", "ngx.say([ngx.OK, ngx.ERROR, ngx.AGAIN, ngx.DONE, ngx.DECLINED].join());", "0,-1,-2,-4,-5\n"),
  shown("HTTP status constants", "ngx.say(ngx.HTTP_NOT_FOUND, ngx.HTTP_CLOSE);", "404444\n"),
  shown("HTTP method constants", "ngx.say(ngx.req.getMethod() === ngx.HTTP_GET);", "true\n"),
  shown("Nginx log level constants", "ngx.say(ngx.STDERR, ngx.ERR, ngx.DEBUG);", "048\n"),
  shown("ngx.log", 'ngx.log(ngx.WARN, "one ", 2, " ", null); ngx.print("logged");', "logged"),
  shown("ngx.say", 'ngx.say("a", 1, true, ["b", ["c"]]); ngx.say();', "a1truebc\n\n"),
  shown(
    "ngx.flush, headers_sent",
    'const before = ngx.headersSent; ngx.print("a"); await ngx.flush(true); ngx.print(before, ngx.headersSent);',
    "afalsetrue",
  ),
  shown("ngx.send_headers", 'ngx.header.x_a = "1"; await ngx.sendHeaders(); ngx.print(ngx.headersSent);', "true", {
    headers: { "X-A": "1" },
  }),
  shown("ngx.eof", 'ngx.say("got the task!"); await ngx.eof(); ngx.ctx.done = ngx.print("more");', "got the task!\n"),
  shown("ngx.exit: 503", "ngx.exit(503);", /503 /, { status: 503 }),
  shown(
    "ngx.sleep",
    "const from = performance.now(); await ngx.sleep(0.01); return performance.now() - from > 9;",
    "true",
  ),
  shown("ngx.get_phase", "return ngx.getPhase();", "content"),
  shown("ngx.is_subrequest", "return [ngx.isSubrequest, ngx.req.isSubrequest()];", "[false,false]"),
  shown(
    "ngx.resp.get_headers",
    'ngx.header.x_b = ["1", "2"]; const h = ngx.resp.getHeaders(); return h["x-b"];',
    '["1","2"]',
  ),

  shown("ngx.req.is_internal", "return ngx.req.isInternal();", "false"),
  shown("ngx.req.http_version", "return ngx.req.httpVersion();", "1.1"),
  shown(
    "ngx.req.raw_header",
    "return ngx.req.rawHeader();",
    /^GET \/api\/\d+ HTTP\/1\.1\r\nHost: [^\r]+\r\nFoo: bar\r\n\r\n$/,
    {
      headersIn: { Foo: "bar" },
    },
  ),
  shown("ngx.req.raw_header(true)", "return ngx.req.rawHeader(true);", /^Host: [^\r]+\r\nFoo: bar\r\n\r\n$/, {
    headersIn: { Foo: "bar" },
  }),
  shown("ngx.req.set_method", "ngx.req.setMethod(ngx.HTTP_POST); return ngx.var.request_method;", "POST"),
  shown("ngx.req.get_headers", 'return ngx.req.getHeaders()["foo"];', '["foo","bar","baz"]', {
    headersIn: { Foo: ["foo", "bar", "baz"] },
  }),
  shown(
    "ngx.req.set_header, several values; clear_header",
    'ngx.req.setHeader("Foo", ["a", "abc"]); ngx.req.clearHeader("X-Old"); const h = ngx.req.getHeaders(); return [h.foo, h["x-old"] ?? null];',
    '[["a","abc"],null]',
    { headersIn: { Foo: "old", "X-Old": "1" } },
  ),
  shown(
    "ngx.req.get_uri_args: a limit",
    "const a = ngx.req.getUriArgs(1); return [a, ngx.req.truncated];",
    '[{"a":"1"},true]',
    {
      get: "?a=1&b=2",
    },
  ),
  shown(
    "ngx.req.read_body, get_post_args",
    "await ngx.req.readBody(); return ngx.req.getPostArgs();",
    '{"foo":"bar","bar":["baz","blah"]}',
    form,
  ),
  shown(
    "ngx.req.get_body_data",
    "await ngx.req.readBody(); return [ngx.req.getBodyData(), ngx.req.getBodyData(3)];",
    '["foo=bar&bar=baz&bar=blah","foo"]',
    form,
  ),
  shown("ngx.req.get_body_data: unread", "return ngx.req.getBodyData() === undefined;", "true", form),
  shown(
    "ngx.req.get_body_file, of a large body",
    "await ngx.req.readBody(); return [/[.]body$/.test(ngx.req.getBodyFile()), ngx.req.getBodyData().length];",
    "[true,100000]",
    { send: "x".repeat(100_000) },
  ),
  shown("ngx.req.discard_body", "await ngx.req.discardBody(); return ngx.req.getBodyData() ?? null;", "", {
    ...form,
    status: 200,
  }),
  shown(
    "ngx.req.set_body_data",
    'await ngx.req.readBody(); ngx.req.setBodyData("new body"); return [ngx.req.getBodyData(), ngx.req.header("content-length")];',
    '["new body","8"]',
    form,
  ),
  shown(
    "ngx.req.set_body_file",
    'await ngx.req.readBody(); await ngx.req.setBodyFile(ngx.config.prefix() + "html/body.txt"); return ngx.req.getBodyData();',
    "from a file",
    form,
  ),
  shown(
    "ngx.req.init_body, append_body, finish_body",
    'ngx.req.initBody(); for await (const chunk of ngx.req.stream()) ngx.req.appendBody(chunk.toString().toUpperCase()); ngx.req.appendBody("!"); ngx.req.finishBody(); return ngx.req.getPostArgs();',
    '{"FOO":"BAR","BAR":["BAZ","BLAH!"]}',
    form,
  ),

  shown("ngx.encode_base64", 'return [ngx.encodeBase64("foo?"), ngx.encodeBase64("a", true)];', '["Zm9vPw==","YQ"]'),
  shown("ngx.decode_base64", 'return [ngx.decodeBase64("Zm9vPw=="), ngx.decodeBase64("*")];', '["foo?",null]'),
  shown("ngx.decode_base64mime", 'return ngx.decodeBase64Mime("Zm9v\\r\\nPw==");', "foo?"),
  shown(
    "ngx.crc32_short, crc32_long",
    'return [ngx.crc32Short("hello"), ngx.crc32Long("hello")];',
    "[907060870,907060870]",
  ),
  shown(
    "ngx.hmac_sha1",
    'return ngx.encodeBase64(ngx.hmacSha1("thisisverysecretstuff", "some string we want to sign"));',
    "R/pvxzHC4NLtj7S+kXFg/NePTmk=",
  ),
  shown("ngx.md5", 'return ngx.md5("hello");', "5d41402abc4b2a76b9719d911017c592"),
  shown("ngx.md5_bin, sha1_bin", 'return [ngx.md5Bin("hello").length, ngx.sha1Bin("hello").length];', "[16,20]"),
  shown("ngx.quote_sql_str", 'return ngx.quoteSqlStr("it\'s");', "'it\\'s'"),

  shown(
    "ngx.today, localtime, utctime",
    "return [ngx.today(), ngx.localtime(), ngx.utctime()].join();",
    /^[\d-]{10},[\d-]{10} [\d:]{8},[\d-]{10} [\d:]{8}$/,
  ),
  shown(
    "ngx.time, now, update_time",
    "ngx.updateTime(); return Number.isInteger(ngx.time()) && Math.abs(ngx.now() - Date.now() / 1000) < 60;",
    "true",
  ),
  shown("ngx.cookie_time", "return ngx.cookieTime(1290079655);", "Thu, 18-Nov-10 11:27:35 GMT"),
  shown("ngx.http_time", "return ngx.httpTime(1290079655);", "Thu, 18 Nov 2010 11:27:35 GMT"),
  shown("ngx.parse_http_time", 'return ngx.parseHttpTime("Thu, 18 Nov 2010 11:27:35 GMT");', "1290079655"),

  shown(
    "ngx.re.match: ctx.pos",
    String.raw`const ctx = { pos: 2 }; const m = ngx.re.match("1234, hello", "[0-9]+", "", ctx); return [m[0], ctx.pos];`,
    '["234",5]',
  ),
  shown(
    "ngx.re.gmatch",
    'return [...ngx.re.gmatch("hello, world!", "([a-z]+)", "i")].map((m) => m[1]);',
    '["hello","world"]',
  ),
  shown(
    "ngx.re.sub",
    'return [ngx.re.sub("hello, 1234", "([0-9])[0-9]", "[$0][$1]"), ngx.re.sub("hello, 1234", "[0-9]", "${0}00")];',
    '[["hello, [12][1]34",1],["hello, 100234",1]]',
  ),
  shown("ngx.re.sub: a dollar sign", 'return ngx.re.sub("hello, 1234", "[0-9]", "$$");', '["hello, $234",1]'),

  shown(
    "ngx.shared.DICT: set, get, add, replace, delete",
    `${decode} return [dogs.set("a", 1), dogs.add("a", 2), dogs.replace("b", 1), dogs.get("a"), dogs.delete("a"), dogs.get("a") ?? null];`,
    '[true,"exists","not found",1,true,null]',
  ),
  shown(
    "ngx.shared.DICT: safe_set, safe_add",
    `${decode} return [dogs.safeSet("a", "x"), dogs.safeAdd("a", "y"), dogs.safeAdd("b", "z")];`,
    '[true,"exists",true]',
  ),
  shown(
    "ngx.shared.DICT.incr",
    `${decode} return [dogs.incr("n", 1), dogs.incr("n", 1, 0), dogs.incr("n", 2.5)];`,
    '["not found",1,3.5]',
  ),
  shown(
    "ngx.shared.DICT.incr: init_ttl",
    `${decode} dogs.incr("black", 1, 0, 0.01); await ngx.sleep(0.05); return dogs.get("black") ?? null;`,
    "",
  ),
  shown(
    "ngx.shared.DICT: ttl, expire",
    `${decode} dogs.set("t", 1); const none = dogs.ttl("t"); dogs.expire("t", 50); const some = dogs.ttl("t"); return [none, some > 45 && some <= 50, dogs.ttl("nobody")];`,
    '[0,true,"not found"]',
  ),
  shown(
    "ngx.shared.DICT.get_stale",
    `${decode} dogs.set("s", 1, 0.005); await ngx.sleep(0.02); const { value, stale } = dogs.getStale("s"); return [dogs.get("s") ?? null, value, stale];`,
    "[null,1,true]",
  ),
  shown(
    "ngx.shared.DICT: lists",
    `${decode} dogs.lpush("l", "a"); dogs.rpush("l", "b"); return [dogs.llen("l"), dogs.lpop("l"), dogs.rpop("l"), dogs.llen("l")];`,
    '[2,"a","b",0]',
  ),
  shown(
    "ngx.shared.DICT: get_keys, flush_all, flush_expired",
    `${decode} dogs.set("k1", 1); dogs.set("k2", 2); const keys = dogs.getKeys(); dogs.flushAll(); return [keys, dogs.getKeys(0), dogs.flushExpired()];`,
    '[["k1","k2"],[],2]',
  ),
  shown(
    "ngx.shared.DICT: capacity, free_space",
    "const { dogs } = ngx.shared; return [dogs.capacity(), dogs.freeSpace() <= dogs.capacity()];",
    "[1048576,true]",
  ),

  shown(
    "ngx.timer.at, every, counts",
    "const timer = ngx.timer.every(60, () => {}); const n = ngx.timer.pendingCount(); const ok = timer.cancel(); return [n > 0, ngx.timer.runningCount(), ok];",
    "[true,0,true]",
  ),
  shown(
    "ngx.worker",
    "return [ngx.worker.count(), ngx.worker.pids().length, ngx.worker.exiting(), [0, 1].includes(ngx.worker.id()), ngx.worker.pid() === process.pid];",
    "[2,2,false,true,true]",
  ),
  shown(
    "ngx.config",
    "return [ngx.config.subsystem, ngx.config.debug, ngx.config.prefix().endsWith('/')];",
    '["http",false,true]',
  ),
  shown(
    "ngx.semaphore",
    "const s = ngx.semaphore.new(1); const first = await s.wait(0); const late = await s.wait(0.005); s.post(2); return [first, late, s.count()];",
    "[true,false,2]",
  ),
  shown(
    "ngx.thread: wait for all",
    'const all = await Promise.all(["/api/bar?a", "/api/bar?b"].map((uri) => ngx.location.capture(uri))); return all.map((one) => one.body);',
    '["a","b"]',
  ),
  shown(
    "ngx.thread: wait for the first",
    'return await Promise.race([ngx.sleep(5).then(() => "slow"), ngx.location.capture("/api/bar?fast").then((one) => one.body)]);',
    "fast",
  ),
  {
    section: "ngx.location.capture: of another location",
    server: "location = /api/bar { content_by_ts_block { return ngx.var.args; } }",
    get: "/api/bar?c",
    body: "c",
  },
  {
    section: "ngx.redirect: 301, and arguments",
    server:
      'location = /api/moved { content_by_ts_block { return ngx.redirect("/foo?" + ngx.encodeArgs({ a: "b c" }), 301); } }',
    get: "/api/moved",
    status: 301,
    body: /301/,
    headers: { Location: "/foo?a=b%20c" },
  },
  {
    section: "server_rewrite_by_lua_block, precontent_by_lua_block, log_by_lua_block",
    server: `location = /api/phases {
      rewrite_by_ts_block { ngx.ctx.phases = [ngx.getPhase()]; }
      access_by_ts_block { ngx.ctx.phases.push(ngx.getPhase()); }
      precontent_by_ts_block { ngx.ctx.phases.push(ngx.getPhase()); }
      content_by_ts_block { return ngx.ctx.phases; }
      log_by_ts_block { ngx.shared.dogs.set("phase", ngx.getPhase()); }
    }`,
    get: "/api/phases",
    body: '["rewrite","access","precontent"]',
  },
];
