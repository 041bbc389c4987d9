import { describe, expect, test } from "bun:test";
import { readBody, readHead } from "./http_head.ts";

/** What was read, in one line. */
function told(text: string): string {
  const read = readHead(text);
  if (!read) return "not all";
  if ("status" in read) return `${read.status} ${read.message.replace(/^client sent | while reading .*$/g, "")}`;
  const { method, target, httpVersion, headers, length } = read;
  return `${method} ${target} ${httpVersion} ${headers.join("|")} ${length}`;
}

describe("readHead", () => {
  const rows: [sent: string, told: string][] = [
    ["GET / HTTP/1.1\r\nHost: a\r\nX:  y z \r\n\r\nrest", "GET / 11 Host|a|X|y z 37"],
    ["GET / HTTP/1.0\nHost:a\n\n", "GET / 10 Host|a 23"],
    ["\r\n\nGET / HTTP/1.1\n\n", "GET / 11  19"],
    ["GET   /a   HTTP/1.1  \r\n\r\n", "GET /a 11  25"],
    ["BREW-A_B /pot HTTP/1.99\n\n", "BREW-A_B /pot 11  25"],
    ["GET /\xe4%00 HTTP/1.1\n\n", "GET /\xe4%00 11  20"],
    ["GET /a\n", "GET /a 9  7"],
    ["GET / HTTP/1.1\nX\nY:\n\n", "GET / 11 X||Y| 21"],
    ["GET / HTTP/1.1\nX: a\x01b\tc\n\n", "GET / 11 X|a\x01b\tc 25"],
    ["GET / HTTP/1.1\nHost: a\n", "not all"],
    ["GET / HTT", "not all"],
    ["", "not all"],
    ["get / HTTP/1.1\n\n", "400 invalid method"],
    ["\x16\x03\x01\n", "400 invalid method"],
    ["POST /a\n", "400 invalid method in HTTP/0.9 request"],
    ["GET /a b HTTP/1.1\n\n", "400 invalid request"],
    ["GET /a\tb HTTP/1.1\n\n", "400 invalid request"],
    ["GET /a\0 HTTP/1.1\n\n", "400 invalid request"],
    ["GET / HTTP/1.1x\n\n", "400 invalid request"],
    ["GET / HTTP/0.5\n\n", "400 invalid request"],
    ["GET / HTTP/2.0\n\n", "505 invalid version"],
    ["GET / HTTP/1.1\n X: y\n\n", '400 invalid header line: " X: y"'],
    ["GET / HTTP/1.1\nX : y\n\n", '400 invalid header line: "X : y"'],
    ["GET / HTTP/1.1\n: y\n\n", '400 invalid header line: ": y"'],
    ["GET / HTTP/1.1\nX: a\0b\n\n", '400 invalid header line: "X: a\0b"'],
    ["GET / HTTP/1.1\nX: a\rb\n\n", '400 invalid header line: "X: a\rb"'],
  ];
  for (const [sent, expected] of rows) test(JSON.stringify(sent), () => expect(told(sent)).toBe(expected));
});

describe("readBody", () => {
  const rows: [headers: string[], rest: string, body: string | undefined][] = [
    [[], "rest", ""],
    [["Content-Length", "3"], "abcd", "abc"],
    [["Content-Length", "5"], "abcd", undefined],
    [["Content-Length", "0x3"], "abcd", undefined],
    [["Content-Length", "3", "content-length", "3"], "abc", undefined],
    [["Transfer-Encoding", "Chunked"], "3\r\nabc\r\n2;x=y\nde\n0\n\n", "abcde"],
    [["Transfer-Encoding", "chunked"], "3\r\nabcd\r\n0\r\n\r\n", undefined],
    [["Transfer-Encoding", "chunked"], "3\r\nabc\r\n", undefined],
    [["Transfer-Encoding", "chunked"], "zz\r\n", undefined],
    [["Transfer-Encoding", "gzip"], "", undefined],
    [["Transfer-Encoding", "chunked", "Content-Length", "3"], "0\r\n\r\n", undefined],
  ];
  for (const [headers, rest, body] of rows)
    test(`${headers.join(": ")} ${JSON.stringify(rest)}`, () => {
      const read = readBody({ headers }, Buffer.from(rest));
      expect(read && Buffer.from(read).toString()).toBe(body!);
    });
});
