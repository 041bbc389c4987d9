import { expect, test } from "bun:test";
import { gunzipSync, gzipSync, inflateRawSync } from "node:zlib";
import { Flush, ZlibStream } from "./deflate_stream.ts";

const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * i) % 251));

test("chunks of any size make one stream", () => {
  for (const size of [1000, 65_536, 300_000]) {
    const stream = ZlibStream.gzip(6);
    const out: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += size)
      out.push(stream.write(bytes.subarray(at, at + size), at + size < bytes.length ? Flush.none : Flush.finish));
    stream.close();
    expect(gunzipSync(Buffer.concat(out)).equals(bytes)).toBe(true);
  }
});

test("a flush lets everything out that came in", () => {
  const packing = ZlibStream.gzip(1);
  const unpacking = ZlibStream.gunzip();
  for (const text of ["one", "two", "three"]) {
    const early = packing.write(Buffer.from(text), Flush.none);
    const packed = Buffer.concat([early, packing.write(new Uint8Array(0), Flush.sync)]);
    expect(Buffer.from(unpacking.write(packed, Flush.sync)).toString()).toBe(text);
  }
  packing.close();
  unpacking.close();
});

test("streams in use at the same time do not mix", () => {
  const [a, b] = [ZlibStream.gzip(1), ZlibStream.deflateRaw(1)];
  const parts = [a.write(Buffer.from("a1"), Flush.sync), b.write(Buffer.from("b1"), Flush.sync)] as const;
  const ends = [a.write(Buffer.from("a2"), Flush.finish), b.write(Buffer.from("b2"), Flush.finish)] as const;
  expect(gunzipSync(Buffer.concat([parts[0], ends[0]])).toString()).toBe("a1a2");
  expect(inflateRawSync(Buffer.concat([parts[1], ends[1]])).toString()).toBe("b1b2");
});

test("a small input that expands a thousandfold comes out whole", () => {
  const stream = ZlibStream.gunzip();
  const out = stream.write(gzipSync(Buffer.alloc(10_000_000, "x")), Flush.sync);
  expect(out.length).toBe(10_000_000);
});

test("what is no gzip is refused", () => {
  const stream = ZlibStream.gunzip();
  expect(() => stream.write(Buffer.from("not gzip at all"), Flush.sync)).toThrow();
});
