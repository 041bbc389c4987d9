// Works on a zone as hard as it can until it is killed: bun shm_worker.ts ZONE SIZE COUNTERS SLOT SEED
import { openCounters } from "../../src/shm/counters.ts";
import { SharedDict } from "../../src/shm/dict.ts";
import { openZone } from "../../src/shm/zone.ts";
import { Prng } from "../../src/std/prng.ts";
import { countFields, Hammer } from "./shm_hammer.ts";

const [path, sizeBytes, counters, slot, seed] = process.argv.slice(2);
const open = (name: string) => new SharedDict(openZone({ name, path: path! + name, sizeBytes: Number(sizeBytes) }));
const row = openCounters(counters!, 8, countFields).row(Number(slot));
const hammer = new Hammer(open("hammered"), open("safe"), row, new Prng(Number(seed)));
for (;;) hammer.step();
