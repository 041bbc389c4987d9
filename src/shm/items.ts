import type { SharedDict } from "./dict.ts";
import { Staged, type Value } from "./value.ts";

/** One key with all that belongs to it, on its way from a zone into another or into a snapshot. */
export interface Item {
  key: string;
  /** Grows with each store in the zone; that of a list or hash is not known. */
  stamp: number;
  /** Milliseconds since 1970, 0 for never. */
  expires: number;
  flags: number;
  held: { value: Value } | { list: Value[] } | { hash: Map<string, Value> };
}

/** All live keys of a dictionary, in no order. The lock is held for a few keys at a time. */
export function* itemsOf(dict: SharedDict): Generator<Item> {
  let cursor = 0;
  do {
    const part = dict.scan("", cursor, 100);
    for (const key of part.keys) {
      const item = dict.item(key);
      if (item) yield item; // it may have gone since
    }
    cursor = part.cursor;
  } while (cursor !== 0);
}

/**
 * Stores items, those that were stored last at the end, so that they are not the ones to be evicted.
 * @returns How many are there at the end.
 */
export function storeItems(dict: SharedDict, items: Item[]): number {
  const age = ({ stamp }: Item) => (stamp < 0 ? Infinity : stamp);
  items.sort((a, b) => (age(a) === age(b) ? 0 : age(a) - age(b)));
  for (const item of items) storeItem(dict, item);
  return items.filter(({ key }) => dict.typeOf(key) !== undefined).length;
}

/**
 * Stores an item, evicting others if there is no room.
 * @returns Whether all of it is there.
 */
function storeItem(dict: SharedDict, item: Item): boolean {
  const { key, held } = item;
  const ttlSeconds = item.expires === 0 ? 0 : (item.expires - Date.now()) / 1000;
  if (ttlSeconds < 0) return true;
  if ("value" in held) return dict.set(key, held.value, ttlSeconds, item.flags) === true;
  let stored = true;
  // Lists evict nothing, so something of their size does it for them.
  if ("list" in held) stored = dict.set(key, new Uint8Array(roomFor(held.list))) === true && dict.delete(key) === true;
  if ("list" in held) for (const value of held.list) stored &&= typeof dict.rpush(key, value) === "number";
  else for (const [field, value] of [...held.hash].reverse()) stored &&= dict.hset(key, field, value) === true;
  if (stored && ttlSeconds > 0) dict.expire(key, ttlSeconds);
  if (!stored) dict.delete(key);
  return stored;
}

/** Bytes that the elements of a list take, or more. */
function roomFor(list: Value[]): number {
  const staged = new Staged();
  let bytes = 128;
  for (const value of list) {
    staged.stage(value);
    staged.settle();
    bytes += staged.bytesMax + 96;
  }
  return bytes;
}
