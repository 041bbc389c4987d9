import { expect, test } from "bun:test";
import { block, start } from "../lib/index.ts";

const server = "location /d/ { random_index on; } location /e/ { random_index on; }";

test("every file of a folder comes in time, and nothing else", async () => {
  await using running = await start({ server, files: { "d/a": "a", "d/b": "b", "d/.c": "c", "d/e/f": "f" } });
  const seen = new Set<string>();
  for (let i = 0; i < 60; i++) seen.add(await (await running.get("/d/")).text());
  expect([...seen].sort()).toEqual(["a", "b"]);
});

block("a folder without files, a file, nothing", {
  server,
  files: { "e/.hidden": "", "d/f": "f" },
  steps: [
    { get: "/e/", status: 403 },
    { get: "/d/f", body: "f" },
    { get: "/d/none/", status: 404 },
    { method: "PUT", path: "/d/", send: "x", status: 405 },
  ],
  errorLog: [/opendir\(\) ".*\/d\/none" failed \(2: No such file or directory\)|"[^"]*none\/?" failed/],
});
