import { afterAll, describe, expect, setSystemTime, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SharedDict, type Value } from "./dict.ts";
import { openZone } from "./zone.ts";

const directory = mkdtempSync(join(tmpdir(), "resty-dict-"));
afterAll(() => rmSync(directory, { recursive: true }));

let files = 0;
const fresh = (sizeBytes = 64 * 1024) =>
  new SharedDict(openZone({ name: "test", path: join(directory, `zone${files++}`), sizeBytes }));

/** Runs `work` with a clock that only `later` moves. */
function withClock(work: (later: (seconds: number) => void) => void): void {
  let now = Date.now();
  setSystemTime(new Date(now));
  try {
    work((seconds) => setSystemTime(new Date((now += seconds * 1000))));
  } finally {
    setSystemTime();
  }
}

describe("room", () => {
  const fill = (dict: SharedDict, value: Value) => {
    let count = 0;
    while (dict.safeSet(`k${count}`, value) === true) count++;
    return count;
  };

  test("safeSet refuses when there is none, set evicts the least recently used", () => {
    const dict = fresh(16 * 1024);
    const count = fill(dict, "v".repeat(100));
    expect(dict.safeAdd("new", "v".repeat(100))).toBe("no memory");
    expect(dict.forcible).toBe(false);
    expect(dict.get("k0")).toBeDefined(); // now the most recently used
    expect(dict.set("new", "v".repeat(100))).toBe(true);
    expect(dict.forcible).toBe(true);
    expect(dict.get("k0")).toBeDefined();
    expect(dict.get("k1")).toBeUndefined();
    expect(dict.getKeys(0).length).toBe(count);
    expect(dict.set("new", "w".repeat(100))).toBe(true);
    expect(dict.forcible).toBe(false);
    expect(dict.stats().evictions).toBe(1);
  });

  test("is never refused because it lies in pieces", () => {
    const dict = fresh(16 * 1024);
    const count = fill(dict, 1);
    for (let i = 0; i < count; i += 2) dict.delete(`k${i}`);
    const half = dict.freeSpace();
    const large = "0123456789".repeat(Math.floor((half * 0.85) / 10));
    expect(dict.safeSet("large", large)).toBe(true);
    expect(dict.get("large")).toBe(large);
    expect(dict.safeSet("large", `${large}!`)).toBe(true);
    expect(dict.get("large")).toBe(`${large}!`);
    const keyInPieces = "key".repeat(300);
    dict.delete("large");
    expect(dict.safeSet(keyInPieces, "日".repeat(500))).toBe(true);
    expect(dict.get(keyInPieces)).toBe("日".repeat(500));
    expect(dict.getKeys(0)).toContain(keyInPieces);
    expect(dict.freeSpace()).toBeLessThan(half);
  });

  test("a value larger than the zone is refused at once, and evicts nothing", () => {
    const dict = fresh(16 * 1024);
    const count = fill(dict, 1);
    expect(dict.set("huge", "x".repeat(17_000))).toBe("no memory");
    expect(dict.rpush("huge", "x".repeat(17_000))).toBe("no memory");
    expect(dict.hset("huge", "f", "x".repeat(17_000))).toBe("no memory");
    expect(dict.typeOf("huge")).toBeUndefined();
    dict.set("k0", "x".repeat(17_000));
    expect(dict.get("k0")).toBe(1);
    expect(dict.getKeys(0).length).toBe(count);
  });

  test("a value that does not fit keeps the old one", () => {
    const dict = fresh(16 * 1024);
    dict.set("k", "old");
    const rest = fill(dict, "r".repeat(500));
    expect(rest).toBeGreaterThan(5);
    expect(dict.safeSet("k", "n".repeat(5000))).toBe("no memory");
    expect(dict.get("k")).toBe("old");
  });

  test("a value takes its predecessor's place when both do not fit", () => {
    const dict = fresh(16 * 1024);
    expect(dict.set("k", "a".repeat(9000))).toBe(true);
    expect(dict.set("k", "b".repeat(9001))).toBe(true);
    expect(dict.get("k")).toBe("b".repeat(9001));
    expect(dict.safeSet("k", "c".repeat(9000))).toBe(true);
    expect(dict.get("k")).toBe("c".repeat(9000));
  });

  test("expired keys are reclaimed before anything is refused", () =>
    withClock((later) => {
      const dict = fresh(16 * 1024);
      let count = 0;
      while (dict.safeSet(`k${count}`, "x".repeat(100), 1) === true) count++;
      later(2);
      expect(dict.safeSet("new", "x".repeat(1000))).toBe(true);
      expect(dict.stats().expiries).toBe(count);
    }));

  test("lists and hashes give theirs back", () => {
    const dict = fresh();
    const empty = dict.freeSpace();
    for (let i = 0; i < 500; i++) dict.rpush("list", `element ${i}`);
    for (let i = 0; i < 100; i++) dict.hset("hash", `field ${i}`, i);
    dict.delete("list");
    dict.set("hash", 1);
    dict.delete("hash");
    expect(dict.freeSpace()).toBe(empty);
  });

  test("capacity is what was asked for", () => expect(fresh(12 * 1024).capacity()).toBe(12 * 1024));
});
