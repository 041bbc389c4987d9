// Handlers over HTTP/2, which comes through another adapter: by prior knowledge, on one connection.
import { expect, test } from "bun:test";
import { type ClientHttp2Session, type ClientHttp2Stream, connect, type OutgoingHttpHeaders } from "node:http2";
import { start, until } from "../lib/index.ts";

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

function open(session: ClientHttp2Session, path: string, headers: OutgoingHttpHeaders = {}): ClientHttp2Stream {
  return session.request({ ":path": path, ...headers });
}

/** Asks for a whole answer. */
function ask(session: ClientHttp2Session, path: string, body?: string | Uint8Array): Promise<Answer> {
  const stream = open(session, path, { ":method": body === undefined ? "GET" : "POST", "x-two": ["a", "b"] });
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  let headers: Record<string, unknown> = {};
  const chunks: Buffer[] = [];
  stream.on("response", (head) => (headers = head));
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  stream.on("end", () =>
    resolve({ status: Number(headers[":status"]), headers, body: Buffer.concat(chunks).toString() }),
  );
  stream.on("error", reject);
  stream.on("close", () => reject(new Error("the stream was closed")));
  stream.end(body);
  return promise;
}

/** What curl says of a stream that was reset: Bun's own client would wait for more of it (1.4.5). */
const resetByServer = 92;

function curlExit(url: string): number {
  const words = ["curl", "--silent", "--http2-prior-knowledge", "--max-time", "20", url];
  return Bun.spawnSync(words, { stdout: "ignore", stderr: "ignore" }).exitCode;
}

const server = `
  http2 on;
  handlers handlers;
  location = /json { content_by_ts_block { return { version: ngx.req.httpVersion(), two: ngx.req.header("x-two"), uri: ngx.req.uri, args: ngx.req.getUriArgs() }; } }
  location = /body { content_by_ts_block { const text = await ngx.req.text(); return text.length + " " + text.slice(-3); } }
  location = /chunks { content_by_ts_block { let bytes = 0; for await (const chunk of ngx.req.stream()) bytes += chunk.length; return String(bytes); } }
  location = /limit { client_max_body_size 10; content_by_ts_block { return await ngx.req.text(); } }
  location = /say { content_by_ts_block { ngx.header.x_a = "1"; ngx.status = 201; ngx.say("a"); await ngx.flush(); ngx.say("b"); } }
  location = /events { content_by_ts_block { await ngx.sendEvent({ data: { n: 1 } }); await ngx.sendEvent("two"); } }
  location = /exit { content_by_ts_block { ngx.exit(403); } }
  location = /redirect { content_by_ts_block { return ngx.redirect("/json"); } }
  location = /throw { content_by_ts_block { throw new Error("over h2"); } }
  location = /inner { internal; content_by_ts_block { ngx.header.x_inner = "yes"; return ngx.req.method + (await ngx.req.text()); } }
  location = /capture { content_by_ts_block {
    const [a, b] = await ngx.location.captureMulti([["/inner"], ["/inner", { method: "POST", body: "!" }]]);
    return [a.body, b.body, a.header["x-inner"]];
  } }
  location = /trailer { add_trailer X-Sum "1"; content_by_ts_block { ngx.say("with a trailer"); } }
  location = /filtered {
    header_filter_by_ts_block { ngx.header.x_filtered = "yes"; }
    body_filter_by_ts_block { ngx.arg[1] = ngx.arg[1].toUpperCase(); }
    content_by_ts_block { ngx.print("ab"); await ngx.flush(); ngx.print("cd"); }
  }
  location = /raw { content_by_ts_block { return ngx.req.rawHeader(); } }
  location = /socket { content_by_ts_block { ngx.websocket(); } }
  location = /stalled { handler_timeout 400ms; content_by_ts_block { ngx.print("x".repeat(1000)); await ngx.flush(); await new Promise(() => {}); } }
  location = /broken { content_by_ts_block { return (async function* () { yield "a"; yield "b"; await ngx.sleep(0.01); throw new Error("half way"); })(); } }
  location = /flood { content_by_ts_block {
    const { seen } = ngx.shared;
    return (async function* () {
      try { for (let i = 0; i < 400; i++) { seen.incr("chunks", 1, 0); yield "x".repeat(65536); } }
      finally { seen.set("flooded", true); }
    })();
  } }
  location = /wait { content_by_ts_block {
    ngx.onAbort(() => ngx.shared.seen.set("aborted", true));
    ngx.shared.seen.set("waiting", true);
    await new Promise((resolve) => ngx.signal.addEventListener("abort", resolve));
    ngx.shared.seen.set("ended", true);
  } }
  location = /seen { content_by_ts_block { return String(ngx.shared.seen.get(ngx.req.arg("key"))); } }
`;

