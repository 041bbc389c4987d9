import { expect, test } from "bun:test";
import { escapeArgs, escapeUri, unescapeRedirect, unescapeUri } from "./uri_escape.ts";

test("a path keeps what may stand in one", () => {
  expect(escapeUri("/a b?c#d%e/é<>\\^`{|}".normalize())).toBe("/a%20b%3Fc%23d%25e/%E9%3C%3E%5C%5E%60%7B%7C%7D");
  expect(escapeUri("/-._~!$&'()*+,;=:@")).toBe("/-._~!$&'()*+,;=:@");
});

test("arguments have their separators escaped too", () => {
  expect(escapeArgs("a&b+c;d")).toBe("a%26b%2Bc%3Bd");
});

test("what is no escape stays", () => {
  expect(unescapeUri("%41%zz%4")).toBe("A%zz%4");
});

test("a redirect is unescaped up to its arguments, and never into a control character", () => {
  expect(unescapeRedirect("http%3A%2F%2Fexample.com%2F%3Ffrom%3D1")).toBe("http://example.com/?from%3D1");
  expect(unescapeRedirect("/a%0D%0Ab%20c")).toBe("/a%0D%0Ab%20c");
});
