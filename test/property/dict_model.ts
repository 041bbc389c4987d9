import { SharedDict, type Value } from "../../src/shm/dict.ts";
import { findDamage } from "../../src/shm/verify.ts";
import type { Prng } from "../../src/std/prng.ts";

type Held =
  { kind: "value"; value: Value } | { kind: "list"; list: Value[] } | { kind: "hash"; hash: Map<string, Value> };

/**
 * What a dictionary should hold, as plain Maps, and random operations on both. Keys that were evicted are forgotten
 * by the model when it meets them, and counted.
 */
export class ModelledDict {
  readonly model = new Map<string, Held>();
  /** Keys found missing that the model had. */
  lost = 0;
  readonly #dict: SharedDict;
  readonly #random: Prng;
  readonly #keys: string[];
  readonly #lengthMax: number;
  /** Whether nobody else has keys in it, so that all may be flushed. */
  readonly #alone: boolean;

  constructor(dict: SharedDict, random: Prng, keys: string[], lengthMax: number, alone = true) {
    this.#alone = alone;
    this.#dict = dict;
    this.#random = random;
    this.#keys = keys;
    this.#lengthMax = lengthMax;
  }

  /** @returns What was done, for the message of a failure. */
  step(): string {
    const random = this.#random;
    const key = random.pick(this.#keys);
    const dict = this.#dict;
    this.#forgetIfEvicted(key);
    const held = this.model.get(key);
    const roll = random.below(100);
    if (roll < 25) {
      const value = this.value();
      const result = dict.set(key, value);
      // Without room for even this one, the old value stays; it may have lost its place to nobody else.
      if (result === true) this.model.set(key, { kind: "value", value });
      else expectThat(result === "no memory", `set: ${result}`);
      return `set ${key} ${show(value)}: ${result}`;
    }
    if (roll < 32) {
      const value = this.value();
      const result = random.below(2) ? dict.safeSet(key, value) : dict.safeAdd(key, value);
      if (result === true) this.model.set(key, { kind: "value", value });
      else expectThat(result === "no memory" || (result === "exists" && held !== undefined), `safeSet: ${result}`);
      return `safeSet/safeAdd ${key} ${show(value)}: ${result}`;
    }
    if (roll < 38) {
      const value = this.value();
      const result = random.below(2) ? dict.add(key, value) : dict.replace(key, value);
      if (result === true) this.model.set(key, { kind: "value", value });
      else if (result === "exists") expectThat(held !== undefined, "exists, though it does not");
      else if (result === "not found") expectThat(held === undefined, "not found, though it is there");
      else expectThat(result === "no memory", `add: ${result}`);
      return `add/replace ${key}: ${result}`;
    }
    if (roll < 50) {
      expectThat(dict.delete(key) === true, "delete");
      this.model.delete(key);
      return `delete ${key}`;
    }
    if (roll < 60) {
      const result = dict.incr(key, 3, 1);
      if (held === undefined && typeof result === "number") {
        expectThat(result === 4, `incr of nothing: ${result}`);
        this.model.set(key, { kind: "value", value: 4 });
      } else if (held?.kind === "value" && typeof held.value === "number") {
        expectThat(Object.is(result, held.value + 3), `incr ${held.value}: ${result}`);
        held.value += 3;
      } else expectThat(result === (held === undefined ? "no memory" : "not a number"), `incr: ${result}`);
      return `incr ${key}: ${result}`;
    }
    if (roll < 75) return this.#list(key, held);
    if (roll < 90) return this.#hash(key, held);
    if (roll < 95) {
      const result = dict.update(key, (value) => (typeof value === "string" ? `${value}!` : 1));
      if (result === true) {
        const value = held?.kind === "value" && typeof held.value === "string" ? `${held.value}!` : 1;
        this.model.set(key, { kind: "value", value });
      } else if (result === "not a value") expectThat(held !== undefined && held.kind !== "value", "not a value");
      else expectThat(result === "no memory", `update: ${result}`);
      return `update ${key}: ${result}`;
    }
    if (roll < 96 && this.#alone) {
      dict.flushAll();
      this.model.clear();
      return "flushAll";
    }
    this.check(key);
    return `get ${key}`;
  }

  #list(key: string, held: Held | undefined): string {
    const dict = this.#dict;
    const front = this.#random.below(2) === 0;
    if (this.#random.below(5) < 3) {
      const value = this.value();
      const result = front ? dict.lpush(key, value) : dict.rpush(key, value);
      if (typeof result === "number") {
        const list = held?.kind === "list" ? held.list : [];
        if (front) list.unshift(value);
        else list.push(value);
        expectThat(list.length === result, `push: ${result}`);
        this.model.set(key, { kind: "list", list });
      } else if (result === "value not a list") expectThat(held !== undefined && held.kind !== "list", "not a list");
      else expectThat(result === "no memory", `push: ${result}`);
      return `push ${key}: ${result}`;
    }
    const value = front ? dict.lpop(key) : dict.rpop(key);
    const expected = held?.kind !== "list" ? undefined : front ? held.list.shift() : held.list.pop();
    expectThat(Bun.deepEquals(value, expected, true), `pop: ${show(value)}, not ${show(expected)}`);
    if (held?.kind === "list" && held.list.length === 0) this.model.delete(key);
    return `pop ${key}`;
  }

