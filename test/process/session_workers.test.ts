import { expect, test } from "bun:test";
import { type Redis, redis } from "../lib/services.ts";
import { type SessionService, startSessions } from "../lib/session.ts";
import { until } from "../lib/wait.ts";

const limit = 60_000;

interface Load {
  readonly statuses: Map<number, number>;
  readonly broken: string[];
  stop(): Promise<void>;
}

/** Validates sessions all the time, each request over a connection of its own. */
function load(service: SessionService, ids: readonly string[]): Load {
  let running = true;
  const statuses = new Map<number, number>();
  const broken: string[] = [];
  const user = async (first: number) => {
    for (let i = first; running; i++) {
      try {
        const { status } = await service.ask(`validate?session_id=${ids[i % ids.length]}`);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      } catch (error) {
        broken.push((error as Error).message);
      }
    }
  };
  const users = Array.from({ length: 8 }, (_, i) => user(i));
  return {
    statuses,
    broken,
    async stop() {
      running = false;
      await Promise.all(users);
    },
  };
}

const stores: readonly [string, () => Promise<Redis | undefined>][] = [
  ["embedded", async () => undefined],
  ["Redis", () => redis()],
];

test.each(stores)(
  "a worker that is killed takes along what it was answering, and no session: %s",
  async (_, open) => {
    await using store = await open();
    await using service = await startSessions({
      redisUrl: store?.url,
      workers: 2,
      allow: [/worker process \d+ exited on signal 9/],
    });
    const ids = await Promise.all(Array.from({ length: 20 }, () => service.create()));
    const requests = load(service, ids);
    for (let i = 0; i < 3; i++) {
      const before = requests.statuses.get(200) ?? 0;
      const [victim] = service.server.workers();
      process.kill(victim!, "SIGKILL");
      await until("another worker", () => {
        const workers = service.server.workers();
        return workers.length === 2 && !workers.includes(victim!);
      });
      // The next one is killed when this one's successor answers, and not while it starts.
      for (const connection of await service.everyWorker(2)) connection[Symbol.dispose]();
      await until("more answers", () => (requests.statuses.get(200) ?? 0) > before + 50);
    }
    await requests.stop();
    expect([...requests.statuses.keys()]).toEqual([200]);
    expect(requests.broken.length).toBeLessThanOrEqual(3 * 8);
    for (const id of ids) expect((await service.ask(`update?session_id=${id}&user_data=x`)).status).toBe(200);
  },
  limit,
);

test.each(stores)(
  "a reload loses no request, no session and no time of last access: %s",
  async (_, open) => {
    await using store = await open();
    await using service = await startSessions({ redisUrl: store?.url, workers: 2 });
    const ids = await Promise.all(Array.from({ length: 20 }, () => service.create()));
    const [{ created_at }] = Object.values((await service.ask(`batch?session_ids=${ids[0]}`)).json.sessions) as [
      { created_at: number },
    ];
    await until("another second", () => Date.now() / 1000 >= created_at + 1);
    const requests = load(service, ids);
    for (let i = 0; i < 3; i++) await service.server.reload();
    await requests.stop();
    expect([...requests.statuses.keys()]).toEqual([200]);
    expect(requests.broken).toEqual([]);
    await until("the times of all", async () => {
      const { sessions } = (await service.ask(`batch?session_ids=${ids.join(",")}`)).json;
      return Object.values(sessions as Record<string, { last_accessed: number }>).every(
        ({ last_accessed }) => last_accessed > created_at,
      );
    });
  },
  limit,
);

test(
  "many uses of a session in a second are one write",
  async () => {
    await using store = await redis();
    await using service = await startSessions({ redisUrl: store.url });
    const id = await service.create();
    const writes = async () => Number(/cmdstat_hset:calls=(\d+)/.exec(await store.command("INFO", "commandstats"))![1]);
    const before = await writes();
    const start = Date.now();
    let uses = 0;
    let lastUse = 0;
    while (Date.now() - start < 3000) {
      lastUse = Math.floor(Date.now() / 1000);
      await service.ask(`validate?session_id=${id}`);
      uses++;
    }
    const written = async () =>
      Number((await store.command("HGET", `session:${id}`, "last_accessed")).split("\r\n")[1]);
    await until("the last of them", async () => (await written()) >= lastUse);
    expect(uses).toBeGreaterThan(50);
    expect((await writes()) - before).toBeWithin(1, 6);
  },
  limit,
);

test(
  "of many who ask for a session that nobody remembers, few ask the store",
  async () => {
    await using store = await redis();
    await using service = await startSessions({ redisUrl: store.url });
    const id = await service.create();
    await service.ask(`update?session_id=${id}&user_data=x`); // which has it forgotten
    const reads = async () => {
      const stats = await store.command("INFO", "commandstats");
      return Number(/cmdstat_hmget:calls=(\d+)/.exec(stats)?.[1] ?? 0);
    };
    const before = await reads();
    const replies = await Promise.all(Array.from({ length: 40 }, () => service.ask(`validate?session_id=${id}`)));
    expect(replies.map(({ status }) => status)).toEqual(Array(40).fill(200));
    expect((await reads()) - before).toBe(1);
  },
  limit,
);
