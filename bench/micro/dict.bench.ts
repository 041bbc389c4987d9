// Question: what does one operation on a shared dictionary cost a worker that nobody disturbs? 32-byte keys, 1024 of
// them, in a zone of 64 MB; and what if the values are read in turn from 65 536 keys, so that no cache holds them, the
// processor's or ours? Left out: other workers (dict_readers.ts) and the peer (dict_peer.ts, the same loops).
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { SharedDict } from "../../src/shm/dict.ts";
import { LeakyBucket } from "../../src/shm/limit.ts";
import { openZone, zoneDirectory } from "../../src/shm/zone.ts";
import type { Micro } from "./harness.ts";

const KEYS = 1024;
const MANY = 65_536;
const keyOf = (first: string, i: number) => first + `ession:${String(i).padStart(24, "0")}`;
const keysOf = (first: string) => Array.from({ length: KEYS }, (_, i) => keyOf(first, i));
const keys = keysOf("s");
const missing = keysOf("m");
const counters = keysOf("c");
/** Not in the order in which they were stored. */
const shuffled = () => Array.from({ length: MANY }, (_, i) => keyOf("n", (i * 40_503) % MANY));
let manyKeys: string[] | undefined;
const clients = Array.from({ length: KEYS }, (_, i) => `10.0.${i >> 8}.${i & 255}`);

let made: { dict: SharedDict; bucket: LeakyBucket } | undefined;

/** Makes the zone when it is first needed, in a file that has no name any more. */
function zone(): { dict: SharedDict; bucket: LeakyBucket } {
  if (made) return made;
  const folder = mkdtempSync(join(zoneDirectory(), "resty-bench-"));
  const dict = new SharedDict(openZone({ name: "bench", path: join(folder, "zone"), sizeBytes: 64 * 2 ** 20 }));
  const limits = openZone({ name: "limits", path: join(folder, "limits"), sizeBytes: 2 ** 20 });
  rmSync(folder, { recursive: true });
  for (const key of keys) dict.set(key, "v".repeat(200));
  for (const key of counters) dict.set(key, 0);
  made = { dict, bucket: new LeakyBucket(limits, 1000) };
  return made;
}

function must(condition: boolean, what: string): void {
  if (!condition) throw new Error(what);
}

const sizes: [string, number][] = [
  ["64 B", 64],
  ["200 B", 200],
  ["1 KB", 1024],
  ["10 KB", 10_240],
  ["1 MB", 2 ** 20],
];

const bySize = sizes.flatMap(([label, bytes]): Micro[] => {
  const value = "v".repeat(bytes);
  const count = bytes > 100_000 ? 16 : KEYS;
  return [
    {
      name: `set, ${label}`,
      run(times) {
        const { dict } = zone();
        for (let i = 0; i < times; i++) must(dict.set(keys[i % count]!, value) === true, "set");
      },
    },
    {
      name: `get, ${label}`,
      run(times) {
        const { dict } = zone();
        for (let i = 0; i < count; i++) dict.set(keys[i]!, value);
        for (let i = 0; i < times; i++) must((dict.get(keys[i % count]!) as string).length === bytes, "get");
      },
    },
  ];
});

const micros: Micro[] = [
  ...bySize,
  {
    name: "get, miss",
    run(times) {
      const { dict } = zone();
      for (let i = 0; i < times; i++) must(dict.get(missing[i % KEYS]!) === undefined, "miss");
    },
  },
  {
    name: "incr",
    run(times) {
      const { dict } = zone();
      for (let i = 0; i < times; i++) must((dict.incr(counters[i % KEYS]!, 1) as number) > 0, "incr");
    },
  },
  {
    name: "get, number",
    run(times) {
      const { dict } = zone();
      for (let i = 0; i < times; i++) must((dict.get(counters[i % KEYS]!) as number) >= 0, "number");
    },
  },
  {
    name: "set, 200 B, 300 s",
    run(times) {
      const { dict } = zone();
      const value = "v".repeat(200);
      for (let i = 0; i < times; i++) must(dict.set(keys[i % KEYS]!, value, 300) === true, "set");
    },
  },
  {
    name: "set and delete",
    run(times) {
      const { dict } = zone();
      for (let i = 0; i < times; i++)
        must(dict.set(missing[i % KEYS]!, i) === true && dict.delete(missing[i % KEYS]!) === true, "");
    },
  },
  {
    name: "take from a leaky bucket",
    run(times) {
      const { bucket } = zone();
      for (let i = 0; i < times; i++) bucket.take(clients[i % KEYS]!, 10, i);
    },
  },
  {
    name: "get, 200 B of many",
    run(times) {
      const { dict } = zone();
      const value = "v".repeat(200);
      if (!manyKeys) for (let i = 0; i < MANY; i++) must(dict.set(keyOf("n", i), value) === true, "set");
      manyKeys ??= shuffled();
      for (let i = 0; i < times; i++) must((dict.get(manyKeys[i % MANY]!) as string).length === 200, "get");
    },
  },
  {
    name: "set, 200 B of many",
    run(times) {
      const { dict } = zone();
      const value = "v".repeat(200);
      manyKeys ??= shuffled();
      for (let i = 0; i < times; i++) must(dict.set(manyKeys[i % MANY]!, value) === true, "set");
    },
  },
];

export default micros;
