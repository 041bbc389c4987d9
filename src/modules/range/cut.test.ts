import { expect, test } from "bun:test";
import type { Body, FileSlice, OpenFile, Segment } from "../../core/body.ts";
import { cut, cutStream, joinParts } from "./cut.ts";

class CountedFile implements OpenFile {
  readonly fd = -1;
  readonly path = "";
  readonly sizeBytes = 100;
  readonly mtimeSeconds = 0;
  users = 1;
  retain(): void {
    this.users++;
  }
  release(): void {
    this.users--;
  }
}

const file = (slice: Segment | Body): FileSlice => slice as FileSlice;

test("a range of text, bytes and several segments", () => {
  expect(cut("0123456789", { start: 2, end: 5 })).toEqual(Buffer.from("234"));
  expect(cut(Buffer.from("0123"), { start: 0, end: 1 })).toEqual(Buffer.from("0"));
  expect(cut(["012", "345", "678"], { start: 2, end: 7 })).toEqual([
    Buffer.from("2"),
    Buffer.from("345"),
    Buffer.from("6"),
  ]);
});

test("a file is held once for each of its parts", () => {
  const open = new CountedFile();
  const part = cut({ file: open, start: 10, end: 60 }, { start: 5, end: 8 });
  expect([file(part).start, file(part).end, open.users]).toEqual([15, 18, 1]);
  const body = { file: open, start: 0, end: 100 };
  const range = { start: 0, end: 1 };
  const joined = joinParts(
    body,
    [
      { head: "h", range },
      { head: "h", range },
      { head: "h", range },
    ],
    "t",
  ) as Segment[];
  expect([joined.length, open.users]).toEqual([7, 3]);
});

test("a stream is cut wherever its chunks end", () => {
  const text = "0123456789";
  for (let size = 1; size <= 10; size++)
    for (let start = 0; start < 10; start++)
      for (let end = start + 1; end <= 10; end++) {
        let out = "";
        let ends = 0;
        const sink = cutStream({ start, end }, (chunk, last) => {
          out += chunk.toString();
          ends += Number(last);
        });
        for (let at = 0; at < 10; at += size) sink(text.slice(at, at + size), at + size >= 10);
        expect([out, ends]).toEqual([text.slice(start, end), 1]);
      }
});
