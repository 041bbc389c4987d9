import { expect, test } from "bun:test";
import { WildcardMap } from "./wildcard.ts";

const names = new WildcardMap<string>();
for (const name of ["a.com", "*.a.com", "*.b.a.com", "www.a.*", ".c.com", "www.*"]) names.add(name, name);

test.each([
  ["a.com", "a.com"],
  ["x.a.com", "*.a.com"],
  ["x.y.a.com", "*.a.com"],
  ["x.b.a.com", "*.b.a.com"],
  ["www.a.org", "www.a.*"],
  ["www.a.co.uk", "www.a.*"],
  ["www.z.org", "www.*"],
  ["c.com", ".c.com"],
  ["x.c.com", ".c.com"],
  ["other", undefined],
  [".a.com", undefined],
  ["", undefined],
])("%p finds %p", (host, found) => expect(names.find(host)).toBe(found!));

test("the first of two equal names counts", () => {
  expect(names.add("a.com", "again")).toBe(false);
  expect(names.find("a.com")).toBe("a.com");
});

test("a wildcard within a label is refused", () => {
  expect(() => names.add("a*.com", "x")).toThrow('invalid hostname or wildcard "a*.com"');
});
