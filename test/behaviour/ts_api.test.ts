import { expect, test } from "bun:test";
import { block, start, until } from "../lib/index.ts";

block("capture: status, headers, body, arguments, methods, bodies", {
  server: `
    location = /inner { internal; content_by_ts_block {
      ngx.header.x_inner = "yes";
      ngx.status = 202;
      ngx.header["Set-Cookie"] = ["a=1", "b=2"];
      return ngx.req.method + " " + ngx.req.queryString + " " + (await ngx.req.text()) + " " + ngx.req.isSubrequest() + " " + (ngx.req.header("x-own") ?? "-");
    } }
    location = /plain { return 200 "static"; }
    location = /get { content_by_ts_block {
      const res = await ngx.location.capture("/inner?a=1", { args: { b: "2 3" }, headers: { "X-Own": "h" } });
      return { status: res.status, cookies: res.header["set-cookie"], inner: res.header["x-inner"], body: res.body, truncated: res.truncated };
    } }
    location = /post { content_by_ts_block { await ngx.req.readBody(); return (await ngx.location.capture("/inner", { method: "POST" })).body; } }
    location = /body { content_by_ts_block { return (await ngx.location.capture("/inner", { method: "PUT", body: "given" })).body; } }
    location = /multi { content_by_ts_block {
      const answers = await ngx.location.captureMulti([["/plain"], ["/missing"], ["/inner", { args: "x=1" }]]);
      return answers.map((answer) => answer.status).join();
    } }
    location = /named { content_by_ts_block { await ngx.location.capture("@name"); } }
    location = /loop { content_by_ts_block { return (await ngx.location.capture("/loop")).status.toString(); } }
  `,
  steps: [
    {
      get: "/get",
      body: '{"status":202,"cookies":["a=1","b=2"],"inner":"yes","body":"GET a=1&b=2%203  true h","truncated":false}',
    },
    { post: "/post", send: "from the client", body: "POST  from the client true -" },
    { get: "/body", body: "PUT  given true -" },
    { get: "/multi", body: "200,404,202" },
    { get: "/named", status: 500 },
    { get: "/inner", status: 404 },
  ],
  errorLog: [/there is no location for "@name" to capture/],
});

block("capture: variables and ctx are the subrequest's own unless they are shared", {
  server: `
    set $v "outer";
    location = /sub { rewrite_by_ts_block { ngx.ctx.seen = ngx.var.v; ngx.var.v = "changed"; } content_by_ts_block { return ngx.var.v; } }
    location = /vars { content_by_ts_block {
      const ctx = {};
      const one = await ngx.location.capture("/sub", { vars: { v: "given" }, ctx });
      const two = ngx.var.v;
      await ngx.location.capture("/sub", { shareAllVars: true });
      return [one.body, ctx.seen, two, ngx.var.v].join();
    } }
  `,
  steps: [{ get: "/vars", body: "changed,outer,outer,changed" }],
});

block("the phases that a function may be used in are named when it is used elsewhere", {
  server: `
    location = /a { header_filter_by_ts_block { ngx.say("no"); } content_by_ts_block { return "x"; } }
    location = /b { log_by_ts_block { ngx.exit(200); } content_by_ts_block { return "x"; } }
    location = /c { set_by_ts_block $x { return ngx.redirect("/"); } return 200 "$x"; }
    location = /d { access_by_ts_block { ngx.websocket(); } content_by_ts_block { return "x"; } }
  `,
  steps: [
    { get: "/a", status: 500 },
    { get: "/b", status: 200 },
    { get: "/c", status: 500 },
    { get: "/d", status: 500 },
  ],
  errorLog: [
    /ngx\.say cannot be used in the header_filter phase; it can in server_rewrite, rewrite, access, precontent, content/,
    /ngx\.exit cannot be used in the log phase/,
    /ngx\.redirect cannot be used in the set phase/,
    /ngx\.websocket cannot be used in the access phase; it can in content/,
  ],
});

