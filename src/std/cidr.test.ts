import { describe, expect, test } from "bun:test";
import { CidrList, everyAddress, ipv4Word, parseCidr } from "./cidr.ts";

describe("parseCidr", () => {
  for (const text of ["192.0.2.1", "192.0.2.0/24", "0.0.0.0/0", "::1", "2001:db8::/32", "::/0", "unix:"])
    test(text, () => expect(parseCidr(text)).toMatchObject({ hadHostBits: false }));
  for (const text of [
    "",
    "all",
    "192.0.2",
    "192.0.2.1/33",
    "192.0.2.256",
    "::/129",
    "192.0.2.1/",
    "fe80::1%eth0",
    "a.example",
  ])
    test(`not ${text}`, () => expect(parseCidr(text)).toBeUndefined());
  test("bits behind the prefix are told of and cleared", () => {
    expect(parseCidr("192.0.2.7/24")).toMatchObject({ hadHostBits: true, network: [(192 << 24) | (2 << 8)] });
  });
});

test("ipv4Word reads four parts and nothing else", () => {
  expect(ipv4Word("1.2.3.4")).toBe(0x01020304);
  expect(ipv4Word("255.255.255.255")).toBe(-1);
  for (const text of ["1.2.3", "1.2.3.4.5", "1..2.3", "1.2.3.", "1.2.3.4 ", ".1.2.3", "::1.2.3.4"])
    expect(ipv4Word(text)).toBeUndefined();
});

describe("CidrList", () => {
  const list = new CidrList<string>();
  for (const text of ["192.0.2.1", "192.0.2.0/24", "2001:db8::/33", "0.0.0.0/0"]) list.add(parseCidr(text)!, text);
  const rows: [address: string, found: string | undefined][] = [
    ["192.0.2.1", "192.0.2.1"],
    ["192.0.2.2", "192.0.2.0/24"],
    ["::ffff:192.0.2.2", "192.0.2.0/24"],
    ["198.51.100.1", "0.0.0.0/0"],
    ["2001:db8:7fff::1", "2001:db8::/33"],
    ["2001:db8:8000::1", undefined],
    ["unix:", undefined],
    ["nonsense", undefined],
  ];
  for (const [address, found] of rows) test(address, () => expect(list.find(address)).toBe(found));

  test("everyAddress holds each family", () => {
    const all = new CidrList<boolean>();
    for (const cidr of everyAddress) all.add(cidr, true);
    for (const address of ["1.2.3.4", "::1", "unix:/x"]) expect(all.find(address)).toBe(true);
  });
});
