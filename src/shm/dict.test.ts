import { afterAll, describe, expect, expectTypeOf, setSystemTime, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SharedDict, type Value } from "./dict.ts";
import { openZone } from "./zone.ts";

const directory = mkdtempSync(join(tmpdir(), "resty-dict-"));
afterAll(() => rmSync(directory, { recursive: true }));

let files = 0;
const fresh = (sizeBytes = 64 * 1024) =>
  new SharedDict(openZone({ name: "test", path: join(directory, `zone${files++}`), sizeBytes }));

/** Runs `work` with a clock that only `later` moves. */
function withClock(work: (later: (seconds: number) => void) => void): void {
  let now = Date.now();
  setSystemTime(new Date(now));
  try {
    work((seconds) => setSystemTime(new Date((now += seconds * 1000))));
  } finally {
    setSystemTime();
  }
}

describe("values come back as they went in", () => {
  const dict = fresh();
  const values: [string, Value][] = [
    ["ASCII", "hello"],
    ["nothing", ""],
    ["with NUL", "a\0b"],
    ["Latin-1", "naïve \u00ff"],
    ["any Unicode", "日本語 🙂 ж"],
    ["a lone surrogate", "\ud800 \udc00x"],
    ["long text", "0123456789".repeat(3000)],
    ["zero", 0],
    ["minus zero", -0],
    ["NaN", NaN],
    ["infinity", -Infinity],
    ["beyond 2^53", 2 ** 60 + 4096],
    ["a small fraction", 5e-324],
    ["true", true],
    ["false", false],
    ["bytes", new Uint8Array([0, 255, 7])],
    ["no bytes", new Uint8Array(0)],
    ["a bigint", 2n ** 100n],
    ["an array", [1, "two", null, undefined]],
    ["an object", { a: { b: [new Date(5)] } }],
    ["a Map", new Map<unknown, unknown>([["k", new Set([1])]])],
    ["a Date", new Date(1e12)],
  ];
  test.each(values)("%s", (_, value) => {
    expect(dict.set("key", value)).toBe(true);
    expect(dict.get("key")).toStrictEqual(value);
    expect(dict.set("key", "something else of another size".repeat(9))).toBe(true);
    expect(dict.add("other", value)).toBe(true);
    expect(dict.get("other")).toStrictEqual(value);
    dict.delete("other");
  });

  test("what cannot be cloned is a bad value type", () => {
    for (const value of [() => 1, Symbol("s"), { f() {} }]) {
      expect(dict.set("bad", value as Value)).toBe("bad value type");
      expect(dict.lpush("bad", value as Value)).toBe("bad value type");
      expect(dict.hset("bad", "f", value as Value)).toBe("bad value type");
    }
    expect(dict.get("bad")).toBeUndefined();
  });

  test("undefined and null delete", () => {
    dict.set("key", 1);
    expect(dict.set("key", undefined)).toBe(true);
    expect(dict.get("key")).toBeUndefined();
    dict.set("key", 1);
    expect(dict.safeSet("key", null)).toBe(true);
    expect(dict.get("key")).toBeUndefined();
  });
});

