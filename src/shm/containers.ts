import { KEY_BYTES_MAX, T_HASH, T_LIST, T_NUMBER } from "./layout.ts";
import type { Table } from "./table.ts";
import { Staged, type Value } from "./value.ts";

/** A key of no bytes, or of more than 65 535. */
export type BadKey = "empty key" | "key too long";

/** Why something could not be stored. */
export type StoreError = BadKey | "bad value type" | "no memory";

/** The lists and hashes of a dictionary. */
export class Containers {
  /** @internal */
  protected readonly table: Table;
  /** @internal */
  protected readonly staged = new Staged();

  /** @internal */
  constructor(table: Table) {
    this.table = table;
  }

  // Lists

  /** Puts a value in front of a list, and makes the list if there is none. Evicts nothing. @returns Its length. */
  lpush(key: string, value: Value): number | "value not a list" | StoreError {
    return this.#push(key, value, true);
  }

  /** As `lpush`, at the end. */
  rpush(key: string, value: Value): number | "value not a list" | StoreError {
    return this.#push(key, value, false);
  }

  /** Takes the first value off a list; the last one takes the list along. Undefined for no list. */
  lpop(key: string): Value | undefined {
    return this.#pop(key, true);
  }

  /** As `lpop`, the last value. */
  rpop(key: string): Value | undefined {
    return this.#pop(key, false);
  }

  /** The length of a list, 0 when there is none. */
  llen(key: string): number | "value not a list" {
    return this.#container(key, T_LIST, 0, "value not a list", (list) => this.table.countOf(list));
  }

  /** All values of a list, first to last. */
  lrange(key: string): Value[] {
    return this.#container(key, T_LIST, [], [], (list) => this.table.elements(list));
  }