block("what only requests have is refused outside of them, by name", {
  http: `
    shared_dict seen 1m;
    init_worker_by_ts_block {
      const { seen } = ngx.shared;
      try { ngx.say("x"); } catch (error) { seen.set("init", error.message); }
      ngx.timer.at(0, () => { try { ngx.var.uri; } catch (error) { seen.set("timer", error.message); } });
    }
  `,
  server: `
    location = / { content_by_ts_block {
      import { ngx as outside } from "resty";
      const { seen } = ngx.shared;
      while (!seen.get("timer")) await ngx.sleep(0.001);
      let said;
      try { outside.req.method; } catch (error) { said = error.message; }
      return [seen.get("init"), seen.get("timer"), said].map((text) => text.split(";")[0]).join("|");
    } }
    location = /leaves-late { content_by_ts_block { void ngx.sleep(0.001).then(() => ngx.exit(403)); await ngx.sleep(0.1); return "went on"; } }
  `,
  steps: [
    {
      get: "/",
      body: "ngx.say cannot be used in the init_worker phase|ngx.var cannot be used in the init_worker phase|ngx.req cannot be used outside a request, or after it",
    },
    { get: "/leaves-late", status: 403 },
  ],
  noErrorLog: [/uncaught/],
});

block("regular expressions, encodings and times", {
  server: String.raw`
    location = /re { content_by_ts_block {
      const context = { pos: 1 };
      const first = ngx.re.match("hello, 1234 and 56", "([0-9])[0-9]+", "jo", context);
      return [
        first[0], first[1], context.pos,
        ngx.re.match("a", "(b)?a")[1],
        ngx.re.match("größe 12", "(?<n>\\d+)").n,
        ngx.re.find("hello, 1234", "([0-9]+)"),
        [...ngx.re.gmatch("a1b22", "\\d+")].map((m) => m[0]),
        ngx.re.sub("hello, 1234", "([0-9])[0-9]", "[$0][$1]"),
        ngx.re.gsub("Blue, grün", "\\w(\\w*)", (m) => m[0].toUpperCase()),
        ngx.re.gsub("a.b", "\\.", "$$"),
        ngx.re.split("a,b;c", "[,;]"),
        ngx.re.match("x", "y"),
      ];
    } }
    location = /bad { content_by_ts_block { ngx.re.match("a", "(b"); } }
    location = /code { content_by_ts_block {
      return [
        ngx.escapeUri("a b/ä"), ngx.unescapeUri("a%20b+c%zz"), ngx.encodeArgs({ a: 1, b: ["x y", true], c: null, d: true }),
        ngx.decodeArgs("a=1&b&a=2"), ngx.encodeBase64("hello"), ngx.decodeBase64("aGVsbG8"), ngx.decodeBase64("a*"),
        ngx.md5("hello"), ngx.sha1("hello"), ngx.hmac("sha256", "k", "d").toString("hex").slice(0, 8), ngx.crc32("hello"),
        ngx.quoteSqlStr("it's \"x\"\n"), ngx.httpTime(784111777), ngx.parseHttpTime("Sun, 06 Nov 1994 08:49:37 GMT"),
        ngx.cookieTime(1290079655), ngx.parseHttpTime("yesterday"),
      ];
    } }
  `,
  steps: [
    {
      get: "/re",
      body: JSON.stringify([
        "1234",
        "1",
        12,
        false,
        "12",
        [8, 11],
        ["1", "22"],
        ["hello, [12][1]34", 1],
        ["BLUE, GRüN", 3],
        ["a$b", 1],
        ["a", "b", "c"],
        null,
      ]),
    },
    { get: "/bad", status: 500 },
    {
      get: "/code",
      body: JSON.stringify([
        "a%20b%2F%C3%A4",
        "a b c%zz",
        "a=1&b=x%20y&b&d",
        { a: ["1", "2"], b: true },
        "aGVsbG8=",
        "hello",
        null,
        "5d41402abc4b2a76b9719d911017c592",
        "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d",
        "1f1b7a25".slice(0, 0) + new Bun.CryptoHasher("sha256", "k").update("d").digest("hex").slice(0, 8),
        907060870,
        "'it\\'s \\\"x\\\"\\n'",
        "Sun, 06 Nov 1994 08:49:37 GMT",
        784111777,
        "Thu, 18-Nov-10 11:27:35 GMT",
        null,
      ]),
    },
  ],
});

