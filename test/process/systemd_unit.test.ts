import { expect, test } from "bun:test";
import { readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { makeFolder, removeFolder } from "../lib/folder.ts";

const entry = resolve(import.meta.dir, "../../src/main.ts");

function systemd(...words: string[]): { code: number; stdout: string; stderr: string } {
  const run = Bun.spawnSync([process.execPath, entry, "systemd", ...words]);
  return { code: run.exitCode, stdout: run.stdout.toString(), stderr: run.stderr.toString() };
}

test.skipIf(!Bun.which("systemd-analyze"))("systemd understands every line of the unit", () => {
  const folder = makeFolder("unit");
  try {
    const file = join(folder, "resty.service");
    expect(systemd("install", "--executable=/bin/true", `--file=${file}`)).toMatchObject({ code: 0, stderr: "" });
    const verify = Bun.spawnSync(["systemd-analyze", "verify", file]);
    expect({ code: verify.exitCode, said: verify.stderr.toString() }).toEqual({ code: 0, said: "" });
  } finally {
    removeFolder(folder);
  }
});

test("the unit lets the runtime compile, and serves the folder it was given", () => {
  const { stdout } = systemd("print", "/srv/app/conf", "--executable=/opt/resty", "--user=web");
  expect(stdout).not.toMatch(/^MemoryDenyWriteExecute/m);
  expect(stdout).toContain("\nExecStart=/opt/resty serve /srv/app/conf\n");
  expect(stdout).toContain("\nReadWritePaths=-/srv/app/logs -/srv/app/data\n");
  expect(stdout).toContain("\nUser=web\n");
  expect(stdout).not.toContain("DynamicUser");
});

test("a unit that is there is not replaced unasked", () => {
  const folder = makeFolder("unit");
  try {
    const words = ["install", "--executable=/bin/true", `--file=${join(folder, "a/b/resty.service")}`];
    expect(systemd(...words).code).toBe(0);
    expect(statSync(join(folder, "a/b/resty.service")).mode & 0o777).toBe(0o644);
    expect(systemd(...words, "--user=web")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("there already"),
    });
    expect(readFileSync(join(folder, "a/b/resty.service"), "utf8")).toContain("DynamicUser");
    expect(systemd(...words, "--user=web", "--force").code).toBe(0);
    expect(readFileSync(join(folder, "a/b/resty.service"), "utf8")).toContain("User=web");
  } finally {
    removeFolder(folder);
  }
});

test("what cannot be asked is wrong usage", () => {
  expect(systemd("print").code).toBe(2);
  expect(systemd("remove", "--executable=/bin/true").code).toBe(2);
  expect(systemd("print", "/srv/a b/conf", "--executable=/bin/true").code).toBe(2);
});
