// Question: do workers that read the same hot keys queue behind each other? 1, 2, 4 and 8 processes read 16 keys as
// fast as they can, without and with one more that writes them all the time. Shown: processor time for one read, which
// would grow with the number of readers if they spun for each other, and how often anybody found the lock taken.
// Reads per second of all together depend on what else the machine does.
//   bun bench/micro/dict_readers.ts [SECONDS]
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { SharedDict } from "../../src/shm/dict.ts";
import { openZone, zoneDirectory } from "../../src/shm/zone.ts";

const HOT = Array.from({ length: 16 }, (_, i) => `hot key number ${String(i).padStart(17, "0")}`);
const open = (path: string) => new SharedDict(openZone({ name: "readers", path, sizeBytes: 2 ** 20 }));
const [role, path, untilText] = process.argv.slice(2);

if (role === "read" || role === "write") hammer(role, open(path!), Number(untilText));
else await measure(Number(role ?? 2));

/** Prints how many operations there were, and nanoseconds of processor time for each. */
function hammer(what: "read" | "write", dict: SharedDict, until: number): void {
  let count = 0;
  const operate = () => {
    for (let i = 0; i < 1000; i++, count++) {
      if (what === "write") dict.set(HOT[count & 15]!, `${count}`.padEnd(200));
      else if (dict.get(HOT[count & 15]!) === undefined) throw new Error("a hot key is missing");
    }
  };
  for (let warm = 0; warm < 300; warm++) operate();
  count = 0;
  const before = process.cpuUsage();
  while (Date.now() < until) operate();
  const { user, system } = process.cpuUsage(before);
  console.log(count, ((user + system) * 1000) / count);
  dict.zone.close();
}

async function measure(seconds: number): Promise<void> {
  const folder = mkdtempSync(join(zoneDirectory(), "resty-readers-"));
  const dict = open(join(folder, "zone"));
  for (const key of HOT) dict.set(key, "v".repeat(200));
  console.log("readers  writers   ns a read   ns a write   reads/s together   lock waits   writes and reads");
  for (const writers of [0, 1])
    for (const readers of [1, 2, 4, 8]) {
      const waitsBefore = dict.stats().lockWaits;
      const until = String(Date.now() + 500 + seconds * 1000);
      const run = async (what: string) => {
        const cmd = [process.execPath, import.meta.path, what, dict.zone.path, until];
        const child = Bun.spawn({ cmd, stdio: ["ignore", "pipe", "inherit"] });
        const [count, ns] = (await new Response(child.stdout).text()).split(" ").map(Number);
        return { count: count!, ns: ns! };
      };
      const reading = Array.from({ length: readers }, () => run("read"));
      const writing = await Promise.all(Array.from({ length: writers }, () => run("write")));
      const read = await Promise.all(reading);
      const total = (of: { count: number }[]) => of.reduce((sum, { count }) => sum + count, 0);
      const mean = (of: { ns: number }[]) => of.reduce((sum, { ns }) => sum + ns, 0) / of.length;
      const columns = [
        String(readers).padStart(7),
        String(writers).padStart(7),
        mean(read).toFixed(0).padStart(10),
        (writers > 0 ? mean(writing).toFixed(0) : "").padStart(11),
        (total(read) / seconds).toFixed(0).padStart(17),
        String(dict.stats().lockWaits - waitsBefore).padStart(11),
        String(total(read) + total(writing)).padStart(17),
      ];
      console.log(columns.join("  "));
    }
  dict.zone.close();
  rmSync(folder, { recursive: true });
}
