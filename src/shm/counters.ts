import { createReserved, type FileOwner, mapShared, readWords, whileOpening } from "./file.ts";

const MAGIC = 0x43545352;
const HEADER_FLOATS = 8;
/** A row is whole cache lines, so that workers do not slow each other's writes down. */
const ROW_FLOATS = 8;

/**
 * Numbers that every worker counts for itself, in a row only it writes, and anyone sums: no lock and no atomics, since
 * a 64-bit float is stored at once. Integers are exact up to 2^53.
 */
export class Counters<Field extends string> {
  readonly fields: readonly Field[];
  readonly slots: number;
  readonly #floats: Float64Array;
  readonly #stride: number;

  constructor(floats: Float64Array, slots: number, fields: readonly Field[]) {
    this.#floats = floats;
    this.slots = slots;
    this.fields = fields;
    this.#stride = strideOf(fields.length);
  }

  /**
   * The row of one worker, as a live view: `row[counters.index("requests")]! += 1`. Keep it, it is an object.
   * @throws RangeError for a slot that there is not.
   */
  row(slot: number): Float64Array {
    if (!(slot >= 0 && slot < this.slots)) throw new RangeError(`slot ${slot} is not below ${this.slots}`);
    const at = HEADER_FLOATS + slot * this.#stride;
    return this.#floats.subarray(at, at + this.fields.length);
  }

  /** Where a field stands in a row. */
  index(field: Field): number {
    return this.fields.indexOf(field);
  }

  /** Of one field, over all slots. */
  sum(field: Field): number {
    let sum = 0;
    const offset = HEADER_FLOATS + this.index(field);
    for (let slot = 0; slot < this.slots; slot++) sum += this.#floats[offset + slot * this.#stride]!;
    return sum;
  }

  /** Of all fields, over all slots. */
  sums(): Record<Field, number> {
    return Object.fromEntries(this.fields.map((field) => [field, this.sum(field)])) as Record<Field, number>;
  }

  /**
   * Sets fields of a slot to zero: when its worker was killed, what it counted as present is no more. Its totals may
   * stay.
   */
  clear(slot: number, fields: readonly Field[] = this.fields): void {
    const row = this.row(slot);
    for (const field of fields) row[this.index(field)] = 0;
  }
}

const strideOf = (fields: number): number => Math.ceil(fields / ROW_FLOATS) * ROW_FLOATS;

/**
 * Opens the counters at `path`, or makes them, all zero. A file of other fields is replaced; of other slots as
 * well, but what both have is kept.
 * @param slots How many workers there can be, the master included if it counts.
 * @param owner Who shall own a file that is made here.
 */
export function openCounters<const Field extends string>(
  path: string,
  slots: number,
  fields: readonly Field[],
  owner?: FileOwner,
): Counters<Field> {
  const floatsNeeded = HEADER_FLOATS + slots * strideOf(fields.length);
  const names = Bun.hash.crc32(fields.join("\n")) | 0;
  return whileOpening(path, owner, () => {
    const found = readWords(path, 4, owner);
    const [magic, fileSlots, fileFields, fileNames] = found?.words ?? [];
    const fits = fileFields === fields.length && fileNames === names && found!.fileBytes === fileSizeOf(fileSlots!);
    const kept = magic === MAGIC && fits ? viewOf(path) : undefined;
    if (kept && fileSlots === slots) return new Counters(kept, slots, fields);
    createReserved(
      path,
      floatsNeeded * 8,
      (mapping) => {
        new Int32Array(mapping.buffer, mapping.byteOffset, 4).set([MAGIC, slots, fields.length, names]);
        const floats = new Float64Array(mapping.buffer, mapping.byteOffset, floatsNeeded);
        if (kept) floats.set(kept.subarray(HEADER_FLOATS, Math.min(kept.length, floatsNeeded)), HEADER_FLOATS);
      },
      owner,
    );
    return new Counters(viewOf(path), slots, fields);
  });

  function fileSizeOf(count: number): number {
    return (HEADER_FLOATS + count * strideOf(fields.length)) * 8;
  }
}

function viewOf(path: string): Float64Array {
  const mapping = mapShared(path);
  return new Float64Array(mapping.buffer, mapping.byteOffset, mapping.byteLength / 8);
}
