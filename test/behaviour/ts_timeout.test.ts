import { expect, test } from "bun:test";
import { block, start } from "../lib/index.ts";

block("a handler that does not answer in time is answered for", {
  server: `
    handler_timeout 300ms;
    location = /never { content_by_ts_block { await new Promise(() => {}); } }
    location = /late { content_by_ts_block { await ngx.sleep(0.8); ngx.say("late"); } }
    location = /told { content_by_ts_block {
      await new Promise((resolve) => ngx.signal.addEventListener("abort", resolve));
      ngx.log(ngx.WARN, "told: ", ngx.signal.reason.message);
    } }
    location = /ok { content_by_ts_block { return "ok"; } }
  `,
  steps: [
    { get: "/never", status: 504 },
    { get: "/late", status: 504 },
    { get: "/told", status: 504 },
    { get: "/ok", body: "ok" },
  ],
  errorLog: [
    /content_by_ts_block in \S+nginx\.conf:\d+ has not answered within 300 ms/,
    /told: handler_timeout is over/,
    /after its time was over, failed: Error: ngx\.say cannot be used/,
  ],
});

block("a handler that stops in the middle of its answer is cut off, and one that goes on is not", {
  server: `
    handler_timeout 300ms;
    location = /stalled { content_by_ts_block { ngx.say("begun"); await ngx.flush(); await new Promise(() => {}); } }
    location = /stream { content_by_ts_block { return (async function* () { yield "begun"; await new Promise(() => {}); })(); } }
    location = /readable { content_by_ts_block {
      return new Response(new ReadableStream({
        start(controller) { controller.enqueue("begun"); },
        cancel() { ngx.log(ngx.WARN, "the readable stream was cancelled"); },
      }));
    } }
    location = /steady { handler_timeout 2s; content_by_ts_block { for (let i = 0; i < 10; i++) { ngx.print(i); await ngx.flush(); await ngx.sleep(0.3); } } }
    location = /steady-stream { handler_timeout 2s; content_by_ts_block { return (async function* () { for (let i = 0; i < 10; i++) { yield String(i); await ngx.sleep(0.3); } })(); } }
    location = /after { content_by_ts_block { ngx.print("whole"); await ngx.eof(); await ngx.sleep(0.4); ngx.log(ngx.WARN, "went on after the end"); } }
    location = /upload { handler_timeout 2s; content_by_ts_block { return String((await ngx.req.text()).length); } }
  `,
  steps: [
    { get: "/after", body: "whole" },
    {
      get: "/after",
      async check(_answer, server) {
        const steady = async (path: string): Promise<void> =>
          expect(await (await server.get(path)).text()).toBe("0123456789");
        const cutOff = async (path: string): Promise<void> => {
          const said = await server.raw(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
          expect(said).toContain("begun");
          expect(said.endsWith("0\r\n\r\n")).toBe(false);
        };
        const upload = async (): Promise<void> => {
          // A client that takes its time to send is not the handler's fault.
          using connection = await server.connect();
          connection.write("POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n");
          for (let i = 0; i < 10; i++) {
            await Bun.sleep(300);
            connection.write("x");
          }
          expect((await connection.answer("POST")).body).toBe("10");
        };
        await Promise.all([
          ...["/steady", "/steady-stream"].map(steady),
          ...["/stalled", "/stream", "/readable"].map(cutOff),
          upload(),
        ]);
      },
    },
  ],
  errorLog: [
    /content_by_ts_block in \S+nginx\.conf:\d+ has not sent anything for 300 ms.*"GET \/stalled HTTP/,
    /content_by_ts_block in \S+nginx\.conf:\d+ has not sent anything for 300 ms.*"GET \/stream HTTP/,
    /content_by_ts_block in \S+nginx\.conf:\d+ has not sent anything for 300 ms.*"GET \/readable HTTP/,
    /the readable stream was cancelled/,
    /went on after the end/,
  ],
  accessLog: [/"GET \/stalled HTTP\/1.1" 200/, /"GET \/stream HTTP\/1.1" 200/],
});

block("filters and log scripts that never end hold nothing up", {
  server: `
    handler_timeout 300ms;
    location = /header { header_filter_by_ts_block { await new Promise(() => {}); } content_by_ts_block { return "x"; } }
    location = /header-of-static { header_filter_by_ts_block { await new Promise(() => {}); } return 200 "x"; }
    location = /body { body_filter_by_ts_block { await new Promise(() => {}); } content_by_ts_block { return "x"; } }
    location = /captured { handler_timeout 10s; content_by_ts_block { return [(await ngx.location.capture("/body")).truncated, (await ngx.location.capture("/header")).status]; } }
    location = /log { log_by_ts_block { await new Promise(() => {}); } return 200 "logged"; }
  `,
  steps: [
    { get: "/header", status: 504 },
    { get: "/header-of-static", status: 504 },
    {
      get: "/log",
      body: "logged",
      async check(_answer, server) {
        expect(await server.raw("GET /body HTTP/1.1\r\nHost: a\r\n\r\n")).toBe("");
        expect(await (await server.get("/captured")).text()).toBe("[true,504]");
      },
    },
  ],
  errorLog: [
    /header_filter_by_ts_block in \S+nginx\.conf:\d+ has not answered within 300 ms/,
    /body_filter_by_ts_block has not ended within 300 ms/,
    /log_by_ts_block in \S+nginx\.conf:\d+ has not ended within 300 ms/,
  ],
  accessLog: [/"GET \/log HTTP/, /"GET \/body HTTP/],
});

test("the first event of a stream does not wait for the second, nor an end for the handler's", async () => {
  await using server = await start({
    http: "shared_dict seen 1m;",
    server: `
      location = /events { content_by_ts_block {
        return (async function* () { yield "first"; while (!ngx.shared.seen.get("go")) await ngx.sleep(0.01); yield "second"; })();
      } }
      location = /eof { content_by_ts_block {
        ngx.print("a"); await ngx.flush(); ngx.print("b"); await ngx.eof();
        while (!ngx.shared.seen.get("end")) await ngx.sleep(0.01);
      } }
      location = /eof-whole { content_by_ts_block {
        ngx.print("ab"); await ngx.eof();
        while (!ngx.shared.seen.get("end")) await ngx.sleep(0.01);
      } }
      location = /set { content_by_ts_block { ngx.shared.seen.set(ngx.req.arg("key"), ngx.req.arg("to") !== "false"); return "set"; } }
    `,
  });
  const reader = (await server.get("/events")).body!.getReader();
  expect(Buffer.from((await reader.read()).value!).toString()).toBe("first");
  await server.get("/set?key=go");
  expect(Buffer.from((await reader.read()).value!).toString()).toBe("second");
  // The next request on the connection waits for the handler's end, and is answered then.
  for (const path of ["/eof", "/eof-whole"]) {
    using connection = await server.connect();
    connection.request({ method: "GET", path });
    expect((await connection.answer("GET")).body).toBe("ab");
    connection.request({ method: "GET", path: "/set?key=next" });
    await server.get("/set?key=end");
    expect((await connection.answer("GET")).body).toBe("set");
    await server.get("/set?key=end&to=false");
  }
}, 30_000);
