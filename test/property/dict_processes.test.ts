import { afterAll, expect, test } from "bun:test";
import { deserialize } from "bun:jsc";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { SharedDict } from "../../src/shm/dict.ts";
import { itemsOf } from "../../src/shm/items.ts";
import { openZone, zoneDirectory } from "../../src/shm/zone.ts";
import { Prng } from "../../src/std/prng.ts";
import { expectSound } from "./dict_model.ts";

const directory = mkdtempSync(join(zoneDirectory(), "resty-processes-"));
afterAll(() => rmSync(directory, { recursive: true }));

const seed = Prng.seedFromEnvironment();
const steps = 3000 * Number(process.env.DICT_ROUNDS ?? 1);
const names = ["a", "b", "c"];

test(`${names.length} processes at once do what one plain Map does (SEED=${seed})`, async () => {
  const zone = openZone({ name: "shared", path: join(directory, "zone"), sizeBytes: 16 * 2 ** 20 });
  const dict = new SharedDict(zone);
  const random = new Prng(seed);
  const workers = names.map((name) =>
    Bun.spawn({
      cmd: [
        process.execPath,
        join(import.meta.dir, "dict_worker.ts"),
        zone.path,
        String(zone.sizeBytes),
        name,
        String(random.below(2 ** 31)),
        String(steps),
      ],
      stdio: ["ignore", "pipe", "inherit"],
    }),
  );
  const model = new Map<string, unknown>();
  for (const worker of workers) {
    const answer = await new Response(worker.stdout).arrayBuffer();
    expect([seed, await worker.exited]).toEqual([seed, 0]);
    const [held, lost] = deserialize(answer) as [Map<string, object>, number];
    expect(lost).toBe(0);
    for (const [key, value] of held) model.set(key, value);
  }

  expect(dict.get("counter")).toBe(names.length * steps);
  expect(dict.get("updates")).toBe(names.length * steps);
  expect(dict.hgetAll("counts")).toEqual(new Map(names.toReversed().map((name) => [name, steps])));
  // Each process' entries of the common list are in its order.
  const queue = dict.lrange("queue") as string[];
  for (const name of names) {
    const own = queue.filter((text) => text.startsWith(name));
    expect(own).toEqual(Array.from({ length: Math.ceil(steps / 3) }, (_, i) => `${name} ${i * 3}`));
  }
  for (const key of ["counter", "updates", "counts", "queue"]) dict.delete(key);

  const content = [...itemsOf(dict)].map(({ key, held }) => [key, { kind: Object.keys(held)[0], ...held }]);
  expect(new Map(content as [string, unknown][])).toEqual(model);
  expectSound(dict);
}, 60_000);
