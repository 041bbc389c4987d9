import { expect, test } from "bun:test";
import { start } from "../lib/index.ts";

const handlers = {
  "limit.ts": `
    import { CountLimit, HttpError, ngx } from "resty";
    const limit = new CountLimit(ngx.shared.x!, 3, 3600);
    export default () => {
      const left = limit.incoming("all");
      if (left === "rejected") throw new HttpError(429);
      return String(left);
    };`,
  "at_once.ts": `
    import { ConnectionLimit, ngx, type Ngx } from "resty";
    const limit = new ConnectionLimit(ngx.shared.x!, 2);
    export default async (request: Ngx) => {
      const leave = limit.enter("all");
      if (leave === "rejected") return request.exit(503);
      try { await request.sleep(0.3); } finally { leave(); }
      return "done";
    };`,
  "cached.ts": `
    import { MlCache, ngx, type Ngx } from "resty";
    const cache = new MlCache<{ n: number }>("things", ngx.shared.x!, { ttlSeconds: 60, negativeTtlSeconds: 60 });
    export default async (request: Ngx) => {
      const key = request.req.arg("key")!;
      if (request.req.method === "DELETE") cache.delete(key);
      const value = await cache.get(key, () => {
        ngx.shared.x!.incr("loads " + key, 1, 0);
        return key === "none" ? undefined : { n: 1 };
      });
      return { value: value ?? null, loads: ngx.shared.x!.get("loads " + key) };
    };`,
  "locked.ts": `
    import { Lock, ngx } from "resty";
    const locks = new Lock(ngx.shared.x!, { timeoutSeconds: 10 });
    export default async () => {
      const held = await locks.lock("one");
      if (typeof held === "string") return held;
      const before = (ngx.shared.x!.get("inside") as number | undefined) ?? 0;
      await ngx.sleep(0.01);
      ngx.shared.x!.set("inside", before + 1);
      held.unlock();
      return "ok";
    };`,
  "upload.ts": `
    import { upload, type Ngx } from "resty";
    export default async (ngx: Ngx) => {
      const parts = [];
      for await (const part of upload(ngx.req.stream(), ngx.req.header("content-type"))) {
        let size = 0;
        for await (const chunk of part.body) size += chunk.length;
        parts.push([part.name, part.filename ?? null, size]);
      }
      return parts;
    };`,
  "page.ts": `
    import { html, type Ngx } from "resty";
    export default (ngx: Ngx) => html\`<p>\${ngx.req.arg("name")}</p>\`;`,
  "inside.ts": `
    import { ngx } from "resty";
    export default () => String(ngx.shared.x!.get("inside"));`,
};

test("caches, locks and limits hold over all workers", async () => {
  await using server = await start({
    workers: 2,
    http: "handlers handlers; shared_dict x 1m;",
    server: "location / { client_max_body_size 5m; }",
    handlers,
  });
  // A connection each: they spread over the workers.
  const fresh = { headers: { Connection: "close" } };
  const get = (path: string, init: RequestInit = {}) => server.get(path, { ...init, ...fresh });

  const left: string[] = [];
  for (let i = 0; i < 5; i++) {
    const response = await get("/limit");
    left.push(response.status === 200 ? await response.text() : String(response.status));
  }
  expect(left).toEqual(["2", "1", "0", "429", "429"]);

  const answers = await Promise.all(Array.from({ length: 6 }, () => get("/at_once").then(({ status }) => status)));
  expect(answers.filter((status) => status === 200)).toHaveLength(2);

  for (let i = 0; i < 8; i++) {
    expect(await (await get("/cached?key=a")).json()).toEqual({ value: { n: 1 }, loads: 1 });
    expect(await (await get("/cached?key=none")).json()).toEqual({ value: null, loads: 1 });
  }
  expect(await (await get("/cached?key=a", { method: "DELETE" })).json()).toEqual({ value: { n: 1 }, loads: 2 });
  for (let i = 0; i < 4; i++) expect(((await (await get("/cached?key=a")).json()) as { loads: number }).loads).toBe(2);

  await Promise.all(Array.from({ length: 10 }, () => get("/locked")));
  expect(await (await get("/inside")).text()).toBe("10");

  const form = new FormData();
  form.set("name", "value");
  form.set("file", new File([new Uint8Array(2_000_000)], "a.bin"));
  const uploaded = await server.get("/upload", { method: "POST", body: form });
  expect(await uploaded.json()).toEqual([
    ["name", null, 5],
    ["file", "a.bin", 2_000_000],
  ]);

  const page = await get("/page?name=%3Cb%3E");
  expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
  expect(await page.text()).toBe("<p>&lt;b&gt;</p>");
}, 30_000);
