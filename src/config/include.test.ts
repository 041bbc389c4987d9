import { expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Diagnostics } from "../core/diagnostic.ts";
import { dump } from "./dump.ts";
import { parseConfiguration } from "./include.ts";
import { readFromSources } from "./sources.ts";

function load(files: Record<string, string>, directives?: string) {
  const diagnostics = new Diagnostics();
  const sources = new Map(Object.entries(files));
  const reader = readFromSources(sources);
  return { ...parseConfiguration({ file: "/etc/main.conf", directives, reader }, diagnostics), diagnostics };
}

function messages({ diagnostics }: { diagnostics: Diagnostics }): string[] {
  return diagnostics.list.map(({ message, place }) =>
    place ? `${message} in ${place.file}:${place.line}:${place.column}` : message,
  );
}

const names = (result: ReturnType<typeof load>) => result.directives.map(({ name }) => name);

test("an include stands for the directives of its file, in any context", () => {
  const result = load({
    "/etc/main.conf": "a; include sub/b.conf; http { include 'c.conf'; d; } include /opt/e.conf;",
    "/etc/sub/b.conf": "b { include c.conf; }",
    "/etc/c.conf": "c;",
    "/opt/e.conf": "e; f",
  });
  expect(names(result)).toEqual(["a", "b", "http", "e", "f"]);
  expect(result.directives[1]!.block).toMatchObject([{ name: "c", place: { file: "/etc/c.conf", line: 1 } }]);
  expect(result.directives[2]!.block!.map(({ name }) => name)).toEqual(["c", "d"]);
  expect([...result.sources.keys()]).toEqual(["/etc/main.conf", "/etc/sub/b.conf", "/etc/c.conf", "/opt/e.conf"]);
  expect(messages(result)).toEqual(['unexpected end of file, expecting ";" or "}" in /opt/e.conf:1:5']);
});

test("a mask takes its files in order, and none is none", () => {
  const result = load({
    "/etc/main.conf": "include d/*.conf; include none/*.conf;",
    "/etc/d/a.conf": "a;",
    "/etc/d/b.conf": "b;",
    "/etc/d/c.txt": "c;",
  });
  expect(names(result)).toEqual(["a", "b"]);
  expect(messages(result)).toEqual([]);
});

test("what cannot be included is said, each once", () => {
  const result = load({
    "/etc/main.conf": "include a b;\ninclude;\ninclude x { y; }\ninclude none.conf;\ninclude ok.conf; include ok.conf;",
    "/etc/ok.conf": "ok; include none.conf; }",
  });
  expect(messages(result)).toEqual([
    'invalid number of arguments in "include" directive in /etc/main.conf:1:1',
    'invalid number of arguments in "include" directive in /etc/main.conf:2:1',
    'directive "include" is not terminated by ";" in /etc/main.conf:3:1',
    'open() "/etc/none.conf" failed (2: No such file or directory) in /etc/main.conf:4:9',
    'unexpected "}" in /etc/ok.conf:1:24',
    'open() "/etc/none.conf" failed (2: No such file or directory) in /etc/ok.conf:1:13',
  ]);
  expect(names(result)).toEqual(["ok", "ok"]);
});

test("a block cannot end in another file than it started in", () => {
  const result = load({ "/etc/main.conf": "http { include a.conf; }", "/etc/a.conf": "server {" });
  expect(messages(result)).toEqual(['unexpected end of file, expecting "}" in /etc/a.conf:1:9']);
});

