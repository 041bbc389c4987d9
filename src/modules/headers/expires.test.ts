import { expect, test } from "bun:test";
import { ResponseHead } from "../../core/response_head.ts";
import { applyExpires, parseExpires } from "./expires.ts";

test.each([
  ["off", { kind: "off" }],
  ["epoch", { kind: "epoch" }],
  ["max", { kind: "max" }],
  ["1h", { kind: "access", seconds: 3600 }],
  ["+1h", { kind: "access", seconds: 3600 }],
  ["-1", { kind: "access", seconds: -1 }],
  ["0", { kind: "access", seconds: 0 }],
  ["@15h30m", { kind: "daily", seconds: 55_800 }],
  ["@24h", { kind: "daily", seconds: 86_400 }],
  ["@25h", "daily time value must be less than 24 hours"],
  ["@", "invalid value"],
  ["", "invalid value"],
  ["tomorrow", "invalid value"],
] as const)("expires %s", (text, wanted) => {
  expect(parseExpires(text, false)).toEqual(wanted);
});

test.each([
  ["1h", { kind: "modified", seconds: 3600 }],
  ["-1d", { kind: "modified", seconds: -86_400 }],
  ["max", "invalid value"],
  ["@1h", 'daily time cannot be used with "modified" parameter'],
] as const)("expires modified %s", (text, wanted) => {
  expect(parseExpires(text, true)).toEqual(wanted);
});

test("a time of day is the next one, through the end of a month", () => {
  const now = new Date(2024, 1, 29, 12, 0, 0).getTime() / 1000;
  const maxAge = (text: string): string | undefined => {
    const head = new ResponseHead();
    const expires = parseExpires(text, false);
    if (typeof expires !== "string") applyExpires(head, expires, now);
    return head.headers.get("cache-control");
  };
  expect(maxAge("@13h")).toBe("max-age=3600");
  expect(maxAge("@12h")).toBe("max-age=86400");
  expect(maxAge("@11h")).toBe("max-age=82800");
  expect(maxAge("@0h")).toBe("max-age=43200");
});

test("what was set before is replaced where it stands", () => {
  const head = new ResponseHead();
  head.headers.add("Cache-Control", "private");
  head.headers.add("X", "1");
  head.headers.add("Cache-Control", "no-store");
  applyExpires(head, { kind: "max" }, 0);
  expect(head.headers.flat).toEqual([
    "Cache-Control",
    "max-age=315360000",
    "X",
    "1",
    "Expires",
    "Thu, 31 Dec 2037 23:55:55 GMT",
  ]);
});
