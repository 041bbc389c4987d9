import { expect, test } from "bun:test";
import { join } from "node:path";
import { SessionCache } from "../../handlers/api/session/_cache.ts";
import { SharedDict } from "../../src/shm/dict.ts";
import { openZone } from "../../src/shm/zone.ts";
import { Prng } from "../../src/std/prng.ts";
import { makeFolder, removeFolder } from "../lib/folder.ts";

/** One step of something that takes several; answers the one after it. */
type Step = () => Step | void;

/**
 * Several workers read sessions from a store into the cache and write them, each step at any time between those of the
 * others. Whatever comes: once a write has been answered, the cache must never again say what was before it.
 */
test("the cache never says what was true before a write that was answered", () => {
  const folder = makeFolder("cache");
  const zone = openZone({ name: "cache", path: join(folder, "zone"), sizeBytes: 1 << 16 });
  try {
    const seed = Prng.seedFromEnvironment();
    const random = new Prng(seed);
    const workers = Array.from({ length: 3 }, () => new SessionCache(new SharedDict(zone), 300));
    const ids = ["a", "b"].map((letter) => letter.repeat(32));
    const store = new Map(ids.map((id) => [id, 0]));
    /** The version that the last answered write left. */
    const answered = new Map(store);
    /** What is under way: the next step of each. */
    const running: Step[] = [];

    let hits = 0;
    for (let i = 0; i < 20_000; i++) {
      const cache = random.pick(workers);
      const id = random.pick(ids);
      const known = cache.get(id);
      if (known !== undefined) hits++;
      if (known !== undefined && Number(known) < answered.get(id)!)
        throw new Error(`SEED=${seed}: version ${known} after ${answered.get(id)} was answered, step ${i}`);
      const what = random.below(10);
      if (what < 6 && running.length > 0) {
        const at = random.below(running.length);
        const next = running[at]!();
        if (next) running[at] = next;
        else running.splice(at, 1);
      } else if (what < 8) {
        const ticket = cache.reading(id);
        running.push(() => {
          const version = store.get(id)!; // the store answers now
          return () => void cache.keep(id, ticket, String(version), 0);
        });
      } else if (what < 9) {
        running.push(() => {
          const version = store.get(id)! + 1;
          store.set(id, version);
          return () => {
            cache.forget(id);
            answered.set(id, Math.max(answered.get(id)!, version));
          };
        });
      } else cache.touch(id, i);
    }
    expect(hits).toBeGreaterThan(10);
  } finally {
    zone.close();
    removeFolder(folder);
  }
});
