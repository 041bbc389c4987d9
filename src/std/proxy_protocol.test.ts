import { describe, expect, test } from "bun:test";
import { type ProxyHeaderRead, proxyField, readProxyHeader } from "./proxy_protocol.ts";

const bytes = (text: string): Uint8Array => Buffer.from(text, "latin1");
const signature = "\r\n\r\n\0\r\nQUIT\n";
const inet = `${signature}\x21\x11\x00\x0c\xc0\x00\x02\x01\xc0\x00\x02\x02\x00\x7b\x16\x2e`;
const inet6 = `${signature}\x21\x21\x00\x24${"\x20\x01\x0d\xb8"}${"\0".repeat(11)}\x01${"\0".repeat(15)}\x01\x00\x50\x01\xbb`;

/** What a header says, in one line. */
function told(read: ProxyHeaderRead): string {
  if (read.state !== "whole") return read.state === "broken" ? read.why : "partial";
  const { header, length } = read;
  if (!header) return `nothing, ${length} bytes`;
  return `${header.address} ${header.port} to ${header.serverAddress} ${header.serverPort}, ${length} bytes`;
}

const rows: [name: string, sent: string, told: string][] = [
  ["version 1", "PROXY TCP4 192.0.2.1 192.0.2.2 123 5678\r\nGET", "192.0.2.1 123 to 192.0.2.2 5678, 41 bytes"],
  ["of IPv6", "PROXY TCP6 2001:db8::1 ::1 123 5678\r\n", "2001:db8::1 123 to ::1 5678, 37 bytes"],
  ["an unknown protocol", "PROXY UNKNOWN\r\nGET", "nothing, 15 bytes"],
  ["with addresses that do not count", "PROXY UNKNOWN 1 2 3 4\r\n", "nothing, 23 bytes"],
  ["no header", "GET / HTTP/1.0\r\n\r\n", 'broken header: "GET / HTTP/1.0"'],
  ["another protocol", "PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n", 'broken header: "PROXY UDP4 192.0.2.1 192.0.2.2 1 2"'],
  ["a bare line feed", "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n", 'broken header: "PROXY TCP4 192.0.2.1 192.0.2.2 1 2"'],
  [
    "a port beyond",
    "PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n",
    'broken header: "PROXY TCP4 192.0.2.1 192.0.2.2 1 65536"',
  ],
  ["a name for an address", "PROXY TCP4 host 192.0.2.2 1 2\r\n", 'broken header: "PROXY TCP4 host 192.0.2.2 1 2"'],
  ["a line that does not end", `PROXY ${"x".repeat(200)}`, `broken header: "PROXY ${"x".repeat(101)}"`],
  ["version 2", `${inet}GET`, "192.0.2.1 123 to 192.0.2.2 5678, 28 bytes"],
  ["version 2 of IPv6", inet6, "2001:db8::1 80 to ::1 443, 52 bytes"],
  ["the proxy itself", `${signature}\x20\x00\x00\x00GET`, "nothing, 16 bytes"],
  ["datagrams", inet.replace("\x11", "\x12"), "nothing, 28 bytes"],
  ["a unix socket", `${signature}\x21\x31\x00\x01a`, "nothing, 17 bytes"],
  ["a later version", `${signature}\x31\x11\x00\x0c`, "unknown PROXY protocol version: 3"],
  ["too much", `${signature}\x21\x11\xff\xff`, "header is too large"],
  ["no room for the addresses", `${signature}\x21\x11\x00\x04abcd`, 'broken header: ""'],
  ["almost a signature", `${signature.slice(0, 8)}X`, 'broken header: ""'],
];

describe("readProxyHeader", () => {
  for (const [name, sent, expected] of rows)
    test(name, () => expect(told(readProxyHeader(bytes(sent)))).toBe(expected));

  for (const [name, sent] of rows.filter(([, , said]) => said.endsWith(" bytes")))
    test(`${name}, byte by byte`, () => {
      const { length } = readProxyHeader(bytes(sent)) as { length: number };
      for (let known = 0; known < length; known++)
        expect([known, told(readProxyHeader(bytes(sent).subarray(0, known)))]).toEqual([known, "partial"]);
    });
});

test("fields behind the addresses", () => {
  const read = readProxyHeader(bytes(`${inet.slice(0, 15)}\x16${inet.slice(16)}\x01\x00\x02h2\x05\x00\x02id`));
  const { fields } = read.state === "whole" ? read.header! : { fields: bytes("") };
  expect(Buffer.from(proxyField(fields, 1)!).toString()).toBe("h2");
  expect(Buffer.from(proxyField(fields, 5)!).toString()).toBe("id");
  expect(proxyField(fields, 2)).toBeUndefined();
  expect(proxyField(fields.subarray(0, fields.length - 1), 5)).toBeUndefined();
});
