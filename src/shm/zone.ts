import { rmSync } from "node:fs";
import { Arena } from "./arena.ts";
import { SharedDict } from "./dict.ts";
import { Attachment, createReserved, type FileOwner, mapShared, readWords, whileOpening } from "./file.ts";
import { itemsOf, storeItems } from "./items.ts";
import {
  F_STATS,
  GRANULE_BYTES,
  geometryOf,
  H_BUCKETS,
  H_BUCKETS_AT,
  H_CHECK,
  H_ENTRIES,
  H_FREE_GRANULES,
  H_GRANULES,
  H_HEAP_AT,
  H_HEAP_END,
  H_IMAGE_AT,
  H_IMAGE_GRANULES,
  H_MAGIC,
  H_SEED,
  H_TOUCHED_AT,
  H_TX,
  H_VERSION,
  LAYOUT_VERSION,
  MAGIC,
  STATS,
  ZONE_BYTES_MAX,
  ZONE_BYTES_MIN,
} from "./layout.ts";
import { Memory } from "./memory.ts";
import type { ZoneStats } from "./stats.ts";
import { Table } from "./table.ts";
import { findDamage } from "./verify.ts";

export { zoneDirectory } from "./file.ts";
export type { ZoneStats } from "./stats.ts";

export interface ZoneOptions {
  /** As the configuration calls it. */
  name: string;
  /** The file that is mapped; `zoneDirectory()` tells where such files belong. */
  path: string;
  /** From 8 KiB to 4 GiB; rounded down to whole 64 bytes. */
  sizeBytes: number;
  /** Who shall own a file that is made, when those who open it later will not be the user who makes it. */
  owner?: FileOwner;
}

/** A piece of memory that all workers share, with a hash table in it. */
export class Zone {
  readonly name: string;
  readonly path: string;
  readonly sizeBytes: number;
  /** Whether it was made, empty, when it was opened here: the time to restore a snapshot. */
  isNew = false;
  /** What was found wrong with the file when it was opened, and what was done about it. */
  readonly notices: string[];
  readonly table: Table;
  readonly #attachment: Attachment | undefined;

  constructor(options: ZoneOptions, table: Table, attachment: Attachment | undefined, notices: string[]) {
    this.name = options.name;
    this.path = options.path;
    this.sizeBytes = options.sizeBytes;
    this.notices = notices;
    this.table = table;
    this.#attachment = attachment;
  }

  stats(): ZoneStats {
    this.table.publish();
    const { words, floats } = this.table;
    const counts = Object.fromEntries(STATS.map((name, at) => [name, floats[F_STATS + at]!]));
    return {
      ...(counts as Record<(typeof STATS)[number], number>),
      sizeBytes: this.sizeBytes,
      freeBytes: this.freeBytes,
      entries: words[H_ENTRIES]!,
    };
  }

  get freeBytes(): number {
    return this.table.words[H_FREE_GRANULES]! * GRANULE_BYTES;
  }

  /** Lets go of the file; the zone must not be used any more. Its content stays for the next one to open it. */
  close(): void {
    this.table.publish();
    this.#attachment?.close();
  }

  /** Closes the zone and removes its file: processes that still have it open keep it, among themselves. */
  unlink(): void {
    this.close();
    rmSync(this.path, { force: true });
    rmSync(`${this.path}.lock`, { force: true });
  }
}

/**
 * Opens a zone, or makes it. A file that is not a zone, was made by another version, or is damaged is replaced by an
 * empty one; from one of another size, what fits is copied. `notices` tells.
 * @throws RangeError for a size out of bounds; Error when the space cannot be reserved.
 */
