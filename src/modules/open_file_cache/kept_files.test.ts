import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DiskFile } from "./disk_file.ts";
import { readSlice } from "./read_body.ts";
import { KeptFiles } from "./kept_files.ts";

let folder = "";
const path = (name: string): string => join(folder, name);
/** When whatever the test wrote a moment ago is old enough to be kept. */
const later = (): number => Date.now() + 60_000;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "resty-kept-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

function open(files: KeptFiles, name: string, nowMs = later()): DiskFile {
  const file = files.open(path(name), nowMs);
  if (!(file instanceof DiskFile)) throw new Error(`${name}: ${file.kind}`);
  return file;
}

function text(file: DiskFile): string {
  const bytes = readSlice({ file, start: 0, end: file.sizeBytes }, 0, file.sizeBytes);
  file.release();
  return Buffer.from(bytes).toString();
}

/** Waits until the file system's clock has gone on since `before` was written. */
function tick(before: string): void {
  const probe = path("probe");
  do writeFileSync(probe, "");
  while (statSync(probe).ctimeMs <= statSync(before).ctimeMs);
}

test("a file that was left alone is kept without its descriptor", () => {
  const files = new KeptFiles();
  writeFileSync(path("a"), "one");
  const first = open(files, "a");
  expect(first.fd).toBe(-1);
  expect(open(files, "a")).toBe(first);
  expect(text(first)).toBe("one");
  expect(text(open(files, "a"))).toBe("one");
});

test("one that was just written is not, for its next change may not show", () => {
  const files = new KeptFiles();
  writeFileSync(path("new"), "one");
  const { ctimeMs } = statSync(path("new"));
  expect(text(open(files, "new", ctimeMs + 1000))).toBe("one");
  expect(files.size).toBe(0);
});

test.each<[string, () => void, string]>([
  ["written to", () => writeFileSync(path("b"), "two"), "two"],
  ["replaced", () => (writeFileSync(path("b.new"), "new"), renameSync(path("b.new"), path("b"))), "new"],
  [
    "written to and dated back",
    () => {
      const { atime, mtime } = statSync(path("b"));
      writeFileSync(path("b"), "old");
      utimesSync(path("b"), atime, mtime);
    },
    "old",
  ],
  ["shortened", () => writeFileSync(path("b"), "s"), "s"],
])("a file that was %s is read again", (_, change, content) => {
  const files = new KeptFiles();
  writeFileSync(path("b"), "one");
  utimesSync(path("b"), 1_000_000_000, 1_000_000_000);
  const before = open(files, "b");
  expect(text(before)).toBe("one");
  tick(path("b"));
  change();
  const after = open(files, "b");
  expect(after).not.toBe(before);
  expect(text(after)).toBe(content);
});

test("a file that is gone or may not be read any more is not answered from memory", () => {
  const files = new KeptFiles();
  writeFileSync(path("c"), "one");
  const kept = open(files, "c");
  kept.release();
  chmodSync(path("c"), 0o200);
  const now = files.open(path("c"), later());
  expect(now).not.toBe(kept);
  if (now instanceof DiskFile) now.release(); // root may read it all the same
  rmSync(path("c"));
  expect(files.open(path("c"), later())).toMatchObject({ kind: "failure", code: "ENOENT" });
  expect(files.size).toBe(0);
});

test("a larger file is kept when it is asked for again", () => {
  const files = new KeptFiles();
  writeFileSync(path("larger"), "x".repeat(65 * 1024));
  const first = open(files, "larger");
  expect(first.fd).toBeGreaterThan(0);
  first.release();
  expect(files.size).toBe(0);
  const second = open(files, "larger");
  expect(second.fd).toBe(-1);
  expect(open(files, "larger")).toBe(second);
});

test("larger files make room for each other only where nobody asked", () => {
  const files = new KeptFiles();
  const names = Array.from({ length: 8 }, (_, i) => `larger${i}`);
  for (const name of names) {
    writeFileSync(path(name), "x".repeat(1024 * 1024));
    for (let i = 0; i < 3; i++) open(files, name).release();
  }
  expect(files.size).toBe(7);
  for (const name of names.slice(0, 7)) expect(open(files, name).fd).toBe(-1);
  let looks = 1;
  while (open(files, "larger7").fd >= 0) looks++;
  expect(looks).toBeGreaterThan(2);
  expect(files.size).toBe(7);
});

test("huge and empty files are not kept, nor those that are made while they are read", () => {
  const files = new KeptFiles();
  writeFileSync(path("huge"), "x".repeat(1024 * 1024 + 1));
  writeFileSync(path("empty"), "");
  for (const name of ["huge", "huge", "empty", "empty"]) open(files, name).release();
  if (process.platform === "linux") (files.open("/sys/kernel/mm/transparent_hugepage/enabled") as DiskFile).release?.();
  expect(files.size).toBe(0);
});

test("what nobody asked for leaves when there are too many", () => {
  const files = new KeptFiles();
  const bytes = "x".repeat(64 * 1024);
  for (let i = 0; i < 200; i++) {
    writeFileSync(path(`many${i}`), bytes);
    open(files, `many${i}`).release();
    open(files, "many0").release();
  }
  expect(files.size).toBeGreaterThan(100);
  expect(files.size).toBeLessThan(130);
  const first = open(files, "many0");
  expect(open(files, "many0")).toBe(first);
  expect(first.bytes?.length).toBe(bytes.length);
});
