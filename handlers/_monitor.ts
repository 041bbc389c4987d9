import { ngx, type SharedZones } from "resty";

/**
 * Of what Redis tells of itself, what one looks at first, and what it is called as a metric: as redis_exporter does, so
 * that its dashboards serve.
 */
const redisFigures: Readonly<Record<string, string>> = {
  uptime_in_seconds: "redis_uptime_in_seconds",
  connected_clients: "redis_connected_clients",
  blocked_clients: "redis_blocked_clients",
  used_memory: "redis_memory_used_bytes",
  maxmemory: "redis_memory_max_bytes",
  instantaneous_ops_per_sec: "redis_instantaneous_ops_per_sec",
  keyspace_hits: "redis_keyspace_hits_total",
  keyspace_misses: "redis_keyspace_misses_total",
  expired_keys: "redis_expired_keys_total",
  evicted_keys: "redis_evicted_keys_total",
  rejected_connections: "redis_rejected_connections_total",
};
const redisFields = ["redis_version", "role", ...Object.keys(redisFigures)];

/** Metrics are forgotten when they were not renewed so often. */
const missedMax = 3;

/**
 * Has one worker of the pool write a line to the error log every so often: connections, and how Redis is. The figures
 * of Redis go into the dictionary `metrics` too, where there is one, from which `resty_status` shows them.
 */
export function monitor({ everySeconds = 60, redis = "main", metrics = "metrics" } = {}): void {
  if (ngx.worker.id() !== 0) return;
  ngx.timer.every(everySeconds, async (premature) => {
    if (premature) return;
    const info = await infoOf(redis);
    ngx.log("notice", `monitor: ${pairs(ngx.connections())}${redisPart(info)}`);
    if (info !== undefined) keepMetrics(metrics, redis, info, everySeconds * missedMax);
  });
}

/** What Redis says of itself, or why it does not; undefined without a Redis. */
async function infoOf(name: string): Promise<Record<string, string> | Error | undefined> {
  try {
    return await ngx.redis(name)?.info();
  } catch (error) {
    return error as Error;
  }
}

function redisPart(info: Record<string, string> | Error | undefined): string {
  if (info === undefined) return "";
  if (info instanceof Error) return ` redis=down (${info.message})`;
  const known = redisFields.filter((field) => field in info);
  return ` redis=up ${pairs(Object.fromEntries(known.map((field) => [field, info[field]!])))}`;
}

function keepMetrics(dictName: string, redis: string, info: Record<string, string> | Error, seconds: number): void {
  const dict = ngx.shared[dictName as keyof SharedZones];
  if (!dict) return;
  const label = `{name="${redis}"}`;
  dict.set(`redis_up${label}`, info instanceof Error ? 0 : 1, seconds);
  for (const [field, metric] of Object.entries(redisFigures))
    if (info instanceof Error) dict.delete(metric + label);
    else if (field in info) dict.set(metric + label, Number(info[field]), seconds);
}

function pairs(values: Readonly<Record<string, string | number>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}=${value}`)
    .join(" ");
}
