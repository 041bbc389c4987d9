import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseUsers, usersOf } from "./user_file.ts";

const folder = mkdtempSync(join(tmpdir(), "resty-users-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("comments, line ends, repeats and a missing last line end", () => {
  const users = parseUsers("#no:body\n\nann:one:a comment\r\nbob:two\r\nann:three\nnothing\n:anonymous\neve:four");
  expect([...users]).toEqual([
    ["ann", "one"],
    ["bob", "two"],
    ["", "anonymous"],
    ["eve", "four"],
  ]);
});

test("a changed file is read again, one that is gone is an error", () => {
  const path = join(folder, "users");
  writeFileSync(path, "ann:one\n");
  expect(usersOf(path)).toBe(usersOf(path));
  writeFileSync(path, "ann:three\n");
  expect(usersOf(path).get("ann")).toBe("three");
  rmSync(path);
  expect(() => usersOf(path)).toThrow("ENOENT");
});
