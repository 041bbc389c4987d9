import { expect, test } from "bun:test";
import { sources } from "./tree.ts";

test("what takes long to load and is seldom needed is loaded when it is asked for", async () => {
  const costly =
    /^import (?!type )[^;]*? from "(node:(?:crypto|dgram|dns|fs\/promises|http|https|net|stream|tls|tty|util|zlib)\b[^"]*)"/gm;
  const found: string[] = [];
  for await (const { path, text } of sources("src/**/*.ts")) {
    // What only workers load may need what every worker listens with.
    if (path.endsWith(".test.ts") || path.startsWith("src/runtime/adapters/")) continue;
    for (const [, name] of text.matchAll(costly)) found.push(`${path} imports ${name}: see src/std/builtins.ts`);
  }
  expect(found).toEqual([]);
});
