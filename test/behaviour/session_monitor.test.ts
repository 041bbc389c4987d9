import { expect, test } from "bun:test";
import { resolve } from "node:path";
import { redis } from "../lib/services.ts";
import { startSessions } from "../lib/session.ts";
import { until } from "../lib/wait.ts";

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

test("what Redis says of itself is among the metrics, until it says nothing any more", async () => {
  await using store = await redis();
  await using service = await startSessions({
    redisUrl: store.url,
    http: `shared_dict metrics 64k; ${http}`,
    locations: "location = /metrics { resty_status format=prometheus metrics=metrics; }",
  });
  const metrics = async () => (await service.server.get("/metrics")).text();
  const shown = (line: RegExp) => until(String(line), async () => line.test(await metrics()));
  await shown(/^redis_up\{name="main"\} 1\n/m);
  await shown(/^# TYPE redis_keyspace_hits_total counter\nredis_keyspace_hits_total\{name="main"\} \d+\n/m);
  await shown(/^redis_memory_used_bytes\{name="main"\} [1-9]\d+\n/m);
  await store.kill();
  await shown(/^redis_up\{name="main"\} 0\n/m);
  expect(await metrics()).not.toContain("redis_memory_used_bytes");
});

test("without Redis it tells of connections", async () => {
  await using service = await startSessions({ http });
  await service.server.logged(/monitor: active=\d+ .* waiting=\d+\n/);
});
