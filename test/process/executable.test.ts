// The executable as people get it: one file, copied to a machine that has nothing else of ours.
import { expect, test } from "bun:test";
import { copyFileSync, existsSync, linkSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { makeFolder, removeFolder, writeFiles } from "../lib/folder.ts";
import { freePort, until } from "../lib/index.ts";

const readme = resolve(import.meta.dir, "../../README.md");

const executable = process.env.RESTY_BIN && resolve(process.env.RESTY_BIN);
const isOurs = executable !== undefined && !executable.endsWith("/nginx");

/** A folder with the executable in it and nothing else, and a home that is empty. */
class Machine implements AsyncDisposable {
  readonly folder = makeFolder("machine");
  readonly #running: Bun.Subprocess[] = [];

  constructor() {
    const target = join(this.folder, "resty");
    try {
      linkSync(executable!, target);
    } catch {
      copyFileSync(executable!, target); // another file system
    }
  }

  get env(): Record<string, string> {
    return { HOME: join(this.folder, "home"), PATH: "/usr/bin:/bin" };
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  read(name: string): string {
    return existsSync(this.path(name)) ? readFileSync(this.path(name), "utf8") : "";
  }

  run(words: string[], env: Record<string, string> = {}) {
    const { exitCode, stdout, stderr } = Bun.spawnSync(words, { cwd: this.folder, env: { ...this.env, ...env } });
    return { code: exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
  }

  start(words: string[], env: Record<string, string> = {}): Bun.Subprocess {
    const child = Bun.spawn({
      cmd: words,
      cwd: this.folder,
      env: { ...this.env, ...env },
      stdio: ["ignore", "ignore", "inherit"],
    });
    this.#running.push(child);
    return child;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#running) {
      child.kill("SIGTERM");
      await child.exited;
    }
    rmSync(this.path("resty"));
    removeFolder(this.folder);
  }
}

const configuration = (port: number) => `
error_log logs/error.log notice;
events { }
http {
    server {
        listen 127.0.0.1:${port};
        handlers handlers;
    }
}
`;

test.skipIf(!isOurs)("in an empty folder it has a configuration of its own", async () => {
  await using machine = new Machine();
  const checked = machine.run(["./resty", "check"]);
  expect(checked.stderr).toContain("test is successful");
  expect(checked.code).toBe(0);
  const routes = machine.run(["./resty", "routes"]);
  expect(routes.stdout).toContain("/api/session/create");
  const missing = machine.run(["./resty", "serve", "conf/"]);
  expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining("no such file or folder") });
});

test.skipIf(!isOurs)("init writes it out, once", async () => {
  await using machine = new Machine();
  expect(machine.run(["./resty", "init", "site"])).toMatchObject({ code: 0, stderr: "" });
  expect(machine.read("site/conf/nginx.conf")).toContain("worker_processes");
  writeFiles(machine.folder, { "site/conf/nginx.conf": "# mine\n" });
  expect(machine.run(["./resty", "init", "site"])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("conf/nginx.conf"),
  });
  expect(machine.read("site/conf/nginx.conf")).toBe("# mine\n");
  expect(machine.run(["./resty", "init", "site", "--force"]).code).toBe(0);
  expect(machine.run(["./resty", "check", "site/conf"]).code).toBe(0);
});

test.skipIf(!isOurs)("it serves TypeScript from disk, with the packages it carries", async () => {
  await using machine = new Machine();
  const port = await freePort();
  writeFiles(machine.folder, {
    "conf/nginx.conf": configuration(port),
    "handlers/typed.ts": `
      import type { Ngx } from "resty";
      import { createClient } from "redis";
      import { sql } from "drizzle-orm";
      import { double } from "./_lib.ts";
      enum Kind { Even, Odd }
      export default (ngx: Ngx) => ({
        method: ngx.req.getMethod(), kind: Kind[double(3) % 2], redis: typeof createClient, sql: typeof sql,
      });`,
    "handlers/_lib.ts": "export function double(x: number): number { return 2 * x; }",
  });
  machine.start(["./resty", "serve", "conf"]);
  await until("the pid file", () => machine.read("logs/resty.pid"));
  const answer = await fetch(`http://127.0.0.1:${port}/typed`);
  expect(await answer.json()).toEqual({ method: "GET", kind: "Even", redis: "function", sql: "function" });
});

test.skipIf(!isOurs)("what lies in the folder where it is started does not reach it", async () => {
  await using machine = new Machine();
  const port = await freePort();
  writeFiles(machine.folder, {
    "conf/nginx.conf": configuration(port),
    "handlers/env.ts": "export default () => ({ dotenv: process.env.FROM_DOTENV, preload: globalThis.preloaded })",
    ".env": "FROM_DOTENV=1\n",
    "bunfig.toml": 'preload = ["./preload.ts"]\n',
    "preload.ts": "globalThis.preloaded = true;",
  });
  machine.start(["./resty", "serve", "conf"], { BUN_OPTIONS: "--preload ./preload.ts" });
  await until("the pid file", () => machine.read("logs/resty.pid"));
  expect(await (await fetch(`http://127.0.0.1:${port}/env`)).json()).toEqual({});
});

test.skipIf(!isOurs)("the server of the README runs as pasted", async () => {
  await using machine = new Machine();
  const text = readFileSync(readme, "utf8").replaceAll("8081", String(await freePort()));
  const section = text.slice(text.indexOf("## A server of your own"), text.indexOf("## Commands"));
  const [paste, ask] = [...section.matchAll(/^```sh\n([^]*?)^```/gm)].map(([, commands]) => commands!);
  const [stop] = /\.\/resty stop [^`]+/.exec(section)!;
  const pasted = machine.start(["sh", "-ec", `${paste} wait`]);
  await until("the pid file", () => machine.read("shop/logs/resty.pid"));
  for (const [, command, expected] of ask!.matchAll(/^(curl .*?) +# (.*)$/gm))
    expect(machine.run(["sh", "-c", `${command} -s`]).stdout).toBe(expected!);
  expect(machine.run(["sh", "-c", stop])).toMatchObject({ code: 0, stderr: "" });
  expect(await pasted.exited).toBe(0);
});

test.skipIf(!isOurs)("build makes a folder into an executable that serves it", async () => {
  await using machine = new Machine();
  const port = await freePort();
  writeFiles(machine.folder, {
    "shop/conf/nginx.conf": `worker_processes 1; pid logs/resty.pid; events { } http { server { listen 127.0.0.1:${port}; handlers handlers; } }`,
    "shop/handlers/hello.ts": 'export default () => "from the inside";',
  });
  expect(machine.run(["./resty", "build", "shop", "-o", "mine"])).toMatchObject({ code: 0, stderr: "" });
  expect(machine.run(["./resty", "build", "nowhere", "-o", "mine"]).code).toBe(2);
  rmSync(machine.path("shop"), { recursive: true });
  machine.start(["./mine", "serve"]);
  const answer = await until("an answer", () => fetch(`http://127.0.0.1:${port}/hello`).catch(() => undefined));
  expect(await answer.text()).toBe("from the inside");
  // It can build others in turn, as it carries its program too.
  expect(machine.run(["./mine", "-v"]).stderr).toContain("resty version");
});