  #hash(key: string, held: Held | undefined): string {
    const dict = this.#dict;
    const field = this.#random.pick(["", "a", "b", "name with spaces", "f".repeat(300)]);
    const roll = this.#random.below(3);
    if (roll === 0) {
      const removed = dict.hdelete(key, field);
      const expected = held?.kind === "hash" && held.hash.delete(field);
      expectThat(removed === expected, `hdelete: ${removed}`);
      if (held?.kind === "hash" && held.hash.size === 0) this.model.delete(key);
      return `hdelete ${key} ${field}`;
    }
    const hash = held?.kind === "hash" ? held.hash : new Map<string, Value>();
    const old = hash.get(field);
    const value = roll === 1 ? this.value() : typeof old === "number" ? old + 2 : 7;
    const result = roll === 1 ? dict.hset(key, field, value) : dict.hincr(key, field, 2, 5);
    if (result === true || typeof result === "number") {
      expectThat(held === undefined || held.kind === "hash", "stored in what is no hash");
      expectThat(result === true || Object.is(result, value), `hincr: ${result}`);
      this.model.set(key, { kind: "hash", hash: hash.set(field, value) });
    } else if (result === "value not a hash") expectThat(held !== undefined && held.kind !== "hash", "not a hash");
    else if (result === "not a number") expectThat(old !== undefined && typeof old !== "number", "not a number");
    else expectThat(result === "no memory", `hset: ${result}`);
    return `hset ${key} ${field}: ${result}`;
  }

  value(): Value {
    const random = this.#random;
    const length = Math.floor(random.next() ** 3 * this.#lengthMax);
    switch (random.below(8)) {
      case 0:
        return random.pick([0, -1, 1.5, 2 ** 53, -(2 ** 60), NaN, Infinity, -0, 1e-300]);
      case 1:
        return random.below(2) === 0;
      case 2:
        return new Uint8Array(length).fill(random.below(256));
      case 3:
        return { id: random.below(1000), text: "x".repeat(length), when: new Date(5), set: new Set([1, "a"]) };
      case 4:
        return "é\u00ff".repeat(length / 2);
      case 5:
        return "日本\ud800🙂".repeat(length / 5);
      default:
        return String.fromCharCode(32 + random.below(90)).repeat(length);
    }
  }

  #forgetIfEvicted(key: string): void {
    if (!this.model.has(key) || this.#dict.typeOf(key) !== undefined) return;
    this.model.delete(key);
    this.lost++;
  }

  check(key: string): void {
    this.#forgetIfEvicted(key);
    const held = this.model.get(key);
    const dict = this.#dict;
    const expected = held?.kind === "value" ? held.value : undefined;
    const value = dict.get(key);
    expectThat(Bun.deepEquals(value, expected, true), `get ${key}: ${show(value)}, not ${show(expected)}`);
    const list = dict.lrange(key);
    expectThat(Bun.deepEquals(list, held?.kind === "list" ? held.list : [], true), `list ${key}: ${show(list)}`);
    const hash = dict.hgetAll(key);
    expectThat(Bun.deepEquals(hash, held?.kind === "hash" ? held.hash : undefined), `hash ${key}: ${show(hash)}`);
  }

  checkAll(): void {
    for (const key of this.#keys) this.check(key);
    const keys = new Set(this.#dict.getKeys(0));
    expectThat(Bun.deepEquals(keys, new Set(this.model.keys())), `keys: ${[...keys].join(" ")}`);
    const scanned: string[] = [];
    let cursor = 0;
    do {
      const part = this.#dict.scan("", cursor, 3);
      scanned.push(...part.keys);
      cursor = part.cursor;
    } while (cursor !== 0);
    expectThat(Bun.deepEquals(scanned.sort(), [...keys].sort()), `scan: ${scanned.join(" ")}`);
  }
}

/** Everything in the zone fits together. */
export function expectSound(dict: SharedDict): void {
  const { table } = dict.zone;
  table.lock();
  table.drain(Infinity);
  const damage = findDamage(table);
  table.unlock();
  expectThat(damage === undefined, `damaged: ${damage}`);
}

export function expectThat(condition: boolean, message: string): void {
  if (!condition) throw new Error(message);
}

function show(value: unknown): string {
  const text = Bun.inspect(value);
  return text.length > 80 ? `${text.slice(0, 80)}… (${text.length})` : text;
}
