import { expect, test } from "bun:test";
import { Diagnostics } from "../core/diagnostic.ts";
import { render, renderAll } from "./render.ts";
import { commandLine, Text } from "./text.ts";

test("the place, an excerpt, what was expected, and notes", () => {
  const line = "        limit_req_status banana;";
  const sources = new Map([["conf/nginx.conf", `${"\n".repeat(13)}${line}\r\n`]]);
  const diagnostics = new Diagnostics();
  const at = (row: number, column: number, length: number) => ({ file: "conf/nginx.conf", line: row, column, length });
  const expected = "a number from 400 to 599";
  diagnostics.error('"limit_req_status" directive invalid number', at(14, 26, 6), expected);
  diagnostics.error('"limit_req_status" directive invalid number', at(14, 26, 6), expected);
  diagnostics.add({
    severity: "warn",
    message: 'duplicate location "/api/"',
    place: { ...at(31, 9, 3), file: "conf/gone.conf" },
    notes: [{ message: "first declared here", place: at(22, 9, 3) }],
  });
  diagnostics.notice("no place");
  expect(renderAll(diagnostics.list, { sources })).toBe(
    [
      'resty: [emerg] "limit_req_status" directive invalid number in conf/nginx.conf:14:26',
      "   14 |         limit_req_status banana;",
      "      |                          ^^^^^^ expected a number from 400 to 599",
      'resty: [warn] duplicate location "/api/" in conf/gone.conf:31:9',
      "conf/nginx.conf:22:9: note: first declared here",
      "resty: [notice] no place",
      "",
    ].join("\n"),
  );
});

test("a notice is one line, however often it is to be said", () => {
  const diagnostics = new Diagnostics();
  const at = (line: number) => ({ file: "f", line, column: 1, length: 1 });
  for (const line of [1, 2, 3]) diagnostics.notice("no effect", at(line));
  diagnostics.notice("another", at(4));
  for (const line of [1, 2]) diagnostics.warn("one by one", at(line));
  expect(renderAll(diagnostics.list, { sources: new Map([["f", "a\nb\nc\nd\n"]]) })).toBe(
    [
      "resty: [notice] no effect in f:1:1 and 2 more places",
      "resty: [notice] another in f:4:1",
      "resty: [warn] one by one in f:1:1",
      "    1 | a",
      "      | ^",
      "resty: [warn] one by one in f:2:1",
      "    2 | b",
      "      | ^",
      "",
    ].join("\n"),
  );
});

const excerptOf = (text: string, start: number, end: number) => {
  const bytes = Buffer.from(text).toString("latin1");
  const place = new Text("f", bytes).place(start, end);
  return render({ severity: "emerg", message: "m", place }, { sources: new Map([["f", bytes]]) })
    .split("\n")
    .slice(1, 3);
};

test("the underline stands below what it means", () => {
  expect(excerptOf("\ta\tb;", 3, 4)).toEqual(["    1 | \ta\tb;", "      | \t \t^"]);
  expect(excerptOf("ü€ b;", 6, 7)).toEqual(["    1 | ü€ b;", "      |    ^"]);
  expect(excerptOf("\ufeffa b;", 5, 6)).toEqual(["    1 | a b;", "      |   ^"]);
  expect(excerptOf("a 'b\nc';", 2, 8)).toEqual(["    1 | a 'b", "      |   ^^"]);
  expect(excerptOf("a {", 3, 4)).toEqual(["    1 | a {", "      |    ^"]);
  expect(excerptOf("a {\n", 4, 5)).toEqual(["    2 | ", "      | ^"]);
  expect(excerptOf("a \x1b[31m\0", 2, 3)).toEqual(["    1 | a \u241b[31m\u2400", "      |   ^"]);
});

test("of a long line the part is shown that matters", () => {
  const [line, mark] = excerptOf(`${"x".repeat(1_000_000)} banana ${"y".repeat(1_000_000)}`, 1_000_001, 1_000_007);
  expect(line!.length).toBeLessThan(120);
  expect(line!.slice(mark!.indexOf("^"), mark!.lastIndexOf("^") + 1)).toBe("banana");
  const [, long] = excerptOf("x".repeat(1000), 0, 1000);
  expect(long!.length).toBeLessThan(120);
});

test("messages are legible and of one line; paths as short as one likes", () => {
  const place = { file: "/etc/resty/a.conf", line: 1, column: 2, length: 1 };
  const message = 'unknown directive "\xc3\xbc\n"';
  const said = 'resty: [emerg] unknown directive "ü\\n" in';
  expect(render({ severity: "emerg", message, place }, {})).toBe(`${said} /etc/resty/a.conf:1:2\n`);
  expect(render({ severity: "emerg", message, place }, { base: "/etc/resty" })).toBe(`${said} a.conf:1:2\n`);
  expect(render({ severity: "emerg", message, place }, { base: "/srv" })).toBe(`${said} /etc/resty/a.conf:1:2\n`);
  expect(render({ severity: "emerg", message, place: { ...place, file: commandLine } })).toBe(`${said} command line\n`);
  expect(render({ severity: "emerg", message: "caf\xe9 \u20ac" })).toBe("resty: [emerg] café €\n");
  expect(render({ severity: "emerg", message: "m" }, { color: true })).toBe(
    "resty: \x1b[1;31m[emerg]\x1b[0m \x1b[1mm\x1b[0m\n",
  );
});