  #push(key: string, value: Value, front: boolean): number | "value not a list" | StoreError {
    const table = this.table;
    if (!table.setKey(checked(key))) return badKey(key);
    if (!this.staged.stage(value)) return "bad value type";
    table.lock();
    try {
      let list = table.find();
      if (list !== 0 && table.isLive(list)) {
        if (table.typeOf(list) !== T_LIST) return "value not a list";
        table.use(list);
      } else list = table.storeEmpty(list, T_LIST, false);
      return list !== 0 && table.addElement(list, this.staged, front) ? table.countOf(list) : "no memory";
    } finally {
      table.unlock(); // which removes a list that got no first value
    }
  }

  #pop(key: string, front: boolean): Value | undefined {
    const take = (list: number) => this.table.takeElement(list, front);
    return this.#container<Value | undefined>(key, T_LIST, undefined, undefined, take);
  }

  // Hashes

  /** Sets a field of a hash, and makes the hash if there is none. May evict other keys. */
  hset(key: string, field: string, value: Value): true | "value not a hash" | StoreError {
    if (!this.staged.stage(value)) return "bad value type";
    if (!this.table.fitsEver(this.staged.length)) return "no memory"; // or the empty hash would evict, for nothing
    const result = this.#inHash(key, field, (entry, hash) => this.#storeField(entry, hash));
    return result === undefined ? "no memory" : result;
  }

  /** Adds to a number in a hash; a missing field starts from `init`. @throws RangeError for what is not finite. */
  hincr(
    key: string,
    field: string,
    delta: number,
    init = 0,
  ): number | "value not a hash" | "not a number" | Exclude<StoreError, "bad value type"> {
    finite(delta);
    finite(init);
    const table = this.table;
    const result = this.#inHash(key, field, (entry, hash) => {
      if (entry !== 0) return table.typeOf(entry) === T_NUMBER ? table.addTo(entry, delta) : "not a number";
      this.staged.stageNumber(T_NUMBER, init + delta);
      return this.#storeField(0, hash) === true ? init + delta : undefined;
    });
    return result === undefined ? "no memory" : result;
  }

  #storeField(entry: number, hash: number): true | undefined {
    return this.table.store(entry, this.staged, 0, 0, true, hash) !== 0 ? true : undefined;
  }

  /** Runs `work` with the entry of a field, 0 if there is none, and that of its hash, which it makes if need be. */
  #inHash<T>(
    key: string,
    field: string,
    work: (entry: number, hash: number) => T,
  ): T | undefined | BadKey | "value not a hash" {
    const table = this.table;
    if (!table.setKey(checked(key))) return badKey(key);
    if (checked(field).length > KEY_BYTES_MAX) return "key too long";
    table.lock();
    try {
      let hash = table.find();
      if (hash !== 0 && table.isLive(hash)) {
        if (table.typeOf(hash) !== T_HASH) return "value not a hash";
        table.use(hash);
      } else hash = table.storeEmpty(hash, T_HASH, true);
      if (hash === 0) return undefined;
      if (!table.setFieldKey(table.identityOf(hash), field)) return "key too long";
      return work(table.find(), hash);
    } finally {
      table.unlock(); // which removes a hash that got no first field
    }
  }

  /** A field of a hash; undefined for no such field or hash. */
  hget(key: string, field: string): Value | undefined {
    const table = this.table;
    return this.#container<Value | undefined>(key, T_HASH, undefined, undefined, (hash) => {
      const entry = table.setFieldKey(table.identityOf(hash), checked(field)) ? table.find() : 0;
      return entry === 0 ? undefined : table.valueOf(entry);
    });
  }

  /** Removes a field; the last one takes the hash along. @returns Whether it was there. */
  hdelete(key: string, field: string): boolean {
    const table = this.table;
    return this.#container(key, T_HASH, false, false, (hash) => {
      const entry = table.setFieldKey(table.identityOf(hash), checked(field)) ? table.find() : 0;
      if (entry === 0) return false;
      if (table.countOf(hash) === 1) table.remove(hash, 0);
      else table.remove(entry, hash);
      return true;
    });
  }

  /** How many fields a hash has, 0 when there is none. */
  hlen(key: string): number | "value not a hash" {
    return this.#container(key, T_HASH, 0, "value not a hash", (hash) => this.table.countOf(hash));
  }

  /** All fields of a hash, the newest first; undefined when there is none. */
  hgetAll(key: string): Map<string, Value> | undefined {
    return this.#container<Map<string, Value> | undefined>(key, T_HASH, undefined, undefined, (hash) =>
      this.table.fields(hash),
    );
  }

  /** Runs `work` with the live list or hash at a key. */
  #container<T, U = T>(key: string, type: number, missing: T, other: U, work: (entry: number) => T): T | U {
    const table = this.table;
    if (!table.setKey(checked(key))) return missing;
    table.lock();
    try {
      const entry = table.findLive();
      if (entry === 0) return missing;
      if (table.typeOf(entry) !== type) return other;
      table.use(entry);
      return work(entry);
    } finally {
      table.unlock();
    }
  }
}

/** @internal */
export function checked(key: string): string {
  if (typeof key !== "string") throw new TypeError(`a key must be a string, this is ${typeof key}`);
  return key;
}

/** @internal */
export function badKey(key: string): BadKey {
  return key.length === 0 ? "empty key" : "key too long";
}

/** @internal */
export function finite(value: number): number {
  if (typeof value !== "number") throw new TypeError(`expected a number, this is ${typeof value}`);
  if (!Number.isFinite(value)) throw new RangeError(`expected a finite number, not ${value}`);
  return value;
}

/** When a lifetime that begins now ends, in milliseconds since 1970; 0 for never. @internal */
export function expiryOf(ttlSeconds: number): number {
  if (ttlSeconds === 0) return 0;
  if (typeof ttlSeconds !== "number") throw new TypeError(`a lifetime must be a number, this is ${typeof ttlSeconds}`);
  if (!(ttlSeconds > 0)) throw new RangeError(`a lifetime must be 0 or more seconds, not ${ttlSeconds}`);
  return ttlSeconds === Infinity ? 0 : Date.now() + Math.max(Math.floor(ttlSeconds * 1000), 1);
}