test("handlers answer over HTTP/2 as they do over HTTP/1", async () => {
  await using running = await start({
    http: "shared_dict seen 1m;",
    server: `listen 127.0.0.1:%port%; ${server}`,
    handlers: {
      "user/[id].ts":
        'import type { Ngx } from "resty";\nexport const GET = (ngx: Ngx) => ({ id: ngx.req.params.id });\n' +
        "export const POST = async (ngx: Ngx) => ({ posted: await ngx.req.json() });\n",
    },
    allow: [/./],
  });
  const session = connect(`http://127.0.0.1:${running.port()}`);
  const seen = async (key: string): Promise<string> => (await ask(session, `/seen?key=${key}`)).body;
  try {
    const big = "y".repeat(1_000_000) + "end";
    const rows: [path: string, body: string | undefined, status: number, answer: string | RegExp, headers?: object][] =
      [
        ["/json?a=1&a=2", undefined, 200, '{"version":2,"two":"a, b","uri":"/json","args":{"a":["1","2"]}}'],
        ["/body", big, 200, `${big.length} end`],
        ["/body", "", 200, "0 "],
        ["/chunks", big, 200, String(big.length)],
        ["/limit", "x".repeat(30), 413, /413/],
        ["/say", undefined, 201, "a\nb\n", { "x-a": "1" }],
        ["/events", undefined, 200, 'data: {"n":1}\n\ndata: two\n\n', { "content-type": "text/event-stream" }],
        ["/exit", undefined, 403, /403 Forbidden/],
        ["/redirect", undefined, 302, /302 Found/, { location: "/json" }],
        ["/throw", undefined, 500, /500/],
        ["/capture", undefined, 200, '["GET","POST!","yes"]'],
        ["/trailer", undefined, 200, "with a trailer\n"],
        ["/filtered", undefined, 200, "ABCD", { "x-filtered": "yes" }],
        ["/raw", undefined, 500, /500/],
        ["/socket", undefined, 426, /426/],
        ["/user/7", undefined, 200, '{"id":"7"}'],
        ["/user/7", '{"a":1}', 200, '{"posted":{"a":1}}'],
      ];
    // All at once, on the one connection.
    await Promise.all(
      rows.map(async ([path, body, status, text, headers = {}]) => {
        const answer = await ask(session, path, body);
        expect({ path, status: answer.status, body: answer.body }).toEqual({
          path,
          status,
          body: typeof text === "string" ? text : expect.stringMatching(text),
        });
        expect(answer.headers).toMatchObject(headers as Record<string, unknown>);
      }),
    );
    await running.logged(/content_by_ts_block failed: Error: over h2/);
    await running.logged(/there is no raw header in HTTP\/2/);

    // What cannot be finished resets its stream, and leaves the connection to the others.
    expect(curlExit(running.url("/stalled"))).toBe(resetByServer);
    await running.logged(/content_by_ts_block in \S+nginx\.conf:\d+ has not sent anything for 400 ms/);
    expect(curlExit(running.url("/broken"))).toBe(resetByServer);
    await running.logged(/content_by_ts_block failed: Error: half way/);
    expect(running.output()).not.toContain("ClientGone");

    // A client that goes is noticed.
    const waiting = open(session, "/wait");
    waiting.on("error", () => undefined);
    await until("the handler", async () => (await seen("waiting")) === "true");
    waiting.close(8);
    await until("the handler's end", async () => (await seen("ended")) === "true");
    expect(await seen("aborted")).toBe("true");

    // 26 MB wait for a client that does not read.
    const flood = open(session, "/flood");
    let bytes = 0;
    const flowing = Promise.withResolvers<void>();
    flood.on("response", () => flowing.resolve());
    flood.pause();
    await flowing.promise;

    let last = -1;
    await until("the stream to stop", async () => {
      const now = Number(await seen("chunks"));
      const stopped = now === last;
      last = now;
      await Bun.sleep(100);
      return stopped;
    });
    expect(last).toBeLessThan(400);
    flood.on("data", (chunk: Buffer) => (bytes += chunk.length));
    const ended = new Promise((resolve) => flood.on("end", resolve));
    flood.resume();
    await ended;
    expect(bytes).toBe(400 * 65536);
  } finally {
    session.destroy();
  }
}, 60_000);
