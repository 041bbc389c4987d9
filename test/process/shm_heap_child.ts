// For shm_heap.test.ts: prints, as JSON, how many bytes of heap an operation on a dictionary takes.
import { heapStats } from "bun:jsc";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SharedDict } from "../../src/shm/dict.ts";
import { openZone } from "../../src/shm/zone.ts";

const TIMES = 200_000;
const folder = mkdtempSync(join(tmpdir(), "resty-heap-"));
const dict = new SharedDict(openZone({ name: "heap", path: join(folder, "zone"), sizeBytes: 2 ** 16 }));
rmSync(folder, { recursive: true });
dict.set("number", 0);
dict.set("text", "v".repeat(200));

const kept: unknown[] = [];
const works: Record<string, () => unknown> = {
  nothing: () => 0,
  "an object": () => (kept[0] = { count: 1, last: 2 }),
  miss: () => dict.get("missing"),
  incr: () => dict.incr("number", 1),
  "get of a number": () => dict.get("number"),
  "set of a number": () => dict.set("number", 1),
  "get of a text": () => dict.get("text"),
};
const bytes: Record<string, number> = {};
for (const [name, work] of Object.entries(works)) {
  const attempts = Array.from({ length: 3 }, () => {
    const before = heapStats().heapCapacity;
    for (let i = 0; i < TIMES; i++) work();
    return (heapStats().heapCapacity - before) / TIMES;
  });
  bytes[name] = Math.min(...attempts); // the first one has the compiler's share too
}
console.log(JSON.stringify(bytes));
