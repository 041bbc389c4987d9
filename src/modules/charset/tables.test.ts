import { expect, test } from "bun:test";
import { byteTable, decode, fromUtf8Table, toUtf8Table } from "./tables.ts";

const bytes = (text: string): Uint8Array => Buffer.from(text, "latin1");
const text = (recoded: Uint8Array): string => Buffer.from(recoded).toString("latin1");

test("bytes to bytes: ASCII stays, what has no place is a question mark", () => {
  expect(text(byteTable([[0xc1, 0xe0]]).recoder()(bytes("a\xc1\xc2")))).toBe("a\xe0?");
});

test("bytes to UTF-8", () => {
  const table = toUtf8Table([[0xe0, Buffer.from("а")]]);
  expect(Buffer.from(table.recoder()(bytes("x\xe0\xe1"))).toString()).toBe("xа?");
});

test("UTF-8 to bytes, wherever chunks end", () => {
  const table = fromUtf8Table([
    [0x430, 0xe0],
    [0x20ac, 0xa4],
  ]);
  const input = Buffer.from("aа€é😀z");
  for (let size = 1; size <= input.length; size++) {
    const recode = table.recoder();
    let out = "";
    for (let at = 0; at < input.length; at += size) out += text(recode(input.subarray(at, at + size)));
    expect(out).toBe("a\xe0\xa4&#233;&#128512;z");
  }
});

test.each([
  ["41", [0x41, 1]],
  ["c3a9", [0xe9, 2]],
  ["e282ac", [0x20ac, 3]],
  ["f09f9880", [0x1f600, 4]],
  ["c0", [-1, 1]],
  ["c1bf", [-1, 1]],
  ["f8", [-1, 1]],
  ["c341", [-1, 2]],
  ["e08080", [-1, 3]],
  ["f4908080", [-1, 4]],
  ["e282", [-2, 0]],
] as const)("%s is %j", (hex, wanted) => {
  expect(decode(Buffer.from(hex, "hex"), 0)).toEqual(wanted as unknown as [number, number]);
});
