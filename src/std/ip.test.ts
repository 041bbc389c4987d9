import { expect, test } from "bun:test";
import * as net from "node:net";
import { isIP, isIPv4, isIPv6 } from "./ip.ts";

const pieces = [
  "",
  ":",
  "::",
  "1",
  "ffff",
  "FE80",
  "0",
  "00001",
  "g",
  "%",
  "%eth0",
  ".",
  "1.2.3.4",
  "256.1.1.1",
  "01.2.3.4",
];

test("says the same as node:net", () => {
  const texts = new Set(pieces);
  for (const a of pieces)
    for (const b of pieces) for (const c of pieces) for (const d of pieces) texts.add(a + b + c + d);
  for (let groups = 5; groups <= 9; groups++) {
    const address = Array.from({ length: groups }, (_, i) => (i * 4097).toString(16)).join(":");
    for (const end of ["", ":", "::", ":1.2.3.4", "::1.2.3.4", "%en-1.2:3", ":g"])
      for (const begin of ["", ":", "::", "1.2.3.4:"]) texts.add(begin + address + end);
  }
  for (const text of texts) {
    expect([text, isIPv4(text)]).toEqual([text, net.isIPv4(text)]);
    expect([text, isIPv6(text)]).toEqual([text, net.isIPv6(text)]);
    expect([text, isIP(text)]).toEqual([text, net.isIP(text) as 0 | 4 | 6]);
  }
});
