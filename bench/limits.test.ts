import { expect, test } from "bun:test";
import { requireDescriptors, sourceAddresses } from "./limits.ts";
import { BenchError } from "./usage.ts";

const ports: [number, number] = [32768, 60999];

test("one address does for 26 000 connections", () => {
  expect(sourceAddresses(26_000, "127.0.0.1", ports)).toEqual([]);
});

test("more come from further loopback addresses, each used once", () => {
  const addresses = sourceAddresses(60_000, "127.0.0.1", ports);
  expect(addresses).toEqual(["127.0.1.1", "127.0.1.2", "127.0.1.3"]);
  expect(new Set(sourceAddresses(5_000_000, "127.0.0.1", ports)).size).toBe(187);
});

test("a server elsewhere has no such way out", () => {
  expect(() => sourceAddresses(60_000, "192.0.2.1", ports)).toThrow("ip_local_port_range");
});

test("too few file descriptors: the message has the number and the command", () => {
  const limits = { soft: 1024, hard: 4096 };
  expect(() => requireDescriptors(10_000, 1, limits)).toThrow(
    new BenchError(
      '10000 connections in 1 process need 10064 file descriptors each, and the limit is 4096. Raise it with "ulimit -n 10064" ' +
        '(as root, or "LimitNOFILE=10064" in a unit), or share them out with "--threads 3"',
    ),
  );
  expect(() => requireDescriptors(10_000, 3, limits)).not.toThrow();
  expect(() => requireDescriptors(10_000, 1, { soft: 1024, hard: 20_000 })).not.toThrow();
});