describe("keys", () => {
  const dict = fresh(2 ** 20);
  test.each([
    ["a"],
    ["\0"],
    ["a\0b"],
    ["ключ"],
    ["🙂"],
    [" "],
    ["k".repeat(65)],
    ["k".repeat(65_535)],
    ["é".repeat(32_767)],
  ])("%p is one", (key) => {
    expect(dict.set(key, 1)).toBe(true);
    expect(dict.get(key)).toBe(1);
    expect(dict.incr(key, 1)).toBe(2);
    expect(dict.getKeys(0)).toEqual([key]);
    expect(dict.delete(key)).toBe(true);
    expect(dict.get(key)).toBeUndefined();
  });

  test.each([
    ["", "empty key"],
    ["k".repeat(65_536), "key too long"],
    ["é".repeat(32_768), "key too long"],
  ] as const)("others are refused by name", (key, why) => {
    expect(dict.get(key)).toBeUndefined();
    expect(dict.getStale(key)).toBeUndefined();
    expect(dict.set(key, 1)).toBe(why);
    expect(dict.add(key, 1)).toBe(why);
    expect(dict.replace(key, 1)).toBe(why);
    expect(dict.incr(key, 1, 0)).toBe(why);
    expect(dict.delete(key)).toBe(why);
    expect(dict.update(key, () => 1)).toBe(why);
    expect(dict.lpush(key, 1)).toBe(why);
    expect(dict.hset(key, "f", 1)).toBe(why);
    expect(dict.lpop(key)).toBeUndefined();
    expect(dict.ttl(key)).toBe("not found");
    expect(dict.expire(key, 1)).toBe("not found");
  });

  test("what is not a string is the caller's bug", () => {
    for (const key of [undefined, null, 5, {}, Symbol("s")]) {
      expect(() => dict.get(key as string)).toThrow(TypeError);
      expect(() => dict.set(key as string, 1)).toThrow(TypeError);
      expect(() => dict.incr(key as string, 1)).toThrow(TypeError);
      expect(() => dict.hget("h", key as string)).not.toThrow();
    }
  });

  test("a key and a key with a NUL behind it are two", () => {
    dict.set("k", 1);
    dict.set("k\0", 2);
    dict.set("k\0\0", 3);
    expect([dict.get("k"), dict.get("k\0"), dict.get("k\0\0")]).toEqual([1, 2, 3]);
  });
});

describe("set, add, replace, incr", () => {
  test("as OpenResty documents them", () => {
    const dict = fresh();
    expect(dict.replace("k", 1)).toBe("not found");
    expect(dict.add("k", 1)).toBe(true);
    expect(dict.add("k", 2)).toBe("exists");
    expect(dict.safeAdd("k", 2)).toBe("exists");
    expect(dict.replace("k", "three")).toBe(true);
    expect(dict.get("k")).toBe("three");
    expect(dict.incr("k", 1)).toBe("not a number");
    expect(dict.incr("n", 1)).toBe("not found");
    expect(dict.incr("n", 1.5, 10)).toBe(11.5);
    expect(dict.incr("n", -20)).toBe(-8.5);
    expect(dict.set("n", true)).toBe(true);
    expect(dict.incr("n", 1)).toBe("not a number");
  });

  test("flags are kept, by incr as well, and reset by set", () => {
    const dict = fresh();
    dict.set("k", 5, 0, 2 ** 32 - 1);
    expect(dict.getWithFlags("k")).toEqual({ value: 5, flags: 2 ** 32 - 1 });
    dict.incr("k", 1);
    expect(dict.getWithFlags("k")).toEqual({ value: 6, flags: 2 ** 32 - 1 });
    dict.set("k", 7);
    expect(dict.getWithFlags("k")).toEqual({ value: 7, flags: 0 });
  });

  test("incr wants finite numbers", () => {
    const dict = fresh();
    for (const bad of [NaN, Infinity, -Infinity]) {
      expect(() => dict.incr("k", bad)).toThrow(RangeError);
      expect(() => dict.incr("k", 1, bad)).toThrow(RangeError);
    }
    expect(() => dict.incr("k", "1" as never)).toThrow(TypeError);
    dict.set("big", 2 ** 53);
    expect(dict.incr("big", 1)).toBe(2 ** 53); // as numbers are
  });
});

