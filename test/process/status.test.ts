import { expect, test } from "bun:test";
import { join } from "node:path";
import { start } from "../lib/index.ts";

const entry = join(import.meta.dir, "../../src/main.ts");

function status(...args: string[]): { code: number; out: string; err: string } {
  const run = Bun.spawnSync([process.execPath, entry, "status", ...args], { stdin: "ignore" });
  return { code: run.exitCode, out: String(run.stdout), err: String(run.stderr) };
}

const locations = `
  location = /resty_status { resty_status; }
  location = /nginx_status { stub_status; }
  location / { return 200 ok; }
`;

test("the state of all workers, zones and upstreams, as a document and as a table", async () => {
  await using server = await start({
    http: "shared_dict cache 64k; upstream group { server 127.0.0.1:1; server 127.0.0.1:2 backup; }",
    server: locations,
    workers: 2,
  });
  for (let i = 0; i < 10; i++) await server.get("/");
  const url = server.url("/resty_status");
  const document = JSON.parse(status(url, "--json").out);
  expect(document).toMatchObject({
    master: server.pid,
    zones: { cache: { kind: "dict", sizeBytes: 65_536, entries: 0 } },
    upstreams: {
      group: [
        { name: "127.0.0.1:1", state: "up" },
        { name: "127.0.0.1:2", backup: true },
      ],
    },
  });
  expect(document.requests).toBeGreaterThanOrEqual(11);
  expect(document.workers.reduce((sum: number, worker: { requests: number }) => sum + worker.requests, 0)).toBe(
    document.requests,
  );
  const { code, out } = status(url);
  expect(code).toBe(0);
  expect(out).toMatch(/^connections +\d+ active/m);
  expect(out).toMatch(/^cache +dict +64\.0k/m);
  expect(out).toMatch(/^127\.0\.0\.1:2 \(backup\) +up/m);
});

test("nginx's own page is understood", async () => {
  await using server = await start({ server: locations });
  expect(status(server.url("/nginx_status")).out).toMatch(/^requests +1$/m);
});

test("what is no status, or nobody, is said so", async () => {
  await using server = await start({ server: locations });
  expect(status(server.url("/"))).toMatchObject({ code: 1, err: expect.stringContaining("neither resty_status") });
  expect(status(server.url("/resty_status/none"), "--json").code).toBe(1);
  expect(status("http://127.0.0.1:1/")).toMatchObject({ code: 1, out: "" });
  expect(status("nonsense")).toMatchObject({ code: 2, err: expect.stringContaining("is no URL") });
});
