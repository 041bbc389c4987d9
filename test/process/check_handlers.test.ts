import { afterAll, expect, test } from "bun:test";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

const main = resolve(import.meta.dir, "../../src/main.ts");
const folder = mkdtempSync(join(tmpdir(), "resty-check-test-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function project(name: string, http: string, handlers: Record<string, string>): string {
  const home = join(folder, name);
  const files = {
    "conf/nginx.conf": `events {}\nhttp {\n${http}\n}\n`,
    ...Object.fromEntries(Object.entries(handlers).map(([file, text]) => [`handlers/${file}`, text])),
  };
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(home, file)), { recursive: true });
    writeFileSync(join(home, file), text);
  }
  return home;
}

async function resty(...args: string[]): Promise<{ code: number; said: string }> {
  const process_ = Bun.spawn([process.execPath, main, ...args], { stdout: "pipe", stderr: "pipe" });
  const [out, err] = await Promise.all([new Response(process_.stdout).text(), new Response(process_.stderr).text()]);
  return { code: await process_.exited, said: out + err };
}

test("types of blocks and handlers are checked against the configuration", async () => {
  const home = project(
    "types",
    `handlers handlers;
  shared_dict cache 1m;
  server { listen 127.0.0.1:1; location = /a { content_by_ts_block {
      const n: number = ngx.req.method;
      ngx.shared.cash.get("x");
      ngx.shared.cache.get("x");
      return n;
  } } }`,
    { "x.ts": 'import type { Ngx } from "resty";\nexport default (ngx: Ngx) => ngx.nothingLikeIt();\n' },
  );
  const { code, said } = await resty("check", join(home, "conf"));
  expect(code).toBe(1);
  expect(said).toMatch(/Type 'string' is not assignable to type 'number'\. in .*nginx\.conf:6:13/);
  expect(said).toMatch(/Property 'cash' does not exist on type 'SharedZones'\. in .*nginx\.conf:7:18/);
  expect(said).toMatch(/Property 'nothingLikeIt' does not exist on type 'RequestNgx'\. in .*handlers\/x\.ts:2:34/);
  // -t answers whether it would run.
  expect((await resty("-t", "-p", home, "-c", "conf/nginx.conf")).code).toBe(0);
}, 30_000);

test("what does not compile is told with every place at once", async () => {
  const home = project(
    "syntax",
    "handlers handlers;\n  server { listen 127.0.0.1:1; location = /a { content_by_ts_block { const a = ; } } }",
    {
      "a.ts": "export default () => {;\n",
      "b.ts": "export const x = 1;\n",
      "c.ts": 'import { x } from "./_none.ts";\nexport default () => x;\n',
    },
  );
  const { code, said } = await resty("check", join(home, "conf"));
  expect(code).toBe(1);
  expect(said).toMatch(/nginx\.conf:4:\d+/);
  expect(said).toMatch(/handlers\/a\.ts:\d+:\d+/);
  expect(said).toMatch(/_none\.ts/);
}, 30_000);

test("a project that init writes has types, and passes", async () => {
  const home = join(folder, "made");
  expect((await resty("init", home)).code).toBe(0);
  expect(existsSync(join(home, "tsconfig.json"))).toBe(true);
  expect(readFileSync(join(home, "types/resty.d.ts"), "utf8")).toContain('declare module "resty"');
  const { code, said } = await resty("check", join(home, "conf"));
  expect(said).toContain("test is successful");
  expect(code).toBe(0);
  // What an editor sees: the same checker, with the project's own files and nothing installed.
  const alone = join(folder, "alone");
  cpSync(home, alone, { recursive: true });
  const check = Bun.spawnSync([process.execPath, "check", "-p", join(alone, "tsconfig.json"), "--no-pretty"], {
    cwd: alone,
  });
  expect(check.stdout.toString() + check.stderr.toString()).not.toMatch(/error TS(?!18046|7006|2488)/);
}, 60_000);
