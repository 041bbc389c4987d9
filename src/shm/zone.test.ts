import { afterAll, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { SharedDict } from "./dict.ts";
import { H_CHECK, H_HEAP_AT, H_LOCK, H_LRU_HEAD, H_SEED, H_VERSION } from "./layout.ts";
import { findDamage } from "./verify.ts";
import { openZone, zoneDirectory } from "./zone.ts";

const directory = mkdtempSync(join(tmpdir(), "resty-zone-"));
afterAll(() => rmSync(directory, { recursive: true }));

let files = 0;
const somewhere = () => join(directory, `zone${files++}`);
const open = (path: string, sizeBytes = 64 * 1024) => openZone({ name: "test", path, sizeBytes });

/** Makes a zone with some keys, closed again. */
function withKeys(sizeBytes = 64 * 1024): string {
  const path = somewhere();
  const zone = open(path, sizeBytes);
  const dict = new SharedDict(zone);
  for (let i = 0; i < 50; i++) dict.set(`key${i}`, `value ${i}`, i % 2 ? 100 : 0, i);
  dict.rpush("list", 1);
  dict.rpush("list", "two");
  dict.hset("hash", "field", true);
  zone.close();
  return path;
}

describe("a zone", () => {
  test("is made when it is not there, and survives being closed", () => {
    const path = somewhere();
    const zone = open(path);
    expect([zone.isNew, zone.notices, zone.name, zone.sizeBytes]).toEqual([true, [], "test", 64 * 1024]);
    new SharedDict(zone).set("k", "kept");
    zone.close();
    const again = open(path);
    expect([again.isNew, again.notices]).toEqual([false, []]);
    expect(new SharedDict(again).get("k")).toBe("kept");
    again.unlink();
    expect(existsSync(path)).toBe(false);
  });

  test("is one for all who open it", () => {
    const path = somewhere();
    const [a, b] = [new SharedDict(open(path)), new SharedDict(open(path))];
    a.set("k", 1);
    expect(b.incr("k", 1)).toBe(2);
    expect(a.get("k")).toBe(2);
  });

  test("has all its space reserved", () => {
    const path = somewhere();
    open(path, 2 ** 20);
    expect(statSync(path).blocks * 512).toBeGreaterThanOrEqual(2 ** 20);
  });

  test("is private to its user", () => {
    const path = somewhere();
    open(path);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test("can be as small as 8 KiB, and no smaller; 4 GiB is the most", () => {
    const dict = new SharedDict(open(somewhere(), 8192));
    expect(dict.set("k", "v".repeat(1000))).toBe(true);
    for (const size of [8191, 0, -1, NaN, 2 ** 32 + 64, Infinity]) {
      const path = somewhere();
      expect(() => open(path, size)).toThrow(RangeError);
      expect(existsSync(path)).toBe(false);
    }
  });

  test("that cannot be reserved is an error that says so, and leaves nothing behind", async () => {
    const path = somewhere();
    const code = `
      const { openZone } = await import(${JSON.stringify(join(import.meta.dir, "zone.ts"))});
      try {
        openZone({ name: "large", path: ${JSON.stringify(path)}, sizeBytes: 2 ** 24 });
      } catch (error) {
        console.log(error.message);
      }`;
    // A bound on the size of files stands for a full disk: 4096 blocks of 512 or 1024 bytes.
    const limited = ["sh", "-c", `trap '' XFSZ; ulimit -f 4096; exec "$0" -e "$1"`, process.execPath, code];
    const child = Bun.spawn({ cmd: limited, stdio: ["ignore", "pipe", "inherit"] });
    expect(await new Response(child.stdout).text()).toStartWith(
      `${path}: cannot reserve ${2 ** 24} bytes of shared memory: `,
    );
    expect(readdirSync(directory).filter((name) => join(directory, name).startsWith(path))).toEqual([
      `${basename(path)}.lock`,
    ]);
  });
});

describe("a file that is no good is replaced, with a notice", () => {
  const cases: [string, (path: string) => void, RegExp][] = [
    ["not a zone", (path) => writeFileSync(path, "x".repeat(70_000)), /is not a zone, replaced/],
    ["empty", (path) => writeFileSync(path, ""), /is not a zone, replaced/],
    ["of another version", (path) => poke(path, H_VERSION, 99), /was made by another version, replaced/],
    ["cut short", (path) => truncateSync(path, 5000), /is damaged, replaced/],
    ["with a damaged header", (path) => poke(path, H_SEED, 5), /is damaged, replaced/],
    ["with a damaged checksum", (path) => poke(path, H_CHECK, 5), /is damaged, replaced/],
    ["with a damaged heap", (path) => poke(path, read(path, H_HEAP_AT), 12345), /is damaged, replaced/],
    ["with a damaged list", (path) => poke(path, H_LRU_HEAD, 17), /is damaged, replaced/],
  ];
  test.each(cases)("%s", (_, damage, notice) => {
    const path = withKeys();
    damage(path);
    const zone = open(path);
    expect(zone.notices).toEqual([expect.stringMatching(notice)]);
    expect(zone.isNew).toBe(true);
    const dict = new SharedDict(zone);
    expect(dict.getKeys()).toEqual([]);
    expect(dict.set("k", 1)).toBe(true);
  });

  test("any one word overwritten is noticed, or does no harm", () => {
    const good = readFileSync(withKeys());
    const path = somewhere();
    for (let at = 0; at < good.length / 4; at += at < 700 ? 1 : 37) {
      for (const value of [0, -1, 64, 0x7fffffff]) {
        const bytes = Buffer.from(good);
        bytes.writeInt32LE(value, at * 4);
        if (at === H_LOCK) continue; // a live process' word would be waited for
        writeFileSync(path, bytes);
        const zone = open(path);
        const dict = new SharedDict(zone);
        expect(dict.set("new", "x".repeat(3000))).toBe(true);
        expect([at, value, (dict.get("new") as string)?.length]).toEqual([at, value, 3000]);
        zone.table.lock();
        const damage = findDamage(zone.table);
        zone.table.unlock();
        expect([at, value, damage]).toEqual([at, value, undefined]);
        zone.close();
      }
    }
  }, 60_000);

  test("a lock whose owner has died is taken over", () => {
    const path = withKeys();
    poke(path, H_LOCK, 0x3fffff);
    const dict = new SharedDict(open(path));
    expect(dict.get("key1")).toBe("value 1");
    expect(dict.stats().recoveries).toBe(1);
  });
});

describe("a file that somebody else may have put there", () => {
  test("that others may write to is replaced by an empty one", () => {
    const path = withKeys();
    chmodSync(path, 0o666);
    const zone = open(path);
    expect([zone.isNew, statSync(path).mode & 0o777]).toEqual([true, 0o600]);
    zone.close();
  });

  test("that is a link is not followed", () => {
    const [path, target] = [somewhere(), withKeys()];
    symlinkSync(target, path);
    const zone = open(path);
    expect([zone.isNew, lstatSync(path).isSymbolicLink()]).toEqual([true, false]);
    zone.close();
  });
});

test("many processes that open a zone at once, the first time, have one", async () => {
  const path = somewhere();
  const code = `
    const { openZone } = await import(${JSON.stringify(join(import.meta.dir, "zone.ts"))});
    const { SharedDict } = await import(${JSON.stringify(join(import.meta.dir, "dict.ts"))});
    const zone = openZone({ name: "raced", path: ${JSON.stringify(path)}, sizeBytes: 65536 });
    new SharedDict(zone).incr("opened", 1, 0);`;
  const children = Array.from({ length: 6 }, () =>
    Bun.spawn({ cmd: [process.execPath, "-e", code], stdio: ["ignore", "inherit", "inherit"] }),
  );
  expect(await Promise.all(children.map((child) => child.exited))).toEqual([0, 0, 0, 0, 0, 0]);
  expect(new SharedDict(open(path)).get("opened")).toBe(6);
});

describe("a zone of another size", () => {
  test.each([[8 * 1024], [16 * 1024], [128 * 1024]])("keeps what fits into %d bytes", (sizeBytes) => {
    const path = withKeys();
    const zone = open(path, sizeBytes);
    const dict = new SharedDict(zone);
    const kept = dict.getKeys(0);
    expect(zone.notices).toEqual([
      `zone "test": resized from 65536 to ${sizeBytes} bytes, ${kept.length} of 52 keys kept`,
    ]);
    if (sizeBytes > 8 * 1024) {
      expect(kept.length).toBe(52);
      expect(dict.getWithFlags("key7")).toEqual({ value: "value 7", flags: 7 });
      expect(dict.ttl("key7")).toBeCloseTo(100, 0);
      expect(dict.ttl("key8")).toBe(0);
    } else expect(kept.length).toBeGreaterThan(20);
    expect(dict.lrange("list")).toEqual([1, "two"]);
    expect(dict.hgetAll("hash")).toEqual(new Map([["field", true]]));
    expect(statSync(path).size).toBe(sizeBytes);
  });

  test("leaves those who have the old one open alone", () => {
    const path = somewhere();
    const old = new SharedDict(open(path));
    old.set("k", "old");
    const dict = new SharedDict(open(path, 128 * 1024));
    old.set("k", "later");
    expect([old.get("k"), dict.get("k")]).toEqual(["later", "old"]);
  });
});

test("a zone has from 8 KiB to 4 GiB", () => {
  for (const sizeBytes of [0, 4096, 2 ** 32 + 64, Number.NaN])
    expect(() => open(somewhere(), sizeBytes)).toThrow("is not from 8 KiB to 4 GiB");
  const zone = open(somewhere(), 12 * 1024);
  expect(new SharedDict(zone).set("k", "v")).toBe(true);
  zone.close();
});

test("zones are kept in /dev/shm, if it is there and has room", () => {
  expect(zoneDirectory()).toBe(existsSync("/dev/shm") ? "/dev/shm" : tmpdir());
  expect(zoneDirectory(2 ** 60)).toBe(tmpdir());
  expect(zoneDirectory(0, join(directory, "none"))).toBe(tmpdir());
});

function poke(path: string, word: number, value: number): void {
  const bytes = readFileSync(path);
  bytes.writeInt32LE(value, word * 4);
  writeFileSync(path, bytes);
}

function read(path: string, word: number): number {
  return readFileSync(path).readInt32LE(word * 4);
}