block("server-sent events", {
  server: `
    location = /events { content_by_ts_block {
      for (let i = 0; i < 3; i++) { await ngx.sendEvent({ event: "tick", id: String(i), data: { i } }); await ngx.sleep(0.001); }
      await ngx.sendEvent("two\\nlines");
    } }`,
  steps: [
    {
      get: "/events",
      headersOut: { "Content-Type": "text/event-stream", "Cache-Control": "no-cache" },
      body: 'event: tick\nid: 0\ndata: {"i":0}\n\nevent: tick\nid: 1\ndata: {"i":1}\n\nevent: tick\nid: 2\ndata: {"i":2}\n\ndata: two\ndata: lines\n\n',
    },
  ],
});

block("a semaphore lets so many in", {
  http: "init_worker_by_ts_block { globalThis.gate = ngx.semaphore.new(1); }",
  server: `
    location = /gate { content_by_ts_block {
      const first = await gate.wait(0);
      const second = await gate.wait(0.01);
      gate.post(1);
      return [first, second, await gate.wait(0), gate.count()].join() + String(gate.post(1) ?? "");
    } }`,
  steps: [{ get: "/gate", body: "true,false,true,0" }],
});

test("a WebSocket echoes text and bytes, and tells how it ended", async () => {
  await using server = await start({
    server: `
      location = /ws { content_by_ts_block {
        const socket = ngx.websocket({ protocol: "chat", messageBytesMax: 3000000 });
        for await (const message of socket) socket.send(typeof message === "string" ? "got " + message : message);
        ngx.log(ngx.WARN, "ended with ", socket.closeCode, " ", socket.closeReason);
      } }
      location = /fail { content_by_ts_block { const socket = ngx.websocket(); await socket.receive(); throw new Error("in a socket"); } }
    `,
  });
  expect((await server.get("/ws")).status).toBe(426);
  const url = `ws://127.0.0.1:${server.port()}`;
  const messages: unknown[] = [];
  const { promise: closed, resolve } = Promise.withResolvers<CloseEvent>();
  const socket = new WebSocket(`${url}/ws`, ["chat"]);
  socket.binaryType = "arraybuffer";
  const big = new Uint8Array(2_000_000).fill(7);
  socket.onopen = () => {
    expect(socket.protocol).toBe("chat");
    socket.send("hällo");
    socket.send(big);
  };
  socket.onmessage = ({ data }) => {
    messages.push(data);
    if (messages.length === 2) socket.close(4001, "bye");
  };
  socket.onclose = resolve;
  expect((await closed).code).toBe(4001);
  expect(messages[0]).toBe("got hällo");
  expect(Buffer.compare(Buffer.from(messages[1] as ArrayBuffer), Buffer.from(big))).toBe(0);
  await server.logged(/ended with 4001 bye/);

  const failing = new WebSocket(`${url}/fail`);
  const { promise: failed, resolve: onFailed } = Promise.withResolvers<CloseEvent>();
  failing.onopen = () => failing.send("x");
  failing.onclose = onFailed;
  expect((await failed).code).toBe(1011);
  await server.logged(/in a socket/);
});

test("a timer of one name runs on one worker, and workers know of each other", async () => {
  await using server = await start({
    workers: 2,
    http: `shared_dict seen 1m;
      init_worker_by_ts_block {
        ngx.timer.once("first", 0.05, () => ngx.shared.seen.incr("once", 1, 0));
        ngx.timer.everyOnce("tick", 0.2, () => ngx.shared.seen.incr("ticks", 1, 0));
        ngx.timer.at(0.1, () => ngx.shared.seen.incr("each", 1, 0));
      }`,
    server: `
      location = /seen { content_by_ts_block { return String(ngx.shared.seen.get(ngx.req.arg("key"))); } }
      location = /pids { content_by_ts_block { return { pids: ngx.worker.pids(), own: ngx.worker.pid(), id: ngx.worker.id(), count: ngx.worker.count() }; } }
    `,
  });
  const seen = async (key: string): Promise<string> => (await server.get(`/seen?key=${key}`)).text();
  await until("both workers' own timers", async () => (await seen("each")) === "2");
  expect(await seen("once")).toBe("1");
  const from = performance.now();
  const first = Number(await seen("ticks")) || 0;
  await until("five more ticks", async () => Number(await seen("ticks")) >= first + 5);
  expect(performance.now() - from).toBeGreaterThan(600); // twice as fast, were each worker to make them
  const { pids, own, id, count } = (await (await server.get("/pids")).json()) as {
    pids: number[];
    own: number;
    id: number;
    count: number;
  };
  expect(new Set(pids).size).toBe(2);
  expect(pids[id]).toBe(own);
  expect(count).toBe(2);
});

