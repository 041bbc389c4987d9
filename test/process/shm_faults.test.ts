import { afterAll, beforeAll, expect, test } from "bun:test";
import { SharedDict } from "../../src/shm/dict.ts";
import { type Item, itemsOf } from "../../src/shm/items.ts";
import { H_LOCK } from "../../src/shm/layout.ts";
import { ownerWord } from "../../src/shm/lock.ts";
import { Memory } from "../../src/shm/memory.ts";
import { Table } from "../../src/shm/table.ts";
import { findDamage } from "../../src/shm/verify.ts";
import { format, Zone } from "../../src/shm/zone.ts";
import { Prng } from "../../src/std/prng.ts";
import { Death, installMortalAtomics, mortalMemory, removeMortalAtomics, writesMade } from "./shm_mortal.ts";

/**
 * A process dies at each write that an operation makes in turn, and, in half of the cases, the next one dies as well
 * while it repairs. Whoever comes then must find a sound zone in which the operation either happened or did not.
 */
const seed = Prng.seedFromEnvironment();
const secondDeaths = Number(process.env.SHM_SECOND_DEATHS ?? 1);
/** Of an operation with more writes only some are tried, other ones with each seed; all with SHM_WRITES=1e9. */
const writesTried = Number(process.env.SHM_WRITES ?? 250);
const sizeBytes = 12 * 1024;

// A process id that nobody has: the lock's owner is dead.
const deadOwner = 0x3fffff;

beforeAll(installMortalAtomics);
afterAll(removeMortalAtomics);

const dictOver = (memory: Memory) => {
  const table = new Table(memory);
  return new SharedDict(new Zone({ name: "mortal", path: "", sizeBytes }, table, undefined, []));
};

interface Scenario {
  name: string;
  prepare: (dict: SharedDict) => void;
  operate: (dict: SharedDict) => unknown;
  /** Whether other keys may go. */
  evicts?: boolean;
  /** Whether it is more than one operation, of which the first may have happened alone. */
  several?: boolean;
}

const some = (dict: SharedDict) => {
  for (let i = 0; i < 10; i++) dict.set(`key${i}`, `value ${i}`.repeat(i * 2), 0, i);
  dict.set("number", 5);
  for (let i = 0; i < 5; i++) dict.rpush("list", `element ${i}`);
  for (let i = 0; i < 5; i++) dict.hset("hash", `field ${i}`, i);
};
/** Free space in pieces of one granule, so that whatever is larger is scattered. */
const inPieces = (dict: SharedDict) => {
  for (let i = 0; dict.safeSet(`p${i}`, i) === true; i++);
  for (let i = 0; i < 100; i += 2) dict.delete(`p${i}`);
};
const full = (dict: SharedDict) => {
  for (let i = 0; dict.safeSet(`f${i}`, "x".repeat((i * 37) % 300)) === true; i++);
};

const scenarios: Scenario[] = [
  { name: "set a new key", prepare: some, operate: (dict) => dict.set("new", "n".repeat(100), 60, 7) },
  { name: "set in place", prepare: some, operate: (dict) => dict.set("key5", "other 5 ".repeat(10)) },
  { name: "set another size", prepare: some, operate: (dict) => dict.set("key5", "long ".repeat(200)) },
  { name: "set what is not ASCII", prepare: some, operate: (dict) => dict.set("key5", "日本".repeat(30)) },
  { name: "set a number in place", prepare: some, operate: (dict) => dict.set("number", 6, 9, 1) },
  { name: "set over a list", prepare: some, operate: (dict) => dict.set("list", "plain") },
  { name: "set over a hash", prepare: some, operate: (dict) => dict.set("hash", "plain") },
  { name: "delete", prepare: some, operate: (dict) => dict.delete("key3") },
  { name: "delete a hash", prepare: some, operate: (dict) => dict.delete("hash") },
  { name: "incr", prepare: some, operate: (dict) => dict.incr("number", 1) },
  { name: "incr a new key", prepare: some, operate: (dict) => dict.incr("counter", 1, 10, 5) },
  { name: "update", prepare: some, operate: (dict) => dict.update("number", (value) => (value as number) * 2) },
  { name: "push to a list", prepare: some, operate: (dict) => dict.lpush("list", "another element") },
  { name: "push to no list", prepare: some, operate: (dict) => dict.rpush("fresh", "first element") },
  { name: "pop", prepare: some, operate: (dict) => dict.rpop("list") },
  { name: "pop the last", prepare: (dict) => dict.rpush("one", 1), operate: (dict) => dict.lpop("one") },
  { name: "set a new field", prepare: some, operate: (dict) => dict.hset("hash", "new", "value") },
  { name: "set a field", prepare: some, operate: (dict) => dict.hset("hash", "field 3", "text instead") },
  { name: "set a field of no hash", prepare: some, operate: (dict) => dict.hset("fresh", "field", 1) },
  { name: "delete a field", prepare: some, operate: (dict) => dict.hdelete("hash", "field 2") },
  { name: "expire", prepare: some, operate: (dict) => dict.expire("key4", 60) },
  { name: "flush all", prepare: some, operate: (dict) => dict.flushAll() },
  { name: "scatter a value", prepare: inPieces, operate: (dict) => dict.safeSet("wide", "w".repeat(700)) },
  {
    name: "replace a scattered value",
    prepare: (dict) => (inPieces(dict), dict.safeSet("wide", "w".repeat(700))),
    operate: (dict) => dict.safeSet("wide", "v".repeat(800)),
  },
  { name: "scatter an element", prepare: inPieces, operate: (dict) => dict.rpush("wide", "w".repeat(700)) },
  { name: "evict", prepare: full, operate: (dict) => dict.set("big", "b".repeat(1500)), evicts: true },
  {
    name: "evict a list",
    prepare: (dict) => (some(dict), full(dict)),
    operate: (dict) => dict.set("big", "b".repeat(6000)),
    evicts: true,
  },
  { name: "refuse", prepare: full, operate: (dict) => dict.safeSet("big", "b".repeat(1500)) },
  {
    name: "flush and reclaim",
    prepare: full,
    operate: (dict) => (dict.flushAll(), dict.flushExpired()),
    several: true,
  },
];

