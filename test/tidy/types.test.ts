import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { makeDeclarations, target } from "../../scripts/types.ts";

test("the declarations for handlers are those of the sources: otherwise, make types", () => {
  expect(readFileSync(target, "utf8") === makeDeclarations()).toBe(true);
}, 120_000);
