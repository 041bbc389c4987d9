import { expect, test } from "bun:test";
import { admitsGzip } from "./accept.ts";

test.each([
  ["gzip", true],
  ["gzip, deflate, br", true],
  ["deflate, gzip", true],
  ["br,gzip", true],
  ["gzip;q=1.0", true],
  ["gzip ; q=0.1", true],
  ["gzip;q=0.001", true],
  ["GZip", true],
  ["gzip;q=0", false],
  ["gzip;q=0.000", false],
  ["gzip;q=1.001", false],
  ["gzip;q=1.0000", false],
  ["gzip;q=0.0001", false],
  ["gzip;q", false],
  ["gzip;level=1", false],
  ["x-gzip", false],
  ["gzips", false],
  ["*", false],
  ["", false],
] as const)("%s: %s", (value, admits) => {
  expect(admitsGzip(value)).toBe(admits);
});