describe("lifetimes", () => {
  test("end to the millisecond", () =>
    withClock((later) => {
      const dict = fresh();
      dict.set("k", 1, 0.1);
      expect(dict.ttl("k")).toBeCloseTo(0.1, 5);
      later(0.099);
      expect(dict.get("k")).toBe(1);
      later(0.001);
      expect(dict.get("k")).toBeUndefined();
      expect(dict.ttl("k")).toBe("not found");
      expect(dict.getStale("k")).toEqual({ value: 1, flags: 0, stale: true });
      expect(dict.incr("k", 1)).toBe("not found");
      expect(dict.replace("k", 1)).toBe("not found");
      expect(dict.add("k", 2)).toBe(true);
      expect(dict.ttl("k")).toBe(0);
      expect(dict.getStale("k")).toEqual({ value: 2, flags: 0, stale: false });
    }));

  test("below a millisecond are one, not for ever", () =>
    withClock((later) => {
      const dict = fresh();
      dict.set("k", 1, 0.0001);
      expect(dict.get("k")).toBe(1);
      later(0.001);
      expect(dict.get("k")).toBeUndefined();
    }));

  test("huge ones do not overflow", () => {
    const dict = fresh();
    dict.set("k", 1, 1e12);
    expect(dict.ttl("k")).toBeCloseTo(1e12, -1);
    dict.set("k", 1, Infinity);
    expect(dict.ttl("k")).toBe(0);
  });

  test("negative ones, and what is no number, are the caller's bug", () => {
    const dict = fresh();
    for (const bad of [-1, -0.001, NaN]) {
      expect(() => dict.set("k", 1, bad)).toThrow(RangeError);
      expect(() => dict.expire("k", bad)).toThrow(RangeError);
      expect(() => dict.incr("k", 1, 0, bad)).toThrow(RangeError);
    }
    expect(() => dict.set("k", 1, "5" as never)).toThrow(TypeError);
    expect(dict.get("k")).toBeUndefined();
  });

  test("expire changes a live key's and does not revive a dead one", () =>
    withClock((later) => {
      const dict = fresh();
      dict.set("k", 1, 5);
      expect(dict.expire("k", 10)).toBe(true);
      later(9);
      expect(dict.get("k")).toBe(1);
      later(1);
      expect(dict.expire("k", 10)).toBe("not found");
      expect(dict.get("k")).toBeUndefined();
      dict.set("k", 1, 5);
      dict.expire("k", 0);
      later(100);
      expect(dict.get("k")).toBe(1);
    }));

  test("incr keeps a key's, and gives one it makes its own", () =>
    withClock((later) => {
      const dict = fresh();
      dict.incr("k", 1, 0, 2);
      later(1);
      dict.incr("k", 1, 0, 100);
      expect(dict.ttl("k")).toBe(1);
      later(1);
      expect(dict.incr("k", 1, 0)).toBe(1);
      expect(dict.ttl("k")).toBe(0);
    }));

  test("flushAll ends all, flushExpired frees them", () => {
    const dict = fresh();
    const empty = dict.freeSpace();
    for (let i = 0; i < 20; i++) dict.set(`k${i}`, "x".repeat(i));
    dict.rpush("list", 1);
    dict.hset("hash", "f", 1);
    dict.flushAll();
    expect(dict.getKeys()).toEqual([]);
    expect(dict.get("k1")).toBeUndefined();
    expect(dict.llen("list")).toBe(0);
    expect(dict.getStale("k1")?.stale).toBe(true);
    expect(dict.flushExpired(5)).toBe(5);
    expect(dict.flushExpired()).toBe(17);
    expect(dict.freeSpace()).toBe(empty);
  });

  test("a thousand flushes do not bring old keys back", () => {
    const dict = fresh();
    dict.set("k", 1);
    for (let i = 0; i < 1024; i++) dict.flushAll();
    expect(dict.get("k")).toBeUndefined();
    dict.set("k", 2);
    expect(dict.get("k")).toBe(2);
  });
});

