import { describe, expect, test } from "bun:test";
import { MALFORMED, NEED_MORE, ResponseParser } from "./parser.ts";

interface Seen {
  status: number;
  keepAlive: boolean;
  body: string;
}

/** Feeds pieces as a socket would and lists what came out; "malformed" and "open" end the list. */
function parse(pieces: Uint8Array[], headRequest = false, closes = false): (Seen | string)[] {
  const parser = new ResponseParser();
  parser.keep = true;
  parser.headRequest = headRequest;
  const seen: (Seen | string)[] = [];
  const note = (): void => {
    seen.push({ status: parser.status, keepAlive: parser.keepAlive, body: Buffer.from(parser.body).toString() });
  };
  for (const piece of pieces) {
    let at = 0;
    while (at < piece.length) {
      const next = parser.feed(piece, at);
      if (next === MALFORMED) return [...seen, "malformed"];
      if (next === NEED_MORE) break;
      at = next;
      note();
    }
  }
  if (closes && parser.finish()) note();
  if (parser.started) seen.push("open");
  return seen;
}

const bytes = (text: string): Uint8Array => Buffer.from(text, "latin1");

const responses: [
  name: string,
  text: string,
  expected: Partial<Seen>[],
  options?: { head?: boolean; closes?: boolean },
][] = [
  ["a length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", [{ status: 200, keepAlive: true, body: "hello" }]],
  ["no body", "HTTP/1.1 200 OK\r\ncontent-length:0\r\n\r\n", [{ status: 200, body: "" }]],
  ["no reason", "HTTP/1.1 404\r\nContent-Length: 1 \r\n\r\nx", [{ status: 404, body: "x" }]],
  ["204", "HTTP/1.1 204 No Content\r\n\r\n", [{ status: 204, keepAlive: true, body: "" }]],
  ["304 with a length", "HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n", [{ status: 304, body: "" }]],
  [
    "HEAD",
    "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n",
    [{ status: 200, keepAlive: true, body: "" }],
    { head: true },
  ],
  [
    "chunks",
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x="y"\r\n0123456789\r\n0\r\n\r\n',
    [{ body: "abc0123456789", keepAlive: true }],
  ],
  [
    "trailers",
    "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, Chunked\r\n\r\n1\r\nz\r\n0\r\nX-Sum: 1\r\n\r\n",
    [{ body: "z" }],
  ],
  [
    "an interim answer",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok",
    [{ status: 201, body: "ok" }],
  ],
  [
    "close announced",
    "HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 1\r\n\r\nx",
    [{ keepAlive: false, body: "x" }],
  ],
  ["HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", [{ keepAlive: false }]],
  [
    "HTTP/1.0 kept alive",
    "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx",
    [{ keepAlive: true }],
  ],
  [
    "ended by close",
    "HTTP/1.1 200 OK\r\n\r\nas much as comes",
    [{ keepAlive: false, body: "as much as comes" }],
    { closes: true },
  ],
  ["bare LF", "HTTP/1.1 200 OK\nContent-Length: 1\n\nx", [{ status: 200, body: "x" }]],
  [
    "pipelined",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 404 No\r\nContent-Length: 1\r\n\r\nbHTTP/1.1 204 No\r\n\r\n",
    [{ status: 200, body: "a" }, { status: 404, body: "b" }, { status: 204 }],
  ],
];

describe("a response comes out the same, however its bytes were cut:", () => {
  for (const [name, text, expected, options] of responses) {
    test(name, () => {
      const whole = bytes(text);
      const cuts = [[whole], [...whole].map((byte) => new Uint8Array([byte]))];
      for (let at = 1; at < whole.length; at++) cuts.push([whole.slice(0, at), whole.slice(at)]);
      for (const pieces of cuts) expect(parse(pieces, options?.head, options?.closes)).toMatchObject(expected);
    });
  }
});

const refused: [name: string, text: string][] = [
  ["garbage", "SSH-2.0-OpenSSH_9.2\r\n"],
  ["garbage that begins well", "HTTP/2 200\r\n\r\n"],
  ["a status of letters", "HTTP/1.1 abc OK\r\n\r\n"],
  ["a length of letters", "HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\n"],
  ["a negative length", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"],
  ["two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx"],
  ["a chunk size of letters", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"],
  ["a chunk longer than its size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n"],
  ["an upgrade", "HTTP/1.1 101 Switching Protocols\r\n\r\n"],
  ["a head without end", `HTTP/1.1 200 OK\r\nX: ${"x".repeat(70_000)}`],
];

test.each(refused)("refuses %s", (_, text) => {
  expect(parse([bytes(text)]).at(-1)).toBe("malformed");
});

test.each([
  ["a head", "HTTP/1.1 200 OK\r\nContent-Le"],
  ["a body", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"],
  ["a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"],
])("a close in %s ends no response", (_, text) => {
  expect(parse([bytes(text)], false, true)).toEqual(["open"]);
});

test("without keep, bytes are counted and not held", () => {
  const parser = new ResponseParser();
  expect(parser.feed(bytes("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), 0)).toBeGreaterThan(0);
  expect(parser.bodyBytes).toBe(5);
  expect(parser.body.length).toBe(0);
});