block("lines of the error log can be read", {
  http: "lua_capture_error_log 32k;",
  server: `location = /log { content_by_ts_block {
    ngx.log(ngx.WARN, "first"); ngx.log("error", "second ", { a: 1 });
    const logs = ngx.errlog.getLogs();
    return logs.filter((line) => /first|second/.test(line.message)).map((line) => line.level + ":" + /(first|second [^,]*)/.exec(line.message)[0]).join();
  } }`,
  steps: [{ get: "/log", body: 'warn:first,error:second {"a":1}' }],
});

test("sockets: lines, bytes, patterns, timeouts, and a pool", async () => {
  let connections = 0;
  using peer = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open: () => void connections++,
      data(socket, data) {
        const text = data.toString();
        if (text.startsWith("lines")) socket.write("one\r\ntwo\nthree==four");
        else if (text.startsWith("big")) socket.write(Buffer.alloc(100_000, 65));
        else if (text.startsWith("bye")) socket.end("the end");
        else if (text.startsWith("ping")) socket.write("pong\n");
      },
    },
  });
  await using server = await start({
    server: `
      location = /lines { content_by_ts_block {
        const socket = await ngx.socket.connect("127.0.0.1", ${peer.port});
        await socket.send(["li", "nes"]);
        const answer = [await socket.receive(), await socket.receive("*l"), await socket.receiveUntil("=="), await socket.receive(4)];
        await socket.send("big");
        answer.push((await socket.receiveBytes(100000)).length);
        await socket.send("bye");
        answer.push(await socket.receive("*a"));
        return answer;
      } }
      location = /pool { content_by_ts_block {
        const socket = ngx.socket.tcp();
        await socket.connect("127.0.0.1", ${peer.port});
        await socket.send("ping");
        const answer = await socket.receive();
        const times = socket.getReusedTimes();
        socket.setKeepalive(10000, 5);
        return answer + times;
      } }
      location = /timeout { content_by_ts_block {
        const socket = ngx.socket.tcp();
        socket.setTimeout(50);
        await socket.connect("127.0.0.1", ${peer.port});
        try { await socket.receive(); } catch (error) { return error.name + " " + error.message; }
      } }
      location = /refused { content_by_ts_block { try { await ngx.socket.connect("127.0.0.1", 1); } catch (error) { return error.name; } } }
    `,
  });
  const get = async (path: string): Promise<string> => (await server.get(path)).text();
  expect(JSON.parse(await get("/lines"))).toEqual(["one", "two", "three", "four", 100_000, "the end"]);
  const before = connections;
  expect(await get("/pool")).toBe("pong0");
  expect(await get("/pool")).toBe("pong1");
  expect(await get("/pool")).toBe("pong2");
  expect(connections - before).toBe(1);
  expect(await get("/timeout")).toBe("SocketError timeout");
  expect(await get("/refused")).toBe("SocketError");
});

block("ctx lives as long as the URI, what is kept as long as the request", {
  server: `
    error_page 404 /missing;
    location = /a { rewrite_by_ts_block { ngx.ctx.a = 1; ngx.ctx.kept = { b: 2 }; } content_by_ts_block { ngx.exec("/b"); } }
    location = /b { content_by_ts_block { return { a: ngx.ctx.a ?? null, b: ngx.ctx.kept.b, same: ngx.ctx === ngx.ctx }; } }
    location = /gone { access_by_ts_block { ngx.ctx.kept = "why"; ngx.exit(404); } content_by_ts_block { return "x"; } }
    location = /missing { internal; content_by_ts_block { return "missing: " + ngx.ctx.kept; } }
  `,
  steps: [
    { get: "/a", body: '{"a":null,"b":2,"same":true}' },
    { get: "/gone", status: 404, body: "missing: why" },
  ],
});

