import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { zoneDirectory } from "./file.ts";
import { MemoryLog } from "./memory_log.ts";

test("the last lines are kept, whatever their lengths", () => {
  const log = new MemoryLog("test", 32);
  const path = join(zoneDirectory(), `resty-${process.pid}-memory-test`);
  const kept = () => readFileSync(path, "latin1");
  log.write("first\n");
  expect(kept()).toBe(`first\n${"\0".repeat(26)}`);
  for (const line of ["second line\n", "third line\n", "\xe4th\n"]) log.write(line);
  expect(kept()).toBe("\nirst\nsecond line\nthird line\n\xe4th");
  log.write(`${"x".repeat(40)}\n`);
  expect(kept().replace("\n", "")).toBe("x".repeat(31));
  log.close();
  expect(existsSync(path)).toBe(false);
});
