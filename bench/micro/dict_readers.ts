// Question: do workers that read the same hot keys queue behind each other? 1, 2, 4 and 8 processes read 16 keys as
// fast as they can, without and with one more that writes them all the time. Shown: reads per second of all together,
// and how often somebody found the lock taken. What two cores can do is twice one; beyond, it should stay.
//   bun bench/micro/dict_readers.ts [SECONDS]
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { SharedDict } from "../../src/shm/dict.ts";
import { openZone, zoneDirectory } from "../../src/shm/zone.ts";

const HOT = Array.from({ length: 16 }, (_, i) => `hot key number ${String(i).padStart(17, "0")}`);
const open = (path: string) => new SharedDict(openZone({ name: "readers", path, sizeBytes: 2 ** 20 }));
const [role, path, untilText] = process.argv.slice(2);

if (role === "read" || role === "write") {
  const dict = open(path!);
  const until = Number(untilText);
  let count = 0;
  while (Date.now() < until)
    for (let i = 0; i < 1000; i++, count++) {
      if (role === "write") dict.set(HOT[count & 15]!, `${count}`.padEnd(200));
      else if (dict.get(HOT[count & 15]!) === undefined) throw new Error("a hot key is missing");
    }
  console.log(count);
  dict.zone.close();
} else {
  const seconds = Number(role ?? 2);
  const folder = mkdtempSync(join(zoneDirectory(), "resty-readers-"));
  const dict = open(join(folder, "zone"));
  for (const key of HOT) dict.set(key, "v".repeat(200));
  console.log("readers  writers   reads/s together   of one alone   writes/s   lock waits");
  let alone = 0;
  for (const writers of [0, 1])
    for (const readers of [1, 2, 4, 8]) {
      const before = dict.stats().lockWaits;
      const until = String(Date.now() + 300 + seconds * 1000);
      const run = (what: string) =>
        Bun.spawn({
          cmd: [process.execPath, import.meta.path, what, dict.zone.path, until],
          stdio: ["ignore", "pipe", "inherit"],
        });
      const all = [
        ...Array.from({ length: readers }, () => run("read")),
        ...Array.from({ length: writers }, () => run("write")),
      ];
      const counts = await Promise.all(all.map(async (child) => Number(await new Response(child.stdout).text())));
      const sum = (from: number[]) => from.reduce((a, b) => a + b, 0) / (seconds + 0.3);
      const reads = sum(counts.slice(0, readers));
      alone ||= reads;
      const waits = dict.stats().lockWaits - before;
      console.log(
        `${String(readers).padStart(7)}  ${String(writers).padStart(7)}   ${reads.toFixed(0).padStart(16)}   ` +
          `${(reads / alone).toFixed(2).padStart(12)}   ${sum(counts.slice(readers)).toFixed(0).padStart(8)}   ${String(waits).padStart(10)}`,
      );
    }
  dict.zone.close();
  rmSync(folder, { recursive: true });
}
