import { describe, expect, test } from "bun:test";
import { parseCidr } from "../../std/cidr.ts";
import { PrefixTable } from "./prefix_table.ts";
import { RangeTable } from "./range_table.ts";

describe("PrefixTable", () => {
  const table = new PrefixTable();
  const networks = [
    "0.0.0.0/0",
    "10.0.0.0/8",
    "10.1.0.0/16",
    "10.1.2.3",
    "255.255.255.255",
    "2001:db8::/32",
    "2001:db8::1",
  ];
  for (const text of networks) table.set(parseCidr(text)!, text);
  const rows: [address: string, found: string | undefined][] = [
    ["192.0.2.1", "0.0.0.0/0"],
    ["10.2.0.1", "10.0.0.0/8"],
    ["10.1.9.9", "10.1.0.0/16"],
    ["10.1.2.3", "10.1.2.3"],
    ["::ffff:10.1.2.3", "10.1.2.3"],
    ["2001:db8::1", "2001:db8::1"],
    ["2001:db8::2", "2001:db8::/32"],
    ["2001:db9::2", undefined],
    ["unix:", "255.255.255.255"],
  ];
  for (const [address, found] of rows) test(address, () => expect(table.find(address)).toBe(found));

  test("set tells what it replaced, delete what it did not find", () => {
    const cidr = parseCidr("192.0.2.0/24")!;
    expect(table.set(cidr, "a")).toBeUndefined();
    expect(table.set(cidr, "b")).toBe("a");
    expect(table.delete(cidr)).toBe(true);
    expect(table.delete(cidr)).toBe(false);
    expect(table.find("192.0.2.1")).toBe("0.0.0.0/0");
  });
});

describe("RangeTable", () => {
  const at = (a: number, b: number, c: number, d: number) => ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;

  test("a range within another splits it", () => {
    const table = new RangeTable();
    table.add(at(10, 0, 0, 0), at(10, 255, 255, 255), "outer");
    expect(table.add(at(10, 1, 0, 5), at(10, 1, 0, 7), "inner")).toBeUndefined();
    expect(table.add(at(10, 1, 0, 0), at(10, 1, 0, 1), "left")).toBeUndefined();
    const found = [0, 1, 2, 4, 5, 7, 8].map((low) => table.find(at(10, 1, 0, low)));
    expect(found).toEqual(["left", "left", "outer", "outer", "inner", "inner", "outer"]);
    expect(table.find(at(10, 200, 0, 0))).toBe("outer");
    expect(table.find(at(11, 0, 0, 0))).toBeUndefined();
  });

  test("borders may not be crossed, repeats are told of", () => {
    const table = new RangeTable();
    table.add(at(10, 0, 0, 10), at(10, 0, 0, 20), "a");
    expect(table.add(at(10, 0, 0, 15), at(10, 0, 0, 25), "b")).toEqual({ overlaps: "10.0.0.10-10.0.0.20" });
    expect(table.add(at(10, 0, 0, 5), at(10, 0, 0, 30), "b")).toEqual({ overlaps: "10.0.0.10-10.0.0.20" });
    expect(table.add(at(10, 0, 0, 10), at(10, 0, 0, 20), "b")).toEqual({ duplicateOf: "a" });
    expect(table.delete(at(10, 0, 0, 10), at(10, 0, 0, 20))).toBe(true);
    expect(table.delete(at(10, 0, 0, 10), at(10, 0, 0, 20))).toBe(false);
  });

  test("the whole of IPv4", () => {
    const table = new RangeTable();
    table.add(0, 0xffffffff, "all");
    expect([0, 0x7fffffff, 0x80000000, 0xffffffff].map((address) => table.find(address))).toEqual([
      "all",
      "all",
      "all",
      "all",
    ]);
  });
});
