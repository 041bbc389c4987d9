import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { block, isNginx, start, until } from "../lib/index.ts";

test.skipIf(isNginx || !existsSync("/dev/shm"))(
  "a log in memory has the last lines, as long as its process",
  async () => {
    const server = await start({
      main: "error_log logs/error.log; error_log memory:4k info;",
      server: "location / { }",
    });
    const path = `/dev/shm/resty-${server.workers()[0]}-memory-4k`;
    await server.get("/one");
    await until("the line of the first request", () => readFileSync(path, "latin1").includes('/html/one" failed'));
    for (let i = 0; i < 30; i++) await server.get("/others");
    await until("the line of the last request", () => !readFileSync(path, "latin1").includes('/html/one" failed'));
    expect(readFileSync(path).length).toBe(4096);
    await server[Symbol.asyncDispose]();
    expect(existsSync(path)).toBe(false);
  },
);

for (const size of ["", "x", "10"])
  block(`a log in memory of "${size}" bytes`, {
    main: `error_log logs/error.log; error_log memory:${size} debug;`,
    server: "location / { }",
    refused: [`invalid buffer size "${size}"`],
  });
