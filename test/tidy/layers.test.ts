import { expect, test } from "bun:test";
import { join } from "node:path";
import { layers, sources } from "./tree.ts";

const layerOf = (path: string) => layers.indexOf(path.split("/")[1]!);

/** `from "./a.ts"`, `import "./a.ts"` and `import("./a.ts")`. */
const imported = /(?:from|import)\s*\(?\s*"(\.[^"]+)"/g;

/** src/main.ts and src/index.ts stand above all layers: the way in for the system, and for handlers. */
const isTop = (path: string) => /^src\/[^/]+$/.test(path);

test("imports, of types too, point from later layers to earlier ones", async () => {
  const bent: string[] = [];
  for await (const { path, text } of sources("src/**/*.ts"))
    for (const [, target] of text.matchAll(imported)) {
      const at = join(path, "..", target!);
      if (!at.startsWith("src/") || isTop(path)) continue;
      // What handlers import as "resty" is that file: the table of such packages has to name it.
      if (path === "src/ngx/packages.ts" && at === "src/index.ts") continue;
      if (isTop(at) || layerOf(at) > layerOf(path)) bent.push(`${path} imports ${target}`);
    }
  expect(bent).toEqual([]);
});

test("every folder of src/ is a layer", async () => {
  const folders = new Set<string>();
  for await (const { path } of sources("src/*/**/*.ts")) folders.add(path.split("/")[1]!);
  expect([...folders].filter((folder) => !layers.includes(folder))).toEqual([]);
});

test("outside src/, only the command line knows the bench, and the bench only the bottom layers", async () => {
  const bent: string[] = [];
  for await (const { path, text } of sources("{src,bench}/**/*.ts")) {
    // The way in for `bun bench/main.ts` is the command of that name, and parts are timed where they are.
    if (path === "bench/main.ts" || path.startsWith("bench/micro/")) continue;
    for (const [, target] of text.matchAll(imported)) {
      const at = join(path, "..", target!);
      if (path.startsWith("src/") && at.startsWith("bench/") && !path.startsWith("src/cli/"))
        bent.push(`${path}: ${target}`);
      if (path.startsWith("bench/") && at.startsWith("src/") && !/^src\/(std|core)\//.test(at))
        bent.push(`${path}: ${target}`);
    }
  }
  expect(bent).toEqual([]);
});