for (const [number, { name, prepare, operate, evicts, several }] of scenarios.entries())
  test(`to die at any write of: ${name} (SEED=${seed})`, () => {
    const random = new Prng(seed + number);
    const image = new Uint8Array(sizeBytes);
    format(image, sizeBytes);
    prepare(dictOver(Memory.over(image)));
    const before = itemsByKey(dictOver(Memory.over(image.slice())));
    const after = withOperation(image, operate);

    dieAt(image.slice(), Infinity, operate);
    const total = writesMade();
    expect(total).toBeGreaterThan(2);
    const stride = Math.max(1, total / writesTried);
    for (let at = 1 + random.next() * (stride - 1); at <= total + 1; at += stride) {
      const writes = Math.floor(at);
      for (let second = 0; second <= secondDeaths; second++) {
        const bytes = image.slice();
        expect(dieAt(bytes, writes, operate)).toBe(writes > total);
        if (second > 0)
          dieAt(bytes, 1 + random.below(40), (dict) => (dict.zone.table.lock(), dict.zone.table.unlock()));
        const where = `${name}: death at write ${writes}, second ${second}`;
        const dict = dictOver(Memory.over(bytes));
        const { table } = dict.zone;
        table.lock();
        table.drain(Infinity);
        expect(`${where}: ${findDamage(table)}`).toBe(`${where}: undefined`);
        table.unlock();
        const now = itemsByKey(dict);
        const happened = Bun.deepEquals(now, after, true);
        if (!happened && !Bun.deepEquals(now, before, true) && !several) {
          expect(evicts ? "evicts" : { where, now }).toBe("evicts");
          for (const [key, item] of now) expect([before.get(key), after.get(key)]).toContainEqual(item);
        }
        operate(dict);
        table.lock();
        expect(`${where}, and again: ${findDamage(table)}`).toBe(`${where}, and again: undefined`);
        table.unlock();
      }
    }
  }, 60_000);

function itemsByKey(dict: SharedDict): Map<string, Item> {
  return new Map(
    [...itemsOf(dict)].map((item) => [item.key, { ...item, stamp: 0, expires: item.expires === 0 ? 0 : 1 }]),
  );
}

function withOperation(image: Uint8Array<ArrayBuffer>, operate: (dict: SharedDict) => unknown): Map<string, Item> {
  const dict = dictOver(Memory.over(image.slice()));
  operate(dict);
  return itemsByKey(dict);
}

/** @returns Whether the operation was over before that write. */
function dieAt(bytes: Uint8Array<ArrayBuffer>, writes: number, operate: (dict: SharedDict) => unknown): boolean {
  const dict = dictOver(mortalMemory(bytes, writes));
  let survived = true;
  try {
    operate(dict);
  } catch (error) {
    if (!(error instanceof Death)) throw error;
    survived = false;
  }
  const words = new Int32Array(bytes.buffer);
  if (words[H_LOCK] === ownerWord) words[H_LOCK] = deadOwner;
  return survived;
}
