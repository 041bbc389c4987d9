import { describe, expect, test } from "bun:test";
import { escapeHtml, escapeUrl, evaluate, parseCondition, parseInclude, SsiError } from "./evaluate.ts";

describe("evaluate", () => {
  const lookup = (name: string): string | undefined => ({ a: "A", ab: "AB" })[name];
  const rows: [text: string, value: string][] = [
    ["plain", "plain"],
    ["$a-$ab-${a}b$A", "A-AB-AbA"],
    ["[$none]", "[]"],
    ["\\$a \\\"q\\' \\\\ \\d\\.", "$a \"q' \\ \\d\\."],
  ];
  for (const [text, value] of rows) test(text, () => expect(evaluate(text, lookup)).toBe(value));
  for (const text of ["$", "$ a", "${a", "${}", "a$-"])
    test(`not ${text}`, () => expect(() => evaluate(text, lookup)).toThrow(SsiError));
});

describe("parseCondition", () => {
  const rows: [text: string, found: unknown][] = [
    ["$Name", { left: "$name" }],
    ["$a = b c", { left: "$a", test: { negative: false, right: "b c", isPattern: false } }],
    ["$a!=$b", { left: "$a", test: { negative: true, right: "$b", isPattern: false } }],
    ["$a = /^x(.)$/", { left: "$a", test: { negative: false, right: "^x(.)$", isPattern: true } }],
    ["$a = \\/x", { left: "$a", test: { negative: false, right: "/x", isPattern: false } }],
    ["$a = /", { left: "$a", test: { negative: false, right: "/", isPattern: false } }],
  ];
  for (const [text, found] of rows) test(text, () => expect<unknown>(parseCondition(text)).toEqual(found));
  for (const text of ["$a ~ b", "$a = /x", "$a b"])
    test(`not ${text}`, () => expect(() => parseCondition(text)).toThrow(`invalid expression in "${text}"`));
});

test("an include names a location and nothing above it", () => {
  expect(parseInclude("/a%20b?x=%20")).toEqual({ uri: "/a b", args: "x=%20" });
  for (const uri of ["", "?a", "../a", "/a/../b", "/..", "/a/%2e%2e/b", "/%00"])
    expect(() => parseInclude(uri)).toThrow(`unsafe URI "${uri}" was detected`);
  expect(parseInclude("/a..b/..c")).toEqual({ uri: "/a..b/..c", args: undefined });
});

test("escapes", () => {
  expect(escapeHtml('<a href="?b&c">')).toBe("&lt;a href=&quot;?b&amp;c&quot;&gt;");
  expect(escapeUrl("a b\"'#%\xe9<>^&?/")).toBe("a%20b%22%27%23%25%E9%3C%3E%5E&?/");
});
