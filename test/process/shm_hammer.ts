import type { SharedDict, Value } from "../../src/shm/dict.ts";
import type { Prng } from "../../src/std/prng.ts";

/** What each process counts: the shared counter is between the sums of `done` and of `begun`. */
export const countFields = ["steps", "begun", "done", "wrong"] as const;

/**
 * Random operations by several processes on the same keys. Values say which key they are of and how long they are, so
 * whoever reads one can tell whether it is whole.
 */
export class Hammer {
  readonly #dict: SharedDict;
  /** Where nothing is evicted. */
  readonly #safe: SharedDict;
  readonly #row: Float64Array;
  readonly #random: Prng;

  constructor(dict: SharedDict, safe: SharedDict, row: Float64Array, random: Prng) {
    this.#safe = safe;
    this.#dict = dict;
    this.#row = row;
    this.#random = random;
  }

  /** @throws Error for anything torn or impossible; it is counted as well, for those who look from outside. */
  step(): void {
    try {
      this.#operate();
      this.#row[0]! += 1;
    } catch (error) {
      this.#row[3]! += 1;
      throw error;
    }
  }

  #operate(): void {
    const dict = this.#dict;
    const random = this.#random;
    const key = `key${random.below(200)}`;
    switch (random.below(12)) {
      case 0:
      case 1: {
        const value = dict.get(key);
        if (value !== undefined) must(isWhole(key, value), `torn value at ${key}: ${Bun.inspect(value).slice(0, 200)}`);
        break;
      }
      case 2:
      case 3:
        return stored(dict.set(key, make(key, random), random.below(3) === 0 ? 0.005 : 0));
      case 4:
        return stored(dict.safeSet(key, make(key, random)));
      case 5:
        return void dict.delete(key);
      case 6:
      case 7: {
        this.#row[1]! += 1;
        const sum = random.below(2) ? this.#safe.incr("counter", 1) : this.#safe.hincr("counters", "one", 1);
        must(typeof sum === "number", `incr: ${sum}`);
        this.#row[2]! += 1;
        break;
      }
      case 8: {
        const length = random.below(2) ? dict.lpush("list", make("list", random)) : dict.rpush("list", 1);
        must(typeof length === "number" || length === "no memory", `push: ${length}`);
        break;
      }
      case 9: {
        const value = random.below(2) ? dict.lpop("list") : dict.rpop("list");
        if (value !== undefined && value !== 1) must(isWhole("list", value), "torn element");
        break;
      }
      case 10:
        return stored(dict.hset("hash", `field${random.below(20)}`, make("hash", random)));
      case 11: {
        const field = `field${random.below(20)}`;
        const value = dict.hget("hash", field);
        if (value !== undefined) must(isWhole("hash", value), "torn field");
        if (random.below(2)) dict.hdelete("hash", field);
      }
    }
  }
}

function stored(result: string | true): void {
  must(result === true || result === "no memory", `set: ${result}`);
}

function must(condition: boolean, message: string): void {
  if (!condition) throw new Error(message);
}

function make(key: string, random: Prng): Value {
  const length = random.below(10) === 0 ? random.below(6000) : random.below(300);
  const text = `${key}:${length}:${String.fromCharCode(97 + (length % 26)).repeat(length)}`;
  return random.below(4) === 0 ? Buffer.from(text) : random.below(5) === 0 ? `ж${text}` : text;
}

function isWhole(key: string, value: Value): boolean {
  const text = typeof value === "string" ? value.replace("ж", "") : Buffer.from(value as Uint8Array).toString();
  const [name, length, rest] = text.split(":");
  return name === key && rest === String.fromCharCode(97 + (Number(length) % 26)).repeat(Number(length));
}
