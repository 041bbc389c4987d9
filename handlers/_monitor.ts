import { ngx } from "resty";

/** Of what Redis tells of itself, what one looks at first. */
const redisFields = [
  "redis_version",
  "role",
  "uptime_in_seconds",
  "connected_clients",
  "blocked_clients",
  "used_memory",
  "maxmemory",
  "instantaneous_ops_per_sec",
  "keyspace_hits",
  "keyspace_misses",
  "expired_keys",
  "evicted_keys",
  "rejected_connections",
];

/** Has one worker of the pool write a line to the error log every so often: connections, and how Redis is. */
export function monitor({ everySeconds = 60, redis = "main" } = {}): void {
  if (ngx.worker.id() !== 0) return;
  ngx.timer.every(everySeconds, async (premature) => {
    if (!premature) ngx.log("notice", `monitor: ${pairs(ngx.connections())}${await redisPart(redis)}`);
  });
}

async function redisPart(name: string): Promise<string> {
  const redis = ngx.redis(name);
  if (!redis) return "";
  try {
    const info = await redis.info();
    const known = redisFields.filter((field) => field in info);
    return ` redis=up ${pairs(Object.fromEntries(known.map((field) => [field, info[field]!])))}`;
  } catch (error) {
    return ` redis=down (${(error as Error).message})`;
  }
}

function pairs(values: Readonly<Record<string, string | number>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}=${value}`)
    .join(" ");
}
