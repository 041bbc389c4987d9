import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openCounters } from "./counters.ts";

const directory = mkdtempSync(join(tmpdir(), "resty-counters-"));
afterAll(() => rmSync(directory, { recursive: true }));

const fields = ["accepted", "requests", "reading"] as const;

test("rows are of their own, sums of all, beyond 32 bits", () => {
  const path = join(directory, "a");
  const [one, two] = [openCounters(path, 3, fields), openCounters(path, 3, fields)];
  one.row(0)[one.index("requests")]! += 2 ** 40;
  two.row(2)[two.index("requests")]! += 3;
  two.row(2)[two.index("reading")]! += 1;
  expect(one.sum("requests")).toBe(2 ** 40 + 3);
  expect(one.sums()).toEqual({ accepted: 0, requests: 2 ** 40 + 3, reading: 1 });
  one.clear(2, ["reading"]);
  expect(two.sums()).toEqual({ accepted: 0, requests: 2 ** 40 + 3, reading: 0 });
  expect(() => one.row(3)).toThrow(RangeError);
  expect(() => one.row(-1)).toThrow(RangeError);
});

test("more slots keep what was counted; other fields, or a file that is none, begin at zero", () => {
  const path = join(directory, "b");
  openCounters(path, 2, fields).row(1)[0] = 7;
  expect(openCounters(path, 5, fields).sum("accepted")).toBe(7);
  expect(openCounters(path, 5, ["other"]).sum("other")).toBe(0);
  writeFileSync(path, "x".repeat(500));
  expect(openCounters(path, 5, fields).sums()).toEqual({ accepted: 0, requests: 0, reading: 0 });
});
