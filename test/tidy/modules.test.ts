import { expect, test } from "bun:test";
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { modules } from "../../src/modules/index.ts";
import { root } from "./tree.ts";

const folder = join(root, "src/modules");
const folders = readdirSync(folder).filter((name) => statSync(join(folder, name)).isDirectory());
const position = new Map(modules.map(({ name }, i) => [name, i]));

test("every module has a page", () => {
  expect(folders.filter((name) => !existsSync(join(folder, name, `${name}.md`)))).toEqual([]);
});

test("every module is listed once", () => {
  expect(position.size).toBe(modules.length);
});

/**
 * Rows of modules that have to stand in this order, wherever others stand between them: within a phase the earlier one
 * is asked first, and a body goes through the earlier one first.
 */
const orders: readonly (readonly [why: string, names: string])[] = [
  ["a refused rate is not counted as a connection", "limit_req limit_conn"],
  ["an address costs less to check than a password, and that less than a request", "access auth_basic auth_request"],
  ["a rewrite of the configuration comes before that of a script", "rewrite ts"],
  [
    "what answers for folders is asked before what answers for files",
    "random_index index autoindex dav gzip_static static",
  ],
  ["an answer that the client has is cut short before headers are made for it", "not_modified headers"],
  ["text is changed before it is compressed", "gunzip addition sub charset ssi gzip"],
  ["ranges are of the body as it leaves", "gzip range"],
];

test.each(orders.map(([why, names]) => [why, names] as [string, string]))("%s", (_why, names) => {
  const present = names.split(" ").filter((name) => position.has(name));
  const sorted = present.toSorted((a, b) => position.get(a)! - position.get(b)!);
  expect(sorted).toEqual(present);
});
