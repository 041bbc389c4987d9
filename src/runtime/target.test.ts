import { describe, expect, test } from "bun:test";
import { parseHost, parseTarget } from "./target.ts";

describe("parseTarget", () => {
  const good: readonly (readonly [target: string, uri: string, args?: string])[] = [
    ["/", "/"],
    ["/a/b.c", "/a/b.c"],
    ["/a?x=1&y", "/a", "x=1&y"],
    ["/a?", "/a", ""],
    ["/a?b?c", "/a", "b?c"],
    ["/a%20b", "/a b"],
    ["/%41%5a", "/AZ"],
    ["/a%2Fb", "/a/b"],
    ["/a%3fb", "/a?b"],
    ["/a%23b#c", "/a#b"],
    ["/a?b#c", "/a", "b"],
    ["/a//b", "/a/b"],
    ["/a/./b", "/a/b"],
    ["/a/../b", "/b"],
    ["/a/b/..", "/a/"],
    ["/a/.", "/a/"],
    ["/a/...", "/a/..."],
    ["/.a", "/.a"],
    ["/a/%2e%2e/b", "/b"],
    ["/\xc3\xa9", "/\xc3\xa9"],
    ["/%c3%a9", "/\xc3\xa9"],
    ["http://h:1/p?q", "/p", "q"],
    ["http://h", "/"],
    ["*", "*"],
  ];
  for (const [target, uri, args] of good)
    test(target, () => {
      expect(parseTarget(target, true)).toMatchObject({ uri, args: args ?? "", hasArgs: args !== undefined });
    });

  test.each(["", "a", "/..", "/a/../..", "/%00", "/%", "/%4", "/%zz", "/a/%2e%2e/%2e%2e/b"])(
    "%p is refused",
    (target) => {
      expect(parseTarget(target, true)).toBeUndefined();
    },
  );

  test("slashes stay when they are not to be merged", () => {
    expect(parseTarget("/a//b", false)?.uri).toBe("/a//b");
    expect(parseTarget("/a//../b", false)?.uri).toBe("/a/b");
  });

  test("an absolute target names the host", () => {
    expect(parseTarget("http://Other:99/x", true)?.authority).toBe("Other:99");
  });
});

describe("parseHost", () => {
  test.each([
    ["a.b", "a.b"],
    ["A.B:80", "a.b"],
    ["a.", "a"],
    ["[::1]:80", "[::1]"],
    ["", ""],
  ])("%p is %p", (host, name) => expect(parseHost(host)).toBe(name));

  test.each(["a b", "a/b", "a..b", ":80", "a\0", "[::1"])("%p is refused", (host) =>
    expect(parseHost(host)).toBeUndefined(),
  );
});
