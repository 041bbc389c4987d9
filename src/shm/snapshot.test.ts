import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SharedDict } from "./dict.ts";
import { persist, restoreSnapshot, saveSnapshot } from "./snapshot.ts";
import { openZone } from "./zone.ts";

const directory = mkdtempSync(join(tmpdir(), "resty-snapshot-"));
afterAll(() => rmSync(directory, { recursive: true }));

let files = 0;
const fresh = (sizeBytes = 64 * 1024) =>
  new SharedDict(openZone({ name: "kept", path: join(directory, `zone${files++}`), sizeBytes }));

function filled(): SharedDict {
  const dict = fresh();
  dict.set("text", "日本", 0, 5);
  dict.set("number", NaN, 100);
  dict.set("structured", { when: new Date(7), map: new Map([["k", 1n]]) });
  dict.set("bytes", new Uint8Array([1, 2]));
  dict.set("short", 1, 0.001);
  for (let i = 0; i < 100; i++) dict.rpush("list", `element ${i}`);
  dict.hset("hash", "a", 1);
  dict.hset("hash", "b", "two");
  dict.expire("hash", 50);
  return dict;
}

test("a snapshot brings everything back", () => {
  const path = join(directory, "snapshot");
  expect(saveSnapshot(filled(), path)).toBeGreaterThanOrEqual(6);
  const dict = fresh();
  expect(restoreSnapshot(dict, path)).toBeGreaterThanOrEqual(6);
  expect(dict.getWithFlags("text")).toEqual({ value: "日本", flags: 5 });
  expect(dict.get("number")).toBeNaN();
  expect(dict.ttl("number")).toBeCloseTo(100, 0);
  expect(dict.get("structured")).toEqual({ when: new Date(7), map: new Map([["k", 1n]]) });
  expect(dict.get("bytes")).toEqual(new Uint8Array([1, 2]));
  expect(dict.llen("list")).toBe(100);
  expect([...dict.hgetAll("hash")!.keys()]).toEqual(["b", "a"]);
  expect(dict.ttl("hash")).toBeCloseTo(50, 0);
  expect(dict.typeOf("short")).toBeUndefined();
});

test("into a smaller zone goes what was used last", () => {
  const path = join(directory, "large");
  const large = fresh();
  for (let i = 0; i < 300; i++) large.set(`k${i}`, "x".repeat(60));
  saveSnapshot(large, path);
  const small = fresh(16 * 1024);
  restoreSnapshot(small, path);
  expect(small.get("k299")).toBeDefined();
  expect(small.get("k0")).toBeUndefined();
});

test("a snapshot with any byte changed, or cut short, restores nothing", () => {
  const path = join(directory, "good");
  saveSnapshot(filled(), path);
  const good = readFileSync(path);
  const bad = join(directory, "bad");
  const dict = fresh();
  for (let at = 0; at < good.length; at += at < 64 ? 1 : 97) {
    const bytes = Buffer.from(good);
    bytes[at]! ^= 0x20;
    writeFileSync(bad, bytes);
    expect([at, restoreSnapshot(dict, bad)]).toEqual([at, at >= 14 && at <= 16 ? "of another version" : "damaged"]);
    writeFileSync(bad, good.subarray(0, at));
    expect(restoreSnapshot(dict, bad)).toBeOneOf(["damaged", "of another version"]);
  }
  expect(restoreSnapshot(dict, join(directory, "none"))).toBe("missing");
  expect(dict.getKeys()).toEqual([]);
});

test("a save that fails leaves the last one, and nothing else", () => {
  const folder = mkdtempSync(join(directory, "folder-"));
  const path = join(folder, "snapshot");
  saveSnapshot(filled(), path);
  expect(() => saveSnapshot(filled(), join(folder, "missing", "snapshot"))).toThrow("ENOENT");
  expect(readdirSync(folder)).toEqual(["snapshot"]);
});

test("a dictionary is saved every so often, and when it is stopped", async () => {
  const path = join(directory, "timed");
  const dict = fresh();
  dict.set("k", 1);
  const errors: unknown[] = [];
  const persistence = persist(dict, path, 0.005, (error) => errors.push(error));
  while (!existsSync(path)) await Bun.sleep(1);
  dict.set("k", 2);
  persistence.stop();
  const restored = fresh();
  restoreSnapshot(restored, path);
  expect(restored.get("k")).toBe(2);
  expect(errors).toEqual([]);
});
