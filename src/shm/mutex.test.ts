import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SharedDict } from "./dict.ts";
import { Held, Mutex } from "./mutex.ts";
import { openZone } from "./zone.ts";

const directory = mkdtempSync(join(tmpdir(), "resty-mutex-"));
afterAll(() => rmSync(directory, { recursive: true }));

let files = 0;
const fresh = () => openZone({ name: "locks", path: join(directory, `zone${files++}`), sizeBytes: 64 * 1024 });

test("a lock has one holder at a time", async () => {
  const mutex = new Mutex(fresh());
  let inside = 0;
  let most = 0;
  await Promise.all(
    Array.from({ length: 20 }, async () => {
      const held = await mutex.lock("name");
      if (!(held instanceof Held)) throw new Error(held);
      most = Math.max(most, ++inside);
      await Bun.sleep(0);
      inside--;
      expect(held.unlock()).toBe(true);
    }),
  );
  expect(most).toBe(1);
});

test("names are apart, and out of the way of keys", () => {
  const zone = fresh();
  const mutex = new Mutex(zone);
  const dict = new SharedDict(zone);
  {
    using a = mutex.tryLock("a") as Held;
    expect(a.waitedSeconds).toBe(0);
    expect(mutex.tryLock("a")).toBe("busy");
    expect(mutex.tryLock("b")).toBeInstanceOf(Held);
    expect([dict.getKeys(), dict.scan().keys, dict.get("a")]).toEqual([[], [], undefined]);
  }
  expect(mutex.tryLock("a")).toBeInstanceOf(Held);
});

test("a lock is not evicted from a zone that overflows", () => {
  const zone = fresh();
  const mutex = new Mutex(zone);
  const held = mutex.tryLock("a") as Held;
  const dict = new SharedDict(zone);
  for (let i = 0; i < 3000; i++) expect(dict.set(`k${i}`, "x".repeat(100))).toBe(true);
  expect(mutex.tryLock("a")).toBe("busy");
  expect(held.unlock()).toBe(true);
});

test("who does not get it in time is told", async () => {
  const mutex = new Mutex(fresh(), { timeoutSeconds: 0.02 });
  mutex.tryLock("a");
  expect(await mutex.lock("a")).toBe("timeout");
  expect(await new Mutex(fresh(), { timeoutSeconds: 0 }).lock("a")).toBeInstanceOf(Held);
});

test("a lease that runs out frees the lock, and its holder learns of it", async () => {
  const mutex = new Mutex(fresh(), { leaseSeconds: 0.02 });
  const first = mutex.tryLock("a") as Held;
  expect(first.extend(0.03)).toBe(true);
  const second = await mutex.lock("a");
  expect(second).toBeInstanceOf(Held);
  expect((second as Held).waitedSeconds).toBeGreaterThan(0.02);
  expect(first.extend(10)).toBe(false);
  expect(first.unlock()).toBe(false);
  expect((second as Held).unlock()).toBe(true);
});

test("a killed process' lock is free", async () => {
  const zone = fresh();
  const mutex = new Mutex(zone, { leaseSeconds: 3600, timeoutSeconds: 10 });
  const code = `
    const { openZone } = await import(${JSON.stringify(join(import.meta.dir, "zone.ts"))});
    const { Mutex } = await import(${JSON.stringify(join(import.meta.dir, "mutex.ts"))});
    const zone = openZone(${JSON.stringify({ name: "locks", path: zone.path, sizeBytes: zone.sizeBytes })});
    new Mutex(zone, { leaseSeconds: 3600 }).tryLock("a");
    console.log("held");
    for (;;) Bun.sleepSync(1000);`;
  const child = Bun.spawn({ cmd: [process.execPath, "-e", code], stdio: ["ignore", "pipe", "inherit"] });
  const reader = child.stdout.getReader();
  expect(new TextDecoder().decode((await reader.read()).value)).toBe("held\n");
  expect(mutex.tryLock("a")).toBe("busy");
  child.kill("SIGKILL");
  await child.exited;
  expect(mutex.tryLock("a")).toBeInstanceOf(Held);
});
