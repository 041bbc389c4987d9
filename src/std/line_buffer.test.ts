import { expect, test } from "bun:test";
import { LineBuffer } from "./line_buffer.ts";

const text = (buffer: LineBuffer): string => Buffer.from(buffer.bytes).toString("latin1");

test.each(["", "short", "x".repeat(16), "x".repeat(17), "\x00\x7f\x80\xff", "\xe9".repeat(40)])("keeps %j", (piece) => {
  const buffer = new LineBuffer(64);
  buffer.add(piece);
  buffer.add("\n");
  buffer.add(piece);
  expect(text(buffer)).toBe(`${piece}\n${piece}`);
});

test("grows for what is long, and only until it is cleared", () => {
  const buffer = new LineBuffer(8);
  buffer.add("begin ");
  buffer.add("y".repeat(1000));
  buffer.add(" end");
  expect(text(buffer)).toBe(`begin ${"y".repeat(1000)} end`);
  buffer.clear();
  expect(buffer.bytes.buffer.byteLength).toBe(8);
  buffer.add("again, and longer");
  expect(text(buffer)).toBe("again, and longer");
});

test("a line that was given up is taken back", () => {
  const buffer = new LineBuffer(64);
  buffer.add("whole\n");
  const { length } = buffer;
  buffer.add("hal");
  buffer.length = length;
  buffer.add("next\n");
  expect(text(buffer)).toBe("whole\nnext\n");
});
