import { describe, expect, test } from "bun:test";
import { endOf, records, recordType, requestStart } from "./fastcgi.ts";
import { FastcgiParser } from "./fastcgi_parser.ts";

function record(type: number, content: string, padding = 0): Buffer {
  const bytes = Buffer.from(content, "latin1");
  const head = Buffer.from([1, type, 0, 1, bytes.length >> 8, bytes.length & 255, padding, 0]);
  return Buffer.concat([head, bytes, Buffer.alloc(padding)]);
}

const end = record(recordType.end, "\0\0\0\0\0\0\0\0");

function parse(bytes: Uint8Array, { method = "GET", size = bytes.length, keep = true, close = false } = {}) {
  const told = { status: 0, headers: [] as string[], body: "", stderr: "", reusable: undefined as boolean | undefined };
  const parser = new FastcgiParser(keep);
  parser.expect(method, {
    head: (status, _, headers) => Object.assign(told, { status, headers }),
    data: (chunk) => void (told.body += Buffer.from(chunk).toString("latin1")),
    stderr: (text) => void (told.stderr += text),
    end: (_, reusable) => Object.assign(told, { reusable }),
  });
  for (let at = 0; at < bytes.length; at += size) parser.feed(bytes.subarray(at, at + size));
  const whole = close ? parser.closed() : told.reusable !== undefined;
  return { ...told, whole };
}

describe("answers", () => {
  const answer = Buffer.concat([
    record(recordType.stderr, "a warning"),
    record(recordType.stdout, "Status: 404 Nowhere\r\nX-A: 1\r\nContent-", 3),
    record(recordType.stdout, "Type: text/plain\r\n\r\nbo", 7),
    record(recordType.stdout, "dy"),
    record(recordType.stdout, ""),
    end,
  ]);

  test.each([1, 2, 3, 7, 8, 9, 64, 1000])("in pieces of %d", (size) => {
    expect(parse(answer, { size })).toEqual({
      status: 404,
      headers: ["Status", "404 Nowhere", "X-A", "1", "Content-Type", "text/plain"],
      body: "body",
      stderr: "a warning",
      reusable: true,
      whole: true,
    });
  });

  test.each([
    ["Content-Type: a/b\n\n", 200],
    ["Location: http://x/\r\n\r\n", 302],
    ["Location: http://x/\r\nStatus: 301\r\n\r\n", 301],
  ])("%j has status %d", (head, status) => {
    expect(parse(Buffer.concat([record(recordType.stdout, head), end]))).toMatchObject({ status });
  });

  test("HEAD has no body, and a body no more than it says", () => {
    const long = Buffer.concat([record(recordType.stdout, "Content-Length: 2\r\n\r\nabcdef"), end]);
    expect(parse(long)).toMatchObject({ body: "ab", whole: true });
    expect(parse(long, { method: "HEAD" })).toMatchObject({ body: "", whole: true });
  });

  test("a connection that is not kept is not used again", () => {
    expect(parse(answer, { keep: false })).toMatchObject({ reusable: false });
  });
});

describe("answers that are none", () => {
  test.each([
    ["another version", Buffer.from([9, 6, 0, 1, 0, 0, 0, 0]), "unsupported FastCGI protocol version: 9"],
    ["a record of a client", record(recordType.params, "x"), "unexpected FastCGI record: 4"],
    ["no head", Buffer.concat([record(recordType.stdout, "X: y"), end]), "prematurely closed FastCGI stdout"],
    [
      "less than its length",
      Buffer.concat([record(recordType.stdout, "Content-Length: 9\n\nx"), end]),
      "prematurely closed",
    ],
    ["a status that is none", record(recordType.stdout, "Status: fine\n\n"), 'invalid status "fine"'],
  ])("%s", (_, bytes, message) => expect(() => parse(bytes)).toThrow(message));

  test("a connection that ends too early", () => {
    const cut = record(recordType.stdout, "X: y\n\nabc");
    expect(parse(cut, { close: true }).whole).toBe(false);
    expect(parse(Buffer.concat([cut, record(recordType.stdout, "")]), { close: true })).toMatchObject({
      whole: true,
      reusable: false,
    });
  });
});

test("requests: parameters of any length, and a body in records", () => {
  const value = "v".repeat(70_000);
  const start = requestStart(["A", "1", "LONG", value], true);
  expect([...start.subarray(0, 16)]).toEqual([1, 1, 0, 1, 0, 8, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]);
  let params = Buffer.alloc(0);
  let at = 16;
  for (; start.readUInt16BE(at + 4) > 0; at += 8 + start.readUInt16BE(at + 4)) {
    expect(start[at + 1]).toBe(recordType.params);
    params = Buffer.concat([params, start.subarray(at + 8, at + 8 + start.readUInt16BE(at + 4))]);
  }
  expect(start.subarray(at)).toEqual(endOf(recordType.params));
  const wanted = `\x01\x01A1\x04\x80\x01\x11\x70LONG${value}`;
  expect(params.toString("latin1") === wanted).toBe(true);
  expect(records(recordType.stdin, Buffer.alloc(0))).toHaveLength(0);
  expect(records(recordType.stdin, Buffer.alloc(65_536))).toHaveLength(65_536 + 16);
});
