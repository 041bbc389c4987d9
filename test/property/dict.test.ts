import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SharedDict } from "../../src/shm/dict.ts";
import { openZone } from "../../src/shm/zone.ts";
import { Prng } from "../../src/std/prng.ts";
import { expectSound, ModelledDict } from "./dict_model.ts";

const directory = mkdtempSync(join(tmpdir(), "resty-dict-"));
afterAll(() => rmSync(directory, { recursive: true }));

const seed = Prng.seedFromEnvironment();
const rounds = Number(process.env.DICT_ROUNDS ?? 1);

/** Sizes of zone, how many keys, and the longest value: from far too small to never full. */
const shapes = [
  { sizeBytes: 12 * 1024, keys: 8, lengthMax: 200 },
  { sizeBytes: 12 * 1024, keys: 60, lengthMax: 60 },
  { sizeBytes: 16 * 1024, keys: 20, lengthMax: 12_000 },
  { sizeBytes: 64 * 1024, keys: 100, lengthMax: 5000 },
  { sizeBytes: 2 ** 20, keys: 300, lengthMax: 3000 },
];

for (const [at, { sizeBytes, keys, lengthMax }] of shapes.entries())
  test(`a dict of ${sizeBytes} bytes with ${keys} keys does as plain Maps do (SEED=${seed})`, () => {
    const random = new Prng(seed + at);
    const names = Array.from({ length: keys }, (_, i) => (i % 7 === 0 ? `ключ-${i}-` + "k".repeat(i * 3) : `key${i}`));
    const zone = openZone({ name: "model", path: join(directory, `${at}`), sizeBytes });
    const dict = new SharedDict(zone);
    const modelled = new ModelledDict(dict, random, names, lengthMax);
    const last: string[] = [];
    try {
      for (let step = 0; step < 4000 * rounds; step++) {
        last.push(modelled.step());
        if (last.length > 10) last.shift();
        if (sizeBytes < 2 ** 16 || step % 50 === 0) expectSound(dict);
      }
      modelled.checkAll();
      expectSound(dict);
    } catch (error) {
      throw new Error(`SEED=${seed}, shape ${at}: ${error}, after:\n${last.join("\n")}`, { cause: error });
    }
    const { evictions } = dict.stats();
    expect(modelled.lost).toBeLessThanOrEqual(evictions);
    if (sizeBytes === 2 ** 20) expect(evictions).toBe(0);
    // Nothing leaked: empty, it is one free block again.
    for (const key of dict.getKeys(0)) dict.delete(key);
    dict.flushExpired();
    expectSound(dict);
    const fresh = new SharedDict(openZone({ name: "fresh", path: join(directory, `${at}-fresh`), sizeBytes }));
    expect(dict.freeSpace()).toBe(fresh.freeSpace());
  }, 60_000);