test("a cycle names its files", () => {
  const result = load({
    "/etc/main.conf": "include a.conf;",
    "/etc/a.conf": "a;\ninclude b.conf;",
    "/etc/b.conf": "b { include a.conf; }",
  });
  expect(messages(result)).toEqual([
    'cyclic include: "/etc/a.conf" includes "/etc/b.conf" includes "/etc/a.conf" in /etc/b.conf:1:13',
  ]);
  expect(result.diagnostics.list[0]!.notes).toMatchObject([
    { message: '"/etc/b.conf" is included here', place: { file: "/etc/a.conf", line: 2, column: 9 } },
  ]);
  expect(names(result)).toEqual(["a", "b"]);
  expect(messages(load({ "/etc/main.conf": "include main.conf;" }))).toEqual([
    'cyclic include: "/etc/main.conf" includes "/etc/main.conf" in /etc/main.conf:1:9',
  ]);
  expect(messages(load({ "/etc/main.conf": "include *.conf;" })).length).toBe(1);
});

test("the directives of -g come first", () => {
  const result = load({ "/etc/main.conf": "b;" }, "a ü; c");
  expect(names(result)).toEqual(["a", "c", "b"]);
  expect(result.directives[0]!.args[0]!.text).toBe("\xc3\xbc");
  expect(messages(result)).toEqual(['unexpected end of parameter, expecting ";" in command line:1:7']);
});

test("a missing main file is one error without a place", () => {
  expect(messages(load({}))).toEqual(['open() "/etc/main.conf" failed (2: No such file or directory)']);
});

test("another process reads the same from the sources, whatever the disk holds by then", () => {
  const folder = mkdtempSync(join(tmpdir(), "include-"));
  try {
    mkdirSync(join(folder, "d"));
    writeFileSync(join(folder, "m.conf"), "include d/*; include ü.conf; include d/a.conf;\r\nlast");
    writeFileSync(join(folder, "d/a.conf"), Buffer.from([0x61, 0x20, 0xff, 0x3b]));
    writeFileSync(join(folder, "d/b.conf"), "b;\n");
    writeFileSync(join(folder, "ü.conf"), "u ü;");
    const fromDisk = new Diagnostics();
    const read = parseConfiguration({ file: "m.conf", prefix: folder }, fromDisk);
    expect(read.directives.map(({ name }) => name)).toEqual(["a", "b", "u", "a", "last"]);
    expect(read.directives[0]!.args[0]!.text).toBe("\xff");
    rmSync(join(folder, "d"), { recursive: true });
    const again = new Diagnostics();
    const reader = readFromSources(structuredClone(read.sources));
    expect(parseConfiguration({ file: "m.conf", prefix: folder, reader }, again)).toEqual(read);
    expect(again.list).toEqual(fromDisk.list);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a folder and an unreadable file are the system's errors", () => {
  const folder = mkdtempSync(join(tmpdir(), "include-"));
  try {
    mkdirSync(join(folder, "d"));
    writeFileSync(join(folder, "m.conf"), "include d; include m.conf/x;");
    writeFileSync(join(folder, "secret"), "");
    chmodSync(join(folder, "secret"), 0);
    const diagnostics = new Diagnostics();
    parseConfiguration({ file: join(folder, "m.conf") }, diagnostics);
    expect(diagnostics.list.map(({ message }) => message)).toEqual([
      `open() "${folder}/d" failed (21: Is a directory)`,
      `open() "${folder}/m.conf/x" failed (20: Not a directory)`,
    ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("-T prints each file once, byte for byte", () => {
  const bytes = "\xff;\r\n# no line feed at the end";
  const result = load({ "/etc/main.conf": "include ü.conf; include ü.conf;\n", "/etc/ü.conf": bytes }, "a;");
  const expected = Buffer.concat([
    Buffer.from("# configuration file /etc/main.conf:\n"),
    Buffer.from("include ü.conf; include ü.conf;\n\n", "latin1"),
    Buffer.from("# configuration file /etc/ü.conf:\n"),
    Buffer.from(`${bytes}\n`, "latin1"),
  ]);
  expect(result.sources.size).toBe(2);
  expect(
    dump(
      new Map([
        ["/etc/main.conf", "include ü.conf; include ü.conf;\n"],
        ["/etc/ü.conf", bytes],
      ]),
    ),
  ).toEqual(expected);
});
