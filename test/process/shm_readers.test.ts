import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { SharedDict } from "../../src/shm/dict.ts";
import { openZone, zoneDirectory } from "../../src/shm/zone.ts";
import { Prng } from "../../src/std/prng.ts";
import { valueOf } from "./shm_values.ts";

const directory = mkdtempSync(join(zoneDirectory(), "resty-readers-"));
afterAll(() => rmSync(directory, { recursive: true }));

const seed = Prng.seedFromEnvironment();
const writes = Number(process.env.SHM_WRITES_READ ?? 100_000);
const keys = 12;

test(`readers without a lock never see a key missing, torn or going back (SEED=${seed})`, async () => {
  const random = new Prng(seed);
  // Small: long chains, which others' keys join and leave, and blocks that are used again at once.
  const zone = openZone({ name: "read", path: join(directory, "zone"), sizeBytes: 48 * 1024 });
  const dict = new SharedDict(zone);
  const versions = Array.from({ length: keys }, (_, key) => (dict.set(`key${key}`, valueOf(0)), 0));
  const readers = [0, 1].map(() =>
    Bun.spawn({
      cmd: [process.execPath, join(import.meta.dir, "shm_reader.ts"), zone.path, String(zone.sizeBytes), String(keys)],
      stdio: ["ignore", "pipe", "inherit"],
    }),
  );
  while (dict.get("ready") !== readers.length) await Bun.sleep(1);
  for (let i = 0; i < writes; i++) {
    const key = random.below(keys);
    const next = versions[key]! + 1;
    // Nothing is evicted, so nothing may ever be missing; without room, the old version stays.
    if (dict.safeSet(`key${key}`, valueOf(next)) === true) versions[key] = next;
    const other = `other${random.below(100)}`;
    if (random.below(2)) dict.safeSet(other, "o".repeat(random.below(400)));
    else dict.delete(other);
  }
  for (let i = 0; i < 100; i++) dict.delete(`other${i}`);
  dict.set("stop", true);
  for (const reader of readers) {
    expect([seed, await reader.exited]).toEqual([seed, 0]);
    expect(Number(await new Response(reader.stdout).text())).toBeGreaterThan(0);
  }
  expect(versions.reduce((sum, version) => sum + version)).toBeGreaterThan(writes / 2);
  expect(dict.stats().evictions).toBe(0);
}, 60_000);
