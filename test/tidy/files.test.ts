import { expect, test } from "bun:test";
import { dirname } from "node:path";
import { root, sources } from "./tree.ts";

const linesAtMost = 500;
const columnsAtMost = 120;

async function offenders(pattern: string, isBad: (text: string, path: string) => unknown): Promise<string[]> {
  const found: string[] = [];
  for await (const { path, text } of sources(pattern)) {
    const bad = isBad(text, path);
    if (bad) found.push(bad === true ? path : `${path}: ${String(bad)}`);
  }
  return found.sort();
}

test(`no source has more than ${linesAtMost} lines`, async () => {
  const tooLong = (text: string) => {
    const lines = text.split("\n").length - 1;
    return lines > linesAtMost && `${lines} lines`;
  };
  expect(await offenders("{src,bench,handlers,test}/**/*.ts", tooLong)).toEqual([]);
});

// The formatter sees to code; what it leaves is text that cannot be broken, such as nginx's messages.
test(`no comment has more than ${columnsAtMost} columns`, async () => {
  const tooWide = (text: string) => {
    const at = text.split("\n").findIndex((line) => line.length > columnsAtMost && /^\s*(?:\/\/|\/?\*)/.test(line));
    return at >= 0 && `line ${at + 1}`;
  };
  expect(await offenders("{src,bench,handlers,test}/**/*.ts", tooWide)).toEqual([]);
});

test("no file speaks of the machine it was written on", async () => {
  const here = dirname(root);
  const local = (text: string) => here.length > 1 && text.includes(`${here}/`) && here;
  expect(await offenders("**/*.{ts,md,conf,json,toml,sh}", local)).toEqual([]);
});

test("nothing is left to do", async () => {
  const marks = new RegExp(
    `\\b(?:${["TO", "FIX"].map((start) => start + (start === "TO" ? "DO" : "ME")).join("|")})\\b`,
  );
  expect(await offenders("{src,bench,handlers,test}/**/*.ts", (text) => marks.exec(text)?.[0])).toEqual([]);
});

test("no test is left out or alone", async () => {
  const alone = /\b(?:test|describe|it)\.(?:only|todo)\(/;
  expect(await offenders("{src,bench,test}/**/*.test.ts", (text) => alone.exec(text)?.[0])).toEqual([]);
});