describe("lists", () => {
  test("as OpenResty documents them", () => {
    const dict = fresh();
    expect(dict.llen("l")).toBe(0);
    expect(dict.lpop("l")).toBeUndefined();
    expect(dict.lpush("l", "b")).toBe(1);
    expect(dict.lpush("l", "a")).toBe(2);
    expect(dict.rpush("l", 3)).toBe(3);
    expect(dict.llen("l")).toBe(3);
    expect(dict.lrange("l")).toEqual(["a", "b", 3]);
    expect(dict.get("l")).toBeUndefined();
    expect(dict.typeOf("l")).toBe("list");
    expect(dict.incr("l", 1, 0)).toBe("not a number");
    expect([dict.rpop("l"), dict.lpop("l"), dict.rpop("l"), dict.rpop("l")]).toEqual([3, "a", "b", undefined]);
    expect(dict.typeOf("l")).toBeUndefined();
    dict.set("s", 1);
    expect(dict.lpush("s", 1)).toBe("value not a list");
    expect(dict.llen("s")).toBe("value not a list");
  });

  test("an expired one begins anew", () =>
    withClock((later) => {
      const dict = fresh();
      dict.rpush("l", 1);
      dict.expire("l", 1);
      later(1);
      expect(dict.llen("l")).toBe(0);
      expect(dict.rpush("l", 2)).toBe(1);
      expect(dict.ttl("l")).toBe(0);
      dict.set("s", 1, 1);
      later(1);
      expect(dict.rpush("s", 2)).toBe(1);
    }));
});

describe("hashes", () => {
  test("have fields of their own", () => {
    const dict = fresh();
    expect(dict.hset("h", "a", "text")).toBe(true);
    expect(dict.hset("h", "", { deep: [1] })).toBe(true);
    expect(dict.hincr("h", "n", 2, 40)).toBe(42);
    expect(dict.hincr("h", "n", 0.5)).toBe(42.5);
    expect(dict.hincr("h", "a", 1)).toBe("not a number");
    expect(dict.hget("h", "a")).toBe("text");
    expect(dict.hget("h", "b")).toBeUndefined();
    expect(dict.hgetAll("h")).toEqual(
      new Map<string, Value>([
        ["n", 42.5],
        ["", { deep: [1] }],
        ["a", "text"],
      ]),
    );
    expect(dict.hlen("h")).toBe(3);
    expect(dict.get("h")).toBeUndefined();
    expect(dict.getKeys()).toEqual(["h"]);
    expect([dict.hdelete("h", "a"), dict.hdelete("h", "a"), dict.hdelete("h", ""), dict.hdelete("h", "n")]).toEqual([
      true,
      false,
      true,
      true,
    ]);
    expect(dict.typeOf("h")).toBeUndefined();
    expect(dict.hgetAll("h")).toBeUndefined();
    dict.set("s", 1);
    expect(dict.hset("s", "f", 1)).toBe("value not a hash");
    expect(dict.hlen("s")).toBe("value not a hash");
    expect(dict.hset("h", "f".repeat(65_528), 1)).toBe("key too long");
    expect(dict.typeOf("h")).toBeUndefined();
  });

  test("a new one does not see an old one's fields", () => {
    const dict = fresh();
    dict.hset("h", "a", 1);
    dict.delete("h");
    dict.hset("h", "b", 2);
    expect(dict.hget("h", "a")).toBeUndefined();
    dict.flushAll();
    dict.hset("h", "c", 3);
    expect(dict.hgetAll("h")).toEqual(new Map([["c", 3]]));
  });
});

