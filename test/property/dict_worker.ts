// Random operations on keys of its own, in a dict that others use: bun dict_worker.ts ZONE SIZE NAME SEED STEPS
// Ends with its model on standard output, for the parent to compare with what is there.
import { serialize } from "bun:jsc";
import { SharedDict } from "../../src/shm/dict.ts";
import { openZone } from "../../src/shm/zone.ts";
import { Prng } from "../../src/std/prng.ts";
import { ModelledDict } from "./dict_model.ts";

const [path, sizeBytes, name, seed, steps] = process.argv.slice(2);
const dict = new SharedDict(openZone({ name: "shared", path: path!, sizeBytes: Number(sizeBytes) }));
const keys = Array.from({ length: 40 }, (_, i) => `${name}${i}`);
const modelled = new ModelledDict(dict, new Prng(Number(seed)), keys, 2000, false);
for (let step = 0; step < Number(steps); step++) {
  modelled.step();
  dict.incr("counter", 1, 0);
  dict.hincr("counts", name!, 1);
  dict.update("updates", (value) => ((value as number | undefined) ?? 0) + 1);
  if (step % 3 === 0) dict.rpush("queue", `${name} ${step}`);
}
for (const key of keys) modelled.check(key);
await Bun.write(Bun.stdout, serialize([modelled.model, modelled.lost]));
