import { expect, test } from "bun:test";
import { resolve } from "node:path";
import { redis } from "../lib/services.ts";
import { startSessions } from "../lib/session.ts";

const file = resolve(import.meta.dir, "../../handlers/_monitor.ts");
const http = `init_worker_by_ts_block {
  import { monitor } from "${file}";
  monitor({ everySeconds: 0.2 });
}`;

test("one worker of the pool tells of connections and of Redis", async () => {
  await using store = await redis();
  await using service = await startSessions({ redisUrl: store.url, http, workers: 4 });
  await service.create();
  const connections = "active=\\d+ accepts=\\d+ handled=\\d+ requests=[1-9]\\d* reading=\\d+ writing=\\d+ waiting=\\d+";
  const server = "redis=up redis_version=\\d.* role=master .*used_memory=\\d+ ";
  const log = await service.server.logged(new RegExp(`\\[notice\\] \\d+#\\d+: monitor: ${connections} ${server}`));
  const writers = new Set([...log.matchAll(/(\d+)#\d+: monitor:/g)].map(([, pid]) => pid));
  expect(writers.size).toBe(1);
  await store.kill();
  await service.server.logged(/monitor: .* redis=down \(redis "main" is not connected\)/);
});

test("without Redis it tells of connections", async () => {
  await using service = await startSessions({ http });
  await service.server.logged(/monitor: active=\d+ .* waiting=\d+\n/);
});
