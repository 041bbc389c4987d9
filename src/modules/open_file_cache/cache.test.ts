import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FileCache } from "./cache.ts";
import { DiskFile } from "./disk_file.ts";

let folder = "";
const path = (name: string): string => join(folder, name);
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "resty-cache-"));
  for (const name of ["a", "b", "c"]) writeFileSync(path(name), name);
  mkdirSync(path("d"));
});
afterAll(() => rmSync(folder, { recursive: true }));

test("one descriptor for all who ask, closed after the last of them", () => {
  const cache = new FileCache(10, 60_000);
  const first = cache.open(path("a"), 1000, 1, false, 0) as DiskFile;
  const second = cache.open(path("a"), 1000, 1, false, 500);
  expect(second).toBe(first);
  expect(Buffer.from(first.bytes!).toString()).toBe("a");
  cache.clear();
  expect(() => first.release()).not.toThrow();
  (second as DiskFile).release();
  expect(() => first.release()).not.toThrow(); // one too many does nothing
  expect(cache.size).toBe(0);
});

test("after validMs it is looked at again, and replaced when it is another file", () => {
  const cache = new FileCache(10, 60_000);
  const open = (nowMs: number): DiskFile => {
    const file = cache.open(path("a"), 1000, 1, false, nowMs) as DiskFile;
    file.release();
    return file;
  };
  const first = open(0);
  expect(open(900)).toBe(first);
  expect(open(2000)).toBe(first);
  writeFileSync(path("new"), "replaced");
  renameSync(path("new"), path("a"));
  expect(open(2900)).toBe(first);
  expect(open(4000)).not.toBe(first);
  expect(open(4000).sizeBytes).toBe(8);
  cache.clear();
});

test("the least recently used one leaves, and what nobody asked for lately", () => {
  const cache = new FileCache(2, 10_000);
  const use = (name: string, nowMs: number): void => {
    const found = cache.open(path(name), 60_000, 1, false, nowMs);
    if (found instanceof DiskFile) found.release();
  };
  use("a", 0);
  use("b", 1);
  use("a", 2);
  use("c", 3);
  expect(cache.size).toBe(2);
  const a = cache.open(path("a"), 60_000, 1, false, 4) as DiskFile;
  use("d", 20_000);
  expect(cache.size).toBe(1);
  a.release();
  cache.clear();
});

test("failures are kept only when asked for, directories always", () => {
  const cache = new FileCache(10, 60_000);
  expect(cache.open(path("none"), 1000, 1, false, 0).kind).toBe("failure");
  expect(cache.size).toBe(0);
  expect(cache.open(path("none"), 1000, 1, true, 0).kind).toBe("failure");
  expect(cache.size).toBe(1);
  expect(cache.open(path("d"), 1000, 1, false, 0).kind).toBe("directory");
  expect(cache.test(path("d"), 1000, false, 0).kind).toBe("directory");
  expect(cache.test(path("b"), 1000, false, 0).kind).toBe("file");
  expect(cache.open(path("b"), 1000, 2, false, 0)).toBeInstanceOf(DiskFile);
  cache.clear();
});
