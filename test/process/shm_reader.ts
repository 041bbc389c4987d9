// Reads keys that another process keeps writing, until one says "stop": bun shm_reader.ts ZONE SIZE KEYS
// Prints how many reads there were; ends with an error for a key that was missing, torn, or older than before.
import { SharedDict } from "../../src/shm/dict.ts";
import { openZone } from "../../src/shm/zone.ts";
import { isValueOf } from "./shm_values.ts";

const [path, sizeBytes, count] = process.argv.slice(2);
const dict = new SharedDict(openZone({ name: "read", path: path!, sizeBytes: Number(sizeBytes) }));
const last = Array.from({ length: Number(count) }, () => -1);
let reads = 0;
dict.incr("ready", 1, 0);
while (dict.get("stop") === undefined) {
  for (let key = 0; key < last.length; key++, reads++) {
    const value = dict.get(`key${key}`);
    const version = typeof value === "number" ? value : Number((value as string | undefined)?.split(":")[0]);
    if (value === undefined || !isValueOf(version, value)) throw new Error(`key${key} is torn: ${Bun.inspect(value)}`);
    if (version < last[key]!) throw new Error(`key${key} went back from ${last[key]} to ${version}`);
    last[key] = version;
  }
}
console.log(reads);
