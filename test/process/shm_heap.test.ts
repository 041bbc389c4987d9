import { expect, test } from "bun:test";
import { join } from "node:path";

test("a miss and numbers take nothing from the heap, a text at most one string", () => {
  const child = Bun.spawnSync({
    cmd: [process.execPath, join(import.meta.dir, "shm_heap_child.ts")],
    // Nothing is freed, so all that is allocated shows in the size; code is compiled at the same point each time.
    env: { ...process.env, BUN_JSC_useGC: "0", BUN_JSC_useConcurrentJIT: "0" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const bytes = JSON.parse(child.stdout.toString()) as Record<string, number>;
  const nothing = 0.5; // the heap grows by 16 KB at a time
  expect(bytes["an object"]).toBeGreaterThanOrEqual(16);
  expect(bytes["nothing"]).toBeLessThan(nothing);
  expect(bytes["miss"]).toBeLessThan(nothing);
  expect(bytes["incr"]).toBeLessThan(nothing);
  expect(bytes["get of a number"]).toBeLessThan(nothing);
  expect(bytes["set of a number"]).toBeLessThan(nothing);
  expect(bytes["get of a text"]).toBeLessThan(20); // its characters are elsewhere
}, 60_000);
