import { expect, test } from "bun:test";
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, statfsSync, statSync } from "node:fs";
import { join } from "node:path";
import { SharedDict } from "./dict.ts";
import { mapShared } from "./file.ts";
import { T_BYTES, ZONE_BYTES_MAX } from "./layout.ts";
import { Memory } from "./memory.ts";
import { Table } from "./table.ts";
import { Staged } from "./value.ts";
import { format, Zone, zoneDirectory } from "./zone.ts";

/** A value that takes room and is never written: so its pages need not exist. */
class Hole extends Staged {
  constructor(sizeBytes: number) {
    super();
    this.type = T_BYTES;
    this.length = this.bytesMax = sizeBytes;
  }
  override writeTo(): boolean {
    return true;
  }
  override settle(): boolean {
    return true;
  }
}

const folder = zoneDirectory(2 ** 26);
const { bavail, bsize } = statfsSync(folder);

// Needs 2 MB of memory: the file has pages only where something was written.
test.skipIf(bavail * bsize < 2 ** 26)("a zone of 4 GiB works up to its end", () => {
  const directory = mkdtempSync(join(folder, "resty-large-"));
  try {
    const path = join(directory, "zone");
    const fd = openSync(path, "w+");
    ftruncateSync(fd, ZONE_BYTES_MAX);
    closeSync(fd);
    const mapping = mapShared(path);
    format(mapping, ZONE_BYTES_MAX);
    const table = new Table(Memory.over(mapping));
    const dict = new SharedDict(new Zone({ name: "large", path, sizeBytes: ZONE_BYTES_MAX }, table, undefined, []));
    const empty = dict.freeSpace();
    expect(empty).toBeGreaterThan(3.6 * 2 ** 30);

    const put = (key: string, sizeBytes: number) => {
      table.setKey(key);
      table.lock();
      try {
        return table.store(table.find(), new Hole(sizeBytes), 0, 0, true);
      } finally {
        table.unlock();
      }
    };
    const most = 2 ** 31 - 1; // with the key
    expect(put("too large", most + 1)).toBe(0);
    expect(put("half", most - 4)).toBeGreaterThan(0);
    // All but a megabyte: what is stored now stands beyond what 32-bit numbers with a sign can address.
    expect(put("rest", dict.freeSpace() - 2 ** 20)).toBeGreaterThan(0);

    const texts = Array.from({ length: 1000 }, (_, i) => `text ${i} `.repeat(30));
    for (const [i, text] of texts.entries()) expect(dict.set(`key ${i}`, text)).toBe(true);
    for (const [i, text] of texts.entries()) expect(dict.get(`key ${i}`)).toBe(text);
    expect(table.setKey("key 999") && table.find() * 4).toBeGreaterThan(3.9e9);
    expect(dict.set("key 0", "é日".repeat(10))).toBe(true);
    expect(dict.get("key 0")).toBe("é日".repeat(10));
    expect([dict.incr("count", 1, 0), dict.incr("count", 1)]).toEqual([1, 2]);
    expect([dict.rpush("list", "a"), dict.rpush("list", "b"), dict.lpop("list")]).toEqual([1, 2, "a"]);
    expect([dict.hset("hash", "field", 7), dict.hget("hash", "field")]).toEqual([true, 7]);
    for (let i = 1; i < 1000; i += 2) dict.delete(`key ${i}`);
    const large = "l".repeat(dict.freeSpace() * 0.8); // larger than any piece that is free
    expect(dict.safeSet("large", large)).toBe(true);
    expect(dict.get("large")).toBe(large);

    for (const key of dict.getKeys(0)) dict.delete(key);
    expect(dict.freeSpace()).toBe(empty);
    expect(statSync(path).blocks * 512).toBeLessThan(2 ** 26);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