test("a client that goes away is noticed, and what is made for it ends", async () => {
  await using server = await start({
    http: "shared_dict seen 1m;",
    server: `
      location = /wait { content_by_ts_block {
        ngx.onAbort(() => { ngx.shared.seen.set("gone", "told"); });
        ngx.shared.seen.set("waiting", true);
        await new Promise((resolve) => ngx.signal.addEventListener("abort", resolve));
        ngx.shared.seen.set("ended", "yes");
      } }
      location = /stream { content_by_ts_block {
        const { seen } = ngx.shared;
        return (async function* () {
          try { for (;;) { yield "x".repeat(100000); seen.set("streaming", true); await ngx.sleep(0.001); } }
          finally { seen.set("closed", "yes"); }
        })();
      } }
      location = /seen { content_by_ts_block { return String(ngx.shared.seen.get(ngx.req.arg("key"))); } }
    `,
  });
  const seen = async (key: string): Promise<string> => (await server.get(`/seen?key=${key}`)).text();
  const waiting = await server.connect();
  waiting.request({ method: "GET", path: "/wait" });
  await until("the handler", async () => (await seen("waiting")) === "true");
  waiting[Symbol.dispose]();
  await until("the handler's end", async () => (await seen("ended")) === "yes");
  expect(await seen("gone")).toBe("told");
  const streaming = await server.connect();
  streaming.request({ method: "GET", path: "/stream" });
  await until("the stream", async () => (await seen("streaming")) === "true");
  streaming[Symbol.dispose]();
  await until("the stream's end", async () => (await seen("closed")) === "yes");
});

block("what runs Lua is refused by name, with the directive to write instead", {
  server: 'location / { content_by_lua_block { ngx.say("hi") } access_by_lua_file x.lua; }',
  refused: [
    /"content_by_lua_block" runs Lua, and resty runs TypeScript in .*nginx\.conf/,
    /expected content_by_ts_block/,
    /"access_by_lua_file" runs Lua/,
  ],
});

block("a balancer chooses the peer, also one that no directive names, and again for each try", {
  http: `
    upstream chosen { server 0.0.0.1:1; balancer_by_ts_block { return ngx.req.arg("to") === "b" ? "127.0.0.1:%port_b%" : "127.0.0.1:%port_a%"; } }
    upstream retried { server 127.0.0.1:1; server 127.0.0.1:%port_b%; balancer_by_ts_block { return tried.length === 0 ? peers[0] : peers[1]; } }
    upstream asked { server 0.0.0.1:1; server 0.0.0.2:1 backup; balancer_by_ts_block {
      const who = await (await ngx.fetch("http://127.0.0.1:%port_b%/")).text();
      return who === "b" ? "127.0.0.1:%port_b%" : undefined;
    } }
    upstream late { server 127.0.0.1:%port_a%; balancer_by_ts_block { await new Promise(() => {}); } }
    upstream backed { server 127.0.0.1:%port_a%; server 127.0.0.1:%port_b% backup; balancer_by_ts_block {
      await ngx.sleep(0.001);
      return peers.length > 0 && tried.length === 0 && peers[0].endsWith(":%port_a%") ? "127.0.0.1:1" : peers[0];
    } }
    upstream broken { server 127.0.0.1:%port_a%; balancer_by_ts_block { throw new Error("no idea"); } }
    upstream usual { server 127.0.0.1:%port_a%; balancer_by_ts_block { ngx.ctx.asked = true; } }
    server { listen 127.0.0.1:%port_a%; location / { return 200 "a"; } }
    server { listen 127.0.0.1:%port_b%; location / { return 200 "b"; } }
  `,
  server: `
    location = /chosen { proxy_pass http://chosen; }
    location = /retried { proxy_pass http://retried; }
    location = /asked { proxy_pass http://asked; }
    location = /late { handler_timeout 300ms; proxy_pass http://late; }
    location = /backed { proxy_pass http://backed; }
    location = /broken { proxy_pass http://broken; }
    location = /usual { proxy_pass http://usual; }
  `,
  steps: [
    { get: "/chosen?to=a", body: "a" },
    { get: "/chosen?to=b", body: "b" },
    { get: "/retried", status: 200, body: "b" },
    { get: "/asked", body: "b" },
    { get: "/late", status: 502 },
    { get: "/backed", body: "a" },
    { get: "/broken", status: 502 },
    { get: "/usual", body: "a" },
  ],
  errorLog: [
    /balancer_by_ts_block failed: Error: no idea/,
    /balancer_by_ts_block in \S+nginx\.conf:\d+ failed: Error: balancer_by_ts_block has not ended within 300 ms/,
  ],
});
