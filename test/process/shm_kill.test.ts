import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { openCounters } from "../../src/shm/counters.ts";
import { SharedDict } from "../../src/shm/dict.ts";
import { findDamage } from "../../src/shm/verify.ts";
import { openZone, zoneDirectory } from "../../src/shm/zone.ts";
import { Prng } from "../../src/std/prng.ts";
import { countFields, Hammer } from "./shm_hammer.ts";

/** How many workers are killed; a few seconds' worth, and thousands with SHM_KILLS=5000. */
const kills = Number(process.env.SHM_KILLS ?? 60);
const seed = Prng.seedFromEnvironment();
const sizeBytes = 64 * 1024;

const directory = mkdtempSync(join(zoneDirectory(), "resty-kill-"));
afterAll(() => rmSync(directory, { recursive: true }));

test(
  `${kills} workers killed at random leave a zone that works (SEED=${seed})`,
  async () => {
    const random = new Prng(seed);
    const path = join(directory, "zone-");
    const zone = openZone({ name: "hammered", path: `${path}hammered`, sizeBytes });
    const safe = new SharedDict(openZone({ name: "safe", path: `${path}safe`, sizeBytes }));
    const counts = openCounters(join(directory, "counts"), 8, countFields);
    const dict = new SharedDict(zone);
    safe.set("counter", 0);
    safe.hset("counters", "one", 0);
    const hammer = new Hammer(dict, safe, counts.row(0), random);
    let slowestMs = 0;

    /** Works beside the workers until one of them has made so many steps. */
    const until = async (slot: number, steps: number, worker: Bun.Subprocess) => {
      const row = counts.row(slot);
      for (const end = row[0]! + steps; row[0]! < end;) {
        const start = performance.now();
        hammer.step();
        slowestMs = Math.max(slowestMs, performance.now() - start);
        if (random.below(100) === 0) await Bun.sleep(0);
        if (worker.exitCode !== null) throw new Error(`worker ended by itself: ${worker.exitCode}, SEED=${seed}`);
      }
    };

    const spawn = (slot: number) =>
      Bun.spawn({
        cmd: [
          process.execPath,
          join(import.meta.dir, "shm_worker.ts"),
          path,
          String(sizeBytes),
          join(directory, "counts"),
          String(slot),
          String(random.below(2 ** 31)),
        ],
        stdio: ["ignore", "ignore", "inherit"],
      });
    const workers = [1, 2, 3].map((slot) => ({ slot, process: spawn(slot) }));
    try {
      for (let killed = 0; killed < kills; killed++) {
        const worker = random.pick(workers);
        await until(worker.slot, 1 + random.below(300), worker.process);
        worker.process.kill("SIGKILL");
        await worker.process.exited;
        worker.process = spawn(worker.slot);
      }
    } finally {
      for (const worker of workers) worker.process.kill("SIGKILL");
      await Promise.all(workers.map((worker) => worker.process.exited));
    }

    for (const { table } of [zone, safe.zone]) {
      table.lock();
      table.drain(Infinity);
      const damage = findDamage(table);
      table.unlock();
      expect({ seed, damage, wrong: counts.sum("wrong") }).toEqual({ seed, damage: undefined, wrong: 0 });
    }
    const counter = (safe.get("counter") as number) + (safe.hget("counters", "one") as number);
    expect(counter).toBeGreaterThanOrEqual(counts.sum("done"));
    expect(counter).toBeLessThanOrEqual(counts.sum("begun"));
    // A dead owner is found within milliseconds of processor time, of which a busy machine may give us little.
    expect(slowestMs).toBeLessThan(20_000);
    const { recoveries, lockWaits } = zone.stats();
    console.log(
      `${kills} kills, ${recoveries} inside the critical section, ${counter} incr, ${lockWaits} waits, ` +
        `${slowestMs.toFixed(1)} ms slowest`,
    );
    if (kills >= 500) expect(recoveries).toBeGreaterThan(0);
  },
  20_000 + kills * 500,
);
