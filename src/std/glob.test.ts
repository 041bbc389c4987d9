import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { glob, globAmong, nameMatcher } from "./glob.ts";

test.each<[string, string, boolean]>([
  ["*.conf", "a.conf", true],
  ["*.conf", ".conf", false],
  ["*.conf", ".a.conf", false],
  [".*", ".a", true],
  ["*", "", true],
  ["?.conf", "a.conf", true],
  ["?.conf", "ab.conf", false],
  ["?", "ü", true],
  ["[a-c]x", "bx", true],
  ["[!a-c]x", "bx", false],
  ["[!a-c]x", "dx", true],
  ["[]a]x", "]x", true],
  ["[c-a]x", "bx", false],
  ["[a-]", "-", true],
  ["[x", "[x", true],
  ["a+b(c)|d", "a+b(c)|d", true],
  ["{a,b}", "{a,b}", true],
  ["{a,b}", "a", false],
  ["a\\*", "a*", true],
  ["a\\*", "ab", false],
  ["a*", "a\nb", true],
])("%p and %p", (pattern, name, matches) => expect(nameMatcher(pattern).test(name)).toBe(matches));

test("finds what the mask says, sorted by bytes", () => {
  const folder = mkdtempSync(join(tmpdir(), "glob-"));
  try {
    for (const path of ["b.conf", "a.conf", "Z.conf", ".hidden.conf", "c.txt", "d.conf"])
      writeFileSync(join(folder, path), "");
    mkdirSync(join(folder, "one"));
    mkdirSync(join(folder, "two"));
    writeFileSync(join(folder, "one", "x.conf"), "");
    symlinkSync("nowhere", join(folder, "two", "dangling.conf"));
    const find = (mask: string) => glob(join(folder, mask)).map((path) => path.slice(folder.length + 1));
    expect(find("*.conf")).toEqual(["Z.conf", "a.conf", "b.conf", "d.conf"]);
    expect(find("*/*.conf")).toEqual(["one/x.conf", "two/dangling.conf"]);
    expect(find("[ab].conf")).toEqual(["a.conf", "b.conf"]);
    expect(find("none/*.conf")).toEqual([]);
    expect(find("a.conf/*")).toEqual([]);
    const among = ["/b/a.conf", "/a/a.conf", "/a/a/a.conf", "/a/.a.conf"];
    expect(globAmong("/*/*.conf", among)).toEqual(["/b/a.conf", "/a/a.conf"]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