export function openZone(options: ZoneOptions): Zone {
  const { name, path } = options;
  const sizeBytes = options.sizeBytes - (options.sizeBytes % GRANULE_BYTES);
  if (!(sizeBytes >= ZONE_BYTES_MIN && sizeBytes <= ZONE_BYTES_MAX))
    throw new RangeError(`zone "${name}": size ${options.sizeBytes} is not from 8 KiB to 4 GiB`);
  const notices: string[] = [];
  return whileOpening(path, options.owner, () => {
    const found = inspect(path, sizeBytes, options.owner);
    const old =
      found === "usable" || found === "has another size" ? attach({ ...options, sizeBytes }, notices) : undefined;
    if (old && found === "usable") return old;
    const damaged = found === "usable" || (found === "has another size" && !old);
    if (found !== "missing" && !old)
      notices.push(`zone "${name}": ${path} ${damaged ? "is damaged" : found}, replaced by an empty one`);
    let made: Uint8Array | undefined;
    createReserved(path, sizeBytes, (mapping) => format((made = mapping), sizeBytes), options.owner);
    const zone = attach({ ...options, sizeBytes }, notices, made)!;
    if (old) notices.push(moveContent(old, zone));
    else zone.isNew = true;
    return zone;
  });
}

/**
 * Opens a file that has a zone's header; undefined when the rest of it is damaged.
 * @param made Its bytes, if it was made just now: then there is nothing to find in it.
 */
function attach(options: ZoneOptions, notices: string[], made?: Uint8Array): Zone | undefined {
  const attachment = new Attachment(options.path);
  const table = new Table(Memory.over(made ?? mapShared(options.path)));
  // While others work with it, it is as good as they are. The first to come looks at all of it.
  if (made || !attachment.alone || isSound(table)) return new Zone(options, table, attachment, notices);
  attachment.close();
  return undefined;
}

function isSound(table: Table): boolean {
  try {
    table.lock();
    table.drain(Infinity);
    const damage = findDamage(table);
    table.unlock();
    return damage === undefined;
  } catch {
    return false; // repairing what a dead process left half done came upon something impossible
  }
}

function moveContent(from: Zone, to: Zone): string {
  const source = new SharedDict(from);
  const target = new SharedDict(to);
  const items = [...itemsOf(source)];
  const kept = storeItems(target, items);
  from.close();
  const oldBytes = from.table.words[H_GRANULES]! * GRANULE_BYTES;
  return `zone "${to.name}": resized from ${oldBytes} to ${to.sizeBytes} bytes, ${kept} of ${items.length} keys kept`;
}

/** Makes an empty zone of zeroed memory. */
export function format(mapping: Uint8Array, sizeBytes: number): void {
  const words = new Int32Array(mapping.buffer, mapping.byteOffset, mapping.byteLength / 4);
  const geometry = geometryOf(sizeBytes);
  words[H_MAGIC] = MAGIC;
  words[H_VERSION] = LAYOUT_VERSION;
  words[H_GRANULES] = geometry.granules;
  words[H_SEED] = crypto.getRandomValues(new Int32Array(1))[0]!;
  words[H_BUCKETS] = geometry.buckets;
  words[H_TOUCHED_AT] = geometry.touchedAt;
  words[H_BUCKETS_AT] = geometry.bucketsAt;
  words[H_HEAP_AT] = geometry.heapAt;
  words[H_HEAP_END] = geometry.heapEnd;
  words[H_IMAGE_AT] = geometry.imageAt;
  words[H_IMAGE_GRANULES] = geometry.imageGranules;
  words[H_CHECK] = headerCheck(words);
  words[H_TX] = 1;
  const memory = Memory.over(mapping);
  memory.lock();
  new Arena(memory).format();
  memory.unlock();
}

function headerCheck(words: Int32Array): number {
  return Bun.hash.crc32(new Uint8Array(words.buffer, words.byteOffset, H_CHECK * 4)) | 0;
}

type Found = "missing" | "usable" | "is not a zone" | "was made by another version" | "has another size" | "is damaged";

function inspect(path: string, sizeBytes: number, owner: FileOwner | undefined): Found {
  const found = readWords(path, H_CHECK + 1, owner);
  if (found === undefined) return "missing";
  const { words, fileBytes } = found;
  if (words[H_MAGIC] !== MAGIC) return "is not a zone";
  if (words[H_VERSION] !== LAYOUT_VERSION) return "was made by another version";
  if (words[H_CHECK] !== headerCheck(words) || words[H_GRANULES]! * GRANULE_BYTES !== fileBytes) return "is damaged";
  return fileBytes === sizeBytes ? "usable" : "has another size";
}
