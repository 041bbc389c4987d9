import { expect, test } from "bun:test";
import { compilePcre, Matcher } from "./pcre.ts";

/** The bytes that a pattern matches alone. */
function matched(pattern: string, caseInsensitive = false): string {
  const matcher = compilePcre(pattern, { caseInsensitive });
  if (!(matcher instanceof Matcher)) throw new Error(matcher.error);
  const all = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code));
  return all.filter((c) => matcher.exec(c)).join("");
}

test.each([
  ["\\p{N}", "0123456789\xb2\xb3\xb9\xbc\xbd\xbe"],
  ["\\pN", "0123456789\xb2\xb3\xb9\xbc\xbd\xbe"],
  ["\\p{Nd}", "0123456789"],
  ["[\\p{Nd}_]", "0123456789_"],
  ["[^\\P{Nd}]", "0123456789"],
  ["\\P{^Nd}", "0123456789"],
  ["\\p{Sc}", "$\xa2\xa3\xa4\xa5"],
  ["\\p{Pd}", "-"],
  ["\\p{Greek}", ""],
])("%p matches %p", (pattern, bytes) => expect(matched(pattern)).toBe(bytes));

test("upper case is either case where case does not matter", () => {
  expect(matched("\\p{Lu}").length).toBe(26 + 30);
  expect(matched("\\p{Lu}", true)).toBe(matched("\\p{L&}"));
});

test("repeated and named", () => {
  const matcher = compilePcre("^(?P<name>www\\p{N}+)\\.example\\.com$") as Matcher;
  expect(matcher.exec("www42.example.com")?.[1]).toBe("www42");
});
