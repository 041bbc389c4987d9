import { describe, expect, test } from "bun:test";
import { decodeArgs, encodeArgs, escapeText, firstOf, unescapeText } from "./args.ts";

describe("arguments are taken apart", () => {
  test.each([
    ["", {}],
    ["a=1", { a: "1" }],
    ["a", { a: true }],
    ["a=", { a: "" }],
    ["a=1&a&a=2", { a: ["1", true, "2"] }],
    ["=x&&b=1", { b: "1" }],
    ["a+b=c%20d", { "a b": "c d" }],
    ["k=a=b", { k: "a=b" }],
    ["%E4=%FF", { "\ufffd": "\ufffd" }],
    ["toString=1", { toString: "1" }],
  ])("%s", (text, expected) => {
    expect(decodeArgs(text).args).toEqual(expected as never);
  });

  test("up to a limit", () => {
    expect(decodeArgs("a=1&b=2&c=3", 2)).toEqual({ args: { a: "1", b: "2" }, truncated: true });
    expect(decodeArgs("a=1&b=2", 2)).toEqual({ args: { a: "1", b: "2" }, truncated: false });
    expect(Object.keys(decodeArgs("a&b&c".repeat(200).replaceAll("ca", "c&a"), 0).args)).toEqual(["a", "b", "c"]);
  });

  test("and no name reaches a prototype", () => {
    const { args } = decodeArgs("__proto__=1&__proto__=2");
    expect(Object.getPrototypeOf(args)).toBe(Object.prototype);
    expect(Object.entries(args)).toEqual([["__proto__", ["1", "2"]]]);
  });
});

test.each([
  [{ a: 1, b: "x y" }, "a=1&b=x%20y"],
  [{ a: true, b: false, c: null, d: undefined, e: [] }, "a"],
  [{ "ä&": ["1", 2] }, "%C3%A4%26=1&%C3%A4%26=2"],
])("%p is joined", (args, expected) => {
  expect(encodeArgs(args as never)).toBe(expected);
});

test("an argument cannot be an object", () => {
  expect(() => encodeArgs({ a: {} as never })).toThrow(TypeError);
});

test.each([["a b/ä?"], ["~!'()*-._"], ["%"], ["\u{1f600}"], ["\0"]])("what is escaped comes back: %p", (text) => {
  const escaped = escapeText(text);
  expect(escaped).toBe(encodeURIComponent(text));
  expect(unescapeText(escaped)).toBe(text);
});

test("the first of several values", () => {
  expect([firstOf(undefined), firstOf("a"), firstOf(["b", "c"]), firstOf(true)]).toEqual([undefined, "a", "b", ""]);
});
