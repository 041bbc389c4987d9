import { afterAll, describe, expect, test } from "bun:test";
import { closeSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CacheFile, CacheWriter, openCacheFile, renewCacheFile, type StoredHead } from "./file.ts";

const folder = mkdtempSync(join(tmpdir(), "resty-cache-"));
afterAll(() => rmSync(folder, { recursive: true }));

const head: StoredHead = {
  key: "http://a/\xff",
  status: 200,
  reason: "OK",
  headers: ["X-A", "b\xe9"],
  vary: "",
  variant: "",
  intercepted: false,
};
const validity = { validUntil: 10, updatingUntil: 20, errorUntil: 30 };
let made = 0;

function store(chunks: readonly Uint8Array[]): string {
  const path = join(folder, "a", `entry${++made}`);
  const writer = new CacheWriter(path, `${path}.tmp`, head, validity);
  for (const chunk of chunks) writer.append(chunk);
  writer.commit();
  return path;
}

function found(path: string): CacheFile {
  const file = openCacheFile(path);
  if (file === undefined || file === "torn") throw new Error(`${path} is ${file}`);
  closeSync(file.fd);
  return file;
}

test.each([0, 1, 30_000, 40_000, 64 * 1024, 300_000])("a body of %d bytes comes back", (size) => {
  const body = Buffer.alloc(size, "abcdefg");
  const path = store([body.subarray(0, size >> 1), body.subarray(size >> 1)]);
  const file = found(path);
  expect(file).toMatchObject({ head, validity, bodyBytes: size });
  expect(readFileSync(path).subarray(file.bodyStart).equals(body)).toBe(true);
  if (file.body) expect(Buffer.from(file.body).equals(body)).toBe(true);
  else expect(size).toBeGreaterThan(30_000);
});

test("a head longer than the first read comes back", () => {
  const long = { ...head, headers: ["X-Long", "x".repeat(100_000)] };
  const path = join(folder, "long");
  const writer = new CacheWriter(path, `${path}.tmp`, long, validity);
  writer.append(Buffer.from("body"));
  writer.commit();
  expect(found(path)).toMatchObject({ head: long, bodyBytes: 4 });
});

describe("nothing torn is taken for whole", () => {
  const path = store([Buffer.from("a body of some bytes")]);
  const whole = readFileSync(path);
  const damaged = join(folder, "damaged");

  test("cut at any byte", () => {
    for (let size = 0; size < whole.length; size++) {
      writeFileSync(damaged, whole.subarray(0, size));
      expect(openCacheFile(damaged)).toBe("torn");
    }
  });

  test("with bytes too many", () => {
    writeFileSync(damaged, Buffer.concat([whole, Buffer.from("x")]));
    expect(openCacheFile(damaged)).toBe("torn");
  });

  test("with any byte of the preamble or head another one", () => {
    const { bodyStart } = found(path);
    for (let at = 0; at < bodyStart; at++) {
      const bytes = Buffer.from(whole);
      bytes[at]! ^= 1;
      writeFileSync(damaged, bytes);
      expect(openCacheFile(damaged)).toBe("torn");
    }
  });

  test("all zeros, as after a power cut", () => {
    writeFileSync(damaged, Buffer.alloc(whole.length));
    expect(openCacheFile(damaged)).toBe("torn");
  });
});

test("what is not finished leaves nothing", () => {
  const path = join(folder, "unfinished");
  const writer = new CacheWriter(path, `${path}.tmp`, head, validity);
  writer.append(Buffer.alloc(200_000));
  expect(existsSync(`${path}.tmp`)).toBe(true);
  expect(openCacheFile(`${path}.tmp`)).toBe("torn");
  writer.discard();
  expect(readdirSync(folder).filter((name) => name.startsWith("unfinished"))).toEqual([]);
});

test("what holds longer is renewed in place, unless another answer has come", () => {
  const path = store([Buffer.from("one")]);
  const file = found(path);
  renewCacheFile(file, { validUntil: 100, updatingUntil: 200, errorUntil: 300 });
  expect(found(path).validity).toEqual({ validUntil: 100, updatingUntil: 200, errorUntil: 300 });
  writeFileSync(path, readFileSync(store([Buffer.from("another")])));
  renewCacheFile(file, { validUntil: 999, updatingUntil: 999, errorUntil: 999 });
  expect(found(path)).toMatchObject({ validity, bodyBytes: 7 });
});
