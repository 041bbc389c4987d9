import { describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Route } from "./match.ts";
import { compareRoutes, InvalidRoute, isRouteFile, parseRoute, routePath, routeShape } from "./pattern.ts";
import { scanRoutes } from "./scan.ts";

test.each([
  ["api/session/create.ts", true],
  ["index.tsx", true],
  ["a.mjs", true],
  ["_private.ts", false],
  ["_lib/a.ts", false],
  [".hidden/a.ts", false],
  ["node_modules/x/index.js", false],
  ["a.test.ts", false],
  ["resty.d.ts", false],
  ["readme.md", false],
  ["data.json", false],
])("%s is a route: %p", (path, expected) => {
  expect(isRouteFile(path)).toBe(expected);
});

test.each([
  ["index.ts", "/", "/"],
  ["api/index.ts", "/api", "/api"],
  ["api/session/create.ts", "/api/session/create", "/api/session/create"],
  ["user/[id].ts", "/user/[id]", "/user/[]"],
  ["files/[...path].ts", "/files/[...path]", "/files/[...]"],
  ["[lang]/[page]/index.ts", "/[lang]/[page]", "/[]/[]"],
])("%s is %s", (file, path, shape) => {
  const segments = parseRoute(file);
  expect(routePath(segments)).toBe(path);
  expect(routeShape(segments)).toBe(shape);
});

test.each([["[...all]/x.ts"], ["user/x[id].ts"], ["[].ts"], ["[a]/[a].ts"], ["[1].ts"]])("%s is refused", (file) => {
  expect(() => parseRoute(file)).toThrow(InvalidRoute);
});

const route = (file: string): Route => new Route(`/h/${file}`, parseRoute(file), /(?:^|\/)index\.\w+$/.test(file));

describe("paths", () => {
  test("of a file", () => expect(route("a/b.ts").exact).toEqual(["/a/b"]));
  test("of a folder's index, with and without the slash", () =>
    expect(route("a/index.ts").exact).toEqual(["/a", "/a/"]));
  test("of the root", () => expect(route("index.ts").exact).toEqual(["/"]));
  test("are byte strings", () => expect(route("grün.ts").exact).toEqual(["/grÃ¼n"]));

  test.each([
    ["user/[id].ts", "/user/7", { id: "7" }],
    ["user/[id].ts", "/user/gr\xc3\xbcn", { id: "grün" }],
    ["user/[id]/posts/[post].ts", "/user/7/posts/x.y", { id: "7", post: "x.y" }],
    ["files/[...path].ts", "/files/a/b/c", { path: "a/b/c" }],
    ["files/[...path].ts", "/files/", { path: "" }],
    ["[lang]/index.ts", "/en/", { lang: "en" }],
  ])("%s answers %s", (file, uri, params) => {
    expect(new RegExp(route(file).pattern, "s").test(uri)).toBe(true);
    expect(route(file).params(uri)).toEqual(params as Record<string, string>);
  });

  test.each([
    ["user/[id].ts", "/user/"],
    ["user/[id].ts", "/user/7/8"],
    ["user/[id].ts", "/users/7"],
    ["a.b/[id].ts", "/aXb/7"],
  ])("%s does not answer %s", (file, uri) => {
    expect(new RegExp(route(file).pattern, "s").test(uri)).toBe(false);
  });
});

test("what is fixed comes before what is not", () => {
  const files = ["[...all].ts", "user/[...rest].ts", "user/[id].ts", "user/new.ts", "[a]/b.ts"];
  const sorted = files.map(parseRoute).sort(compareRoutes).map(routePath);
  expect(sorted).toEqual(["/user/new", "/user/[id]", "/user/[...rest]", "/[a]/b", "/[...all]"]);
});

describe("a folder", () => {
  function scan(...files: string[]): ReturnType<typeof scanRoutes> {
    const folder = mkdtempSync(join(tmpdir(), "routes-"));
    try {
      for (const file of files) {
        mkdirSync(dirname(join(folder, file)), { recursive: true });
        writeFileSync(join(folder, file), "");
      }
      const { routes, problems } = scanRoutes(folder);
      const short = (path: string): string => path.slice(folder.length + 1);
      return {
        routes,
        problems: problems.map((problem) => ({
          ...problem,
          file: short(problem.file),
          ...(problem.other ? { other: short(problem.other) } : {}),
        })),
      };
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  test("gives its routes in the order they are tried", () => {
    const { routes, problems } = scan("api/[...rest].ts", "api/x.ts", "_lib.ts", "index.ts", "notes.md");
    expect(problems).toEqual([]);
    expect(routes.map(({ path }) => path)).toEqual(["/", "/api/x", "/api/[...rest]"]);
  });

  test("in which two files claim one path names both", () => {
    expect(scan("a.ts", "a/index.ts").problems).toEqual([
      { file: "a/index.ts", other: "a.ts", message: 'two files claim the path "/a"' },
    ]);
    expect(scan("u/[id].ts", "u/[name].ts").problems).toHaveLength(1);
  });
});