describe("update and compareAndSet", () => {
  test("replace a value by what is made of it", () => {
    const dict = fresh();
    expect(dict.update("k", (value) => (value === undefined ? [1] : 0), 10)).toBe(true);
    expect(dict.update("k", (value) => [...(value as number[]), 2])).toBe(true);
    expect(dict.get("k")).toEqual([1, 2]);
    expect(dict.ttl("k")).toBeCloseTo(10, 0);
    expect(dict.update("k", () => undefined)).toBe(true);
    expect(dict.get("k")).toBeUndefined();
    dict.rpush("l", 1);
    expect(dict.update("l", () => 1)).toBe("not a value");
    expect(() =>
      dict.update("k", () => {
        throw new Error("mine");
      }),
    ).toThrow("mine");
    expect(dict.set("k", "still works")).toBe(true);
  });

  test("start again when somebody wrote in between", () => {
    const dict = fresh();
    dict.set("k", 1);
    let calls = 0;
    const result = dict.update("k", (value) => {
      if (calls++ === 0) dict.incr("k", 10);
      return (value as number) + 1;
    });
    expect([result, calls, dict.get("k")]).toEqual([true, 2, 12]);
  });

  test("store only what was expected", () => {
    const dict = fresh();
    expect(dict.compareAndSet("k", undefined, "a")).toBe(true);
    expect(dict.compareAndSet("k", undefined, "b")).toBe("changed");
    expect(dict.compareAndSet("k", "a", { n: 1 })).toBe(true);
    expect(dict.compareAndSet("k", { n: 2 }, 0)).toBe("changed");
    expect(dict.compareAndSet("k", { n: 1 }, 5, 10, 3)).toBe(true);
    expect(dict.getWithFlags("k")).toEqual({ value: 5, flags: 3 });
    expect(dict.compareAndSet("k", 5, undefined)).toBe(true);
    expect(dict.get("k")).toBeUndefined();
  });
});

describe("many keys", () => {
  test("getKeys gives the least recently used first, up to 1024 unless told", () => {
    const dict = fresh(2 ** 20);
    for (let i = 0; i < 1100; i++) dict.set(`k${i}`, i);
    dict.get("k0");
    expect(dict.getKeys(2)).toEqual(["k1", "k2"]);
    expect(dict.getKeys().length).toBe(1024);
    expect(dict.getKeys(0).length).toBe(1100);
    expect(dict.getKeys(0).at(-1)).toBe("k0");
  });

  test("scan finds each key that begins so, once, while others come and go", () => {
    const dict = fresh(2 ** 20);
    for (let i = 0; i < 1000; i++) dict.set(`${i % 2 ? "odd" : "even"}:${i}`, i);
    const found: string[] = [];
    let calls = 0;
    for (let cursor = 0; ;) {
      const part = dict.scan("odd:", cursor, 50);
      found.push(...part.keys);
      dict.set(`new ${calls}`, 1);
      dict.delete(`even:${calls++ * 2}`);
      cursor = part.cursor;
      if (cursor === 0) break;
    }
    expect(calls).toBeGreaterThan(10);
    expect(found.length).toBe(500);
    expect(new Set(found).size).toBe(500);
    expect(() => dict.scan("", -1)).toThrow(RangeError);
  });
});

test("an exception inside leaves the lock free and the key as it was", () => {
  const dict = fresh();
  dict.set("k", "old value");
  let failures = 0;
  const deep = (depth: number): void => {
    try {
      deep(depth + 1);
    } catch {
      // Near the end of the stack, every so often in the midst of it.
      for (let i = 0; i < 20; i++)
        try {
          dict.set("k", "x".repeat(300 + i));
        } catch {
          failures++;
        }
    }
  };
  for (let i = 0; i < 20; i++) deep(0);
  expect(failures).toBeGreaterThan(0);
  expect(dict.set("k", "new value")).toBe(true);
  expect(dict.get("k")).toBe("new value");
});

test("statistics count what happened", () => {
  const dict = fresh();
  dict.set("k", "12345");
  dict.get("k");
  dict.get("k");
  dict.get("nothing");
  expect(dict.stats()).toMatchObject({
    hits: 2,
    misses: 1,
    stores: 1,
    evictions: 0,
    entries: 1,
    largestEntryBytes: 6,
    lockWaits: 0,
  });
});

test("the types say what can come back", () => {
  const dict = fresh();
  expectTypeOf(dict.incr("k", 1)).toEqualTypeOf<
    number | "empty key" | "key too long" | "not found" | "not a number" | "no memory"
  >();
  expectTypeOf(dict.get("k")).toEqualTypeOf<Value | undefined>();
  expectTypeOf(dict.delete("k")).toEqualTypeOf<true | "empty key" | "key too long">();
});
