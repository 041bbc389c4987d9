import { describe, expect, test } from "bun:test";
import { Http1Parser } from "./http1_parser.ts";

interface Told {
  interim: number[];
  status: number;
  reason: string;
  headers: string[];
  body: string;
  ended: boolean;
  trailers: string[];
  reusable: boolean | undefined;
}

function parse(pieces: readonly string[], method = "GET", close = false): Told & { whole: boolean } {
  const told: Told = {
    interim: [],
    status: 0,
    reason: "",
    headers: [],
    body: "",
    ended: false,
    trailers: [],
    reusable: undefined,
  };
  const parser = new Http1Parser();
  parser.expect(method, {
    interim: (status) => void told.interim.push(status),
    head: (status, reason, headers) => Object.assign(told, { status, reason, headers }),
    data: (chunk) => void (told.body += Buffer.from(chunk).toString("latin1")),
    end: (trailers, reusable) => Object.assign(told, { ended: true, trailers, reusable }),
  });
  for (const piece of pieces) parser.feed(Buffer.from(piece, "latin1"));
  const whole = close ? parser.closed() : told.ended;
  return { ...told, whole };
}

const ok = "HTTP/1.1 200 OK\r\n";

describe("where a body ends", () => {
  test.each([
    ["by its length", `${ok}Content-Length: 5\r\n\r\nhello`, "GET", "hello", true],
    ["a body of no bytes", `${ok}Content-Length: 0\r\n\r\n`, "GET", "", true],
    [
      "what follows it is cut, and the connection not used again",
      `${ok}Content-Length: 2\r\n\r\nhello`,
      "GET",
      "he",
      false,
    ],
    ["chunks", `${ok}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n`, "GET", "abcde", true],
    ["chunks behind bare line feeds", `${ok}Transfer-Encoding: chunked\n\n3\nabc\n0\n\n`, "GET", "abc", true],
    ["HEAD has none, whatever its length", `${ok}Content-Length: 5\r\n\r\n`, "HEAD", "", true],
    ["204 has none", "HTTP/1.1 204 No Content\r\n\r\n", "GET", "", true],
    ["304 has none", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "GET", "", true],
    ["close is close", `${ok}Content-Length: 1\r\nConnection: close\r\n\r\nx`, "GET", "x", false],
    ["HTTP/1.0 closes", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", "GET", "x", false],
    ["unless it keeps", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\nx", "GET", "x", true],
  ])("%s", (_, answer, method, body, reusable) => {
    expect(parse([answer], method)).toMatchObject({ body, ended: true, reusable });
    // The same byte by byte, but that what comes after the end is nothing to the parser then.
    if (!/hello$/.test(answer) || body === "hello")
      expect(parse([...answer], method)).toMatchObject({ body, ended: true });
  });

  test("the end of the connection is the end of a body without length", () => {
    expect(parse([`${ok}\r\nabc`, "def"], "GET", true)).toMatchObject({ body: "abcdef", ended: true, reusable: false });
  });

  test.each([
    ["short of its length", `${ok}Content-Length: 5\r\n\r\nhel`],
    ["within a chunk", `${ok}Transfer-Encoding: chunked\r\n\r\n5\r\nhel`],
    ["before the last chunk", `${ok}Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n`],
    ["within the head", "HTTP/1.1 200 OK\r\nCont"],
    ["before anything", ""],
  ])("a connection that ends %s cuts the answer short", (_, answer) => {
    expect(parse(answer === "" ? [] : [answer], "GET", true)).toMatchObject({ ended: false, whole: false });
  });
});

test("heads: order, case and repeats stay, blanks go", () => {
  const { status, reason, headers } = parse([
    "HTTP/1.1 299 Very Fine\r\nX-A:  1 \r\nx-a:2\r\nEmpty:\r\nContent-Length: 0\r\n\r\n",
  ]);
  expect([status, reason]).toEqual([299, "Very Fine"]);
  expect(headers).toEqual(["X-A", "1", "x-a", "2", "Empty", "", "Content-Length", "0"]);
});

test("interim answers come first, trailers last", () => {
  const told = parse([
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n",
    `${ok}Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-T: 1\r\n\r\n`,
  ]);
  expect(told).toMatchObject({ interim: [100, 103], status: 200, body: "a", trailers: ["X-T", "1"], reusable: true });
});

test.each([
  ["no HTTP at all", "SSH-2.0-OpenSSH\r\n\r\n", "no valid HTTP/1.0 header"],
  ["a header line without a colon", `${ok}nonsense\r\n\r\n`, "invalid header"],
  ["a NUL", `${ok}X: a\0b\r\n\r\n`, "invalid header"],
  ["length and chunks", `${ok}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`, "at the same time"],
  ["another coding", `${ok}Transfer-Encoding: gzip, chunked\r\n\r\n`, 'unknown "Transfer-Encoding"'],
  ["a length that is none", `${ok}Content-Length: 1x\r\n\r\n`, 'invalid "Content-Length"'],
  ["a chunk size that is none", `${ok}Transfer-Encoding: chunked\r\n\r\nxyz\r\n`, "invalid chunked response"],
  ["a chunk longer than it said", `${ok}Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n`, "invalid chunked response"],
  ["an endless head", `${ok}X: ${"a".repeat(300_000)}`, "too big header"],
])("refuses %s", (_, answer, message) => {
  expect(() => parse([answer])).toThrow(message);
});

test("101 makes a tunnel", () => {
  const parser = new Http1Parser();
  let body = "";
  parser.expect("GET", { head: () => undefined, data: (chunk) => void (body += chunk), end: () => undefined });
  parser.feed(Buffer.from("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nraw"));
  expect([parser.tunnelling, body]).toEqual([true, "raw"]);
});
