import { describe, expect, test } from "bun:test";
import { CidrList, parseCidr } from "./cidr.ts";
import { canonicalIpv6, forwardedAddress, parseAddressPort } from "./forwarded.ts";

describe("parseAddressPort", () => {
  const rows: [text: string, found: [string, number] | undefined][] = [
    ["192.0.2.1", ["192.0.2.1", 0]],
    ["192.0.2.1:80", ["192.0.2.1", 80]],
    ["2001:DB8::1", ["2001:db8::1", 0]],
    ["[2001:db8:0:0::1]:443", ["2001:db8::1", 443]],
    ["[::1]", ["::1", 0]],
    ["unix:/run/x", ["unix:", 0]],
    ["192.0.2.1:0", undefined],
    ["192.0.2.1:70000", undefined],
    ["unknown", undefined],
    ["", undefined],
    ["192.0.2.1/24", undefined],
  ];
  for (const [text, found] of rows)
    test(text, () => expect(parseAddressPort(text)).toEqual(found && { address: found[0], port: found[1] }));
});

test("an IPv4 address within an IPv6 one keeps its form", () =>
  expect(canonicalIpv6("::FFFF:192.0.2.1")).toBe("::ffff:192.0.2.1"));

describe("forwardedAddress", () => {
  const trusted = new CidrList<boolean>();
  for (const text of ["127.0.0.0/8", "10.0.0.0/8", "2001:db8::/32"]) trusted.add(parseCidr(text)!, true);
  const rows: [from: string, lines: string[], recursive: boolean, found: string | undefined][] = [
    ["127.0.0.1", ["192.0.2.1"], false, "192.0.2.1"],
    ["192.0.2.9", ["192.0.2.1"], false, undefined],
    ["127.0.0.1", ["192.0.2.1, 10.0.0.1"], false, "10.0.0.1"],
    ["127.0.0.1", ["192.0.2.7, 192.0.2.1, 10.0.0.1"], true, "192.0.2.1"],
    ["127.0.0.1", ["192.0.2.1", "10.0.0.2,10.0.0.1"], true, "192.0.2.1"],
    ["127.0.0.1", ["10.0.0.3,10.0.0.1"], true, "10.0.0.3"],
    ["127.0.0.1", ["192.0.2.1, unknown, 10.0.0.1"], true, "10.0.0.1"],
    ["127.0.0.1", [" , "], true, undefined],
    ["127.0.0.1", [], true, undefined],
    ["127.0.0.1", ["192.0.2.1 2001:db8::5"], true, "192.0.2.1"],
  ];
  for (const [from, lines, recursive, found] of rows)
    test(`${from} says ${lines.join(" | ")}${recursive ? ", recursive" : ""}`, () =>
      expect(forwardedAddress(from, lines, trusted, recursive)?.address).toBe(found));
});
