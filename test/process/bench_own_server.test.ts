// `resty bench` without a URL: this program's own server, as it is shipped, started for the test and gone with it.
import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Report } from "../../bench/report/report.ts";
import { brief } from "./bench_fixture.ts";

const executable = process.env["RESTY_BIN"];
const resty = executable ? [executable] : [process.execPath, join(import.meta.dir, "../../src/main.ts")];

/** Runs in a folder for temporary files of its own, to see what is left in it. */
function startOwn(...args: string[]) {
  const folder = mkdtempSync(join(tmpdir(), "resty-own-"));
  const child = Bun.spawn([...resty, "bench", ...args], {
    env: { ...process.env, TMPDIR: folder, REDIS_URL: "" },
    stdout: "pipe",
    stderr: "pipe",
  });
  return { folder, child };
}

test("the shipped session service answers every request of the mix rightly", async () => {
  const { folder, child } = startOwn(...brief, "--sessions", "20", "--json", "-");
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  expect({ code: await child.exited, stderr }).toMatchObject({ code: 0, stderr: expect.stringContaining("answers") });
  const report = JSON.parse(stdout) as Report;
  expect(report.errorDetails).toEqual({});
  expect(report.steps.map((step) => step.answers > 0)).toEqual([true, true, true, true, true, true]);
  expect(report.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  const after = await fetch(report.url).catch((error: { code: string }) => error.code);
  expect(String(after)).toMatch(/^(?:ConnectionRefused|ECONNREFUSED)$/);
  expect(readdirSync(folder)).toEqual([]);
  rmSync(folder, { recursive: true });
}, 30_000);

test("Ctrl-C, however often, ends both and prints what there is", async () => {
  const { folder, child } = startOwn("--ramp", "0", "--warmup", "0", "--sessions", "20", "--duration", "60s");
  let stdout = "";
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    stdout += chunk;
    if (/measured/.test(stdout) && child.exitCode === null) child.kill("SIGINT");
  }
  expect(await child.exited).toBe(130);
  expect(stdout).toContain("interrupted");
  expect(stdout).toMatch(/errors +0 /);
  expect(readdirSync(folder)).toEqual([]);
  rmSync(folder, { recursive: true });
  expect(existsSync(folder)).toBe(false);
}, 30_000);
