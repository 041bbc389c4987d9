import { expect, test } from "bun:test";
import { block, start } from "../lib/index.ts";

block("init_worker may wait, and requests wait for it", {
  http: `
    shared_dict state 1m;
    init_by_ts_block { ngx.shared.state.set("init", 1); }
    init_worker_by_ts_block { await ngx.sleep(0.05); ngx.shared.state.set("ready", ngx.shared.state.get("init") + 1); }
    exit_worker_by_ts_block { ngx.log(ngx.NOTICE, "worker leaves"); }
  `,
  main: "error_log logs/error.log notice;",
  server: 'location = / { content_by_ts_block { return String(ngx.shared.state.get("ready")); } }',
  steps: [{ get: "/", body: "2" }],
});

block("init_by_ts runs in each worker, before init_worker, and what it leaves in globals is that worker's", {
  workers: 2,
  http: `
    shared_dict state 1m;
    init_by_ts_block { globalThis.order = ["init " + ngx.getPhase()]; ngx.shared.state.incr("inits", 1, 0); }
    init_worker_by_ts_block { globalThis.order.push(ngx.getPhase()); ngx.shared.state.incr("workers", 1, 0); }
  `,
  server: `location = / { content_by_ts_block { return [...order, ngx.shared.state.get("inits"), ngx.shared.state.get("workers")]; } }`,
  steps: [{ get: "/", body: '["init init","init_worker",2,2]' }],
});

block("what init_by_ts throws refuses the start, with its place", {
  http: 'init_by_ts_block { const table = undefined; throw new Error("no table"); }',
  server: "location / { return 204; }",
  refused: [/init_by_ts_block failed: Error: no table in \S+nginx\.conf:\d+:\d+/],
});

test("what init_worker_by_ts rejects with refuses a reload, and the old configuration serves on", async () => {
  // In a module, since a global belongs to the worker, whatever configuration has set it.
  const http = (version: number, more = ""): string =>
    `init_worker_by_ts_block { import { state } from "../handlers/_state.ts"; state.version = ${version}; await ngx.sleep(0.001); ${more} }`;
  await using server = await start({
    main: "error_log logs/error.log notice;",
    workers: 2,
    http: http(1),
    server:
      'location / { content_by_ts_block { import { state } from "../handlers/_state.ts"; return state.version; } }',
    handlers: { "_state.ts": "export const state = { version: 0 };\n" },
    allow: [/init_worker_by_ts_block failed/],
  });
  const versions = async (): Promise<Set<string>> =>
    new Set(await Promise.all(Array.from({ length: 8 }, async () => (await server.get("/")).text())));
  await server.reload({ http: http(2, 'throw new TypeError("second thoughts");') });
  await server.logged(/init_worker_by_ts_block failed: TypeError: second thoughts in \S+nginx\.conf:\d+:\d+/);
  expect(await versions()).toEqual(new Set(["1"]));
  await server.reload({ http: http(3) });
  expect(await versions()).toEqual(new Set(["3"]));
});
