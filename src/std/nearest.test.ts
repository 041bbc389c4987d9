import { expect, test } from "bun:test";
import { editDistance, nearest } from "./nearest.ts";

const names = ["server_name", "server_names_hash_max_size", "listen", "root", "proxy_pass", "proxy_set_header"];

test.each<[string, string | undefined]>([
  ["server_nam", "server_name"],
  ["sever_name", "server_name"],
  ["lisetn", "listen"],
  ["Listen", "listen"],
  ["rot", "root"],
  ["proxy_set_headers", "proxy_set_header"],
  ["proxypass", "proxy_pass"],
  ["banana", undefined],
  ["x", undefined],
  ["", undefined],
  ["l".repeat(1_000_000), undefined],
])("nearest to %p", (name, expected) => expect(nearest(name, names)).toBe(expected as string));

test("a swap of neighbours counts once", () => {
  expect(editDistance("lisetn", "listen")).toBe(1);
  expect(editDistance("kitten", "sitting")).toBe(3);
  expect(editDistance("", "abc")).toBe(3);
});
