import { deserialize, serialize } from "bun:jsc";
import { T_ASCII, T_BOOLEAN, T_BYTES, T_LATIN1, T_LIST, T_NUMBER, T_STRUCTURED, T_UTF16 } from "./layout.ts";
import type { TextBuffer } from "./memory.ts";

/**
 * What a dictionary holds: strings, numbers, booleans and bytes as they are; objects, arrays, Maps, Sets, Dates,
 * bigints and whatever else can be cloned by value.
 */
export type Value = string | number | boolean | bigint | Uint8Array | object;

/** A value on its way into shared memory: its type and length are known before room is made for it. @internal */
export class Staged {
  type = 0;
  number = 0;
  /** In bytes; for text a guess until it is settled. */
  length = 0;
  /** How much room to make: text needs a little more, to see whether it has characters of several bytes. */
  bytesMax = 0;
  isNumber = false;
  #text = "";
  #bytes: Uint8Array = NO_BYTES;

  /** @returns False for what cannot be stored: functions, symbols, and objects that hold such. */
  stage(value: Value): boolean {
    if (typeof value === "string") {
      this.#text = value;
      this.#set(T_ASCII, value.length, value.length + 4);
      return true;
    }
    if (typeof value === "number") {
      this.stageNumber(T_NUMBER, value);
      return true;
    }
    if (typeof value === "boolean") {
      this.stageNumber(T_BOOLEAN, value ? 1 : 0);
      return true;
    }
    if (value instanceof Uint8Array) {
      this.stageBytes(T_BYTES, value);
      return true;
    }
    try {
      this.stageBytes(T_STRUCTURED, serialize(value, { binaryType: "nodebuffer" }));
      return true;
    } catch {
      return false;
    }
  }

  stageNumber(type: number, value: number): void {
    this.number = value;
    this.#set(type, 0, 0);
    this.isNumber = true;
  }

  stageBytes(type: number, bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#set(type, bytes.length, bytes.length);
  }

  /** An empty list or hash. */
  stageContainer(type: number): void {
    this.#set(type, 0, 0);
  }

  #set(type: number, length: number, bytesMax: number): void {
    this.type = type;
    this.length = length;
    this.bytesMax = bytesMax;
    this.isNumber = false;
  }

  /**
   * Writes the value's bytes at `at`.
   * @returns False when it turned out to be text that needs another encoding, and maybe more room: now settled.
   */
  writeTo(target: TextBuffer, at: number): boolean {
    if (this.type === T_ASCII) return target.utf8Write(this.#text, at, this.bytesMax) === this.length || this.#widen();
    if (this.type === T_LATIN1) target.latin1Write(this.#text, at, this.length);
    else if (this.type === T_UTF16) target.ucs2Write(this.#text, at, this.length);
    else if (this.length > 0) target.set(this.#bytes, at);
    return true;
  }

  /** @returns False when the text is not the ASCII it was taken for. */
  settle(): boolean {
    return this.type !== T_ASCII || Buffer.byteLength(this.#text) === this.length || this.#widen();
  }

  // UTF-16 keeps lone surrogates, which UTF-8 cannot, and is read back by a plain copy.
  #widen(): false {
    const latin1 = !/[^\0-\xff]/.test(this.#text);
    const length = latin1 ? this.#text.length : this.#text.length * 2;
    this.#set(latin1 ? T_LATIN1 : T_UTF16, length, length);
    return false;
  }

  /** The bytes of a settled value. */
  bytes(): Uint8Array {
    if (this.type === T_ASCII || this.type === T_LATIN1) return Buffer.from(this.#text, "latin1");
    if (this.type === T_UTF16) return Buffer.from(this.#text, "utf16le");
    return this.length === 0 ? NO_BYTES : this.#bytes;
  }

  /** Lets go of a large value. */
  clear(): void {
    this.#text = "";
    this.#bytes = NO_BYTES;
  }
}
const NO_BYTES = new Uint8Array(0);

/**
 * Copies text or bytes out of memory that others may change; to be revived once it is sure that nobody did.
 * @internal
 */
export function copyOut(type: number, source: TextBuffer, from: number, length: number): string | Uint8Array {
  if (type === T_ASCII || type === T_LATIN1) return source.latin1Slice(from, from + length);
  if (type === T_UTF16) return source.ucs2Slice(from, from + length);
  return new Uint8Array(source.buffer, source.byteOffset + from, length).slice();
}

/** @internal */
export function revive(type: number, copy: string | Uint8Array): Value {
  return type === T_STRUCTURED ? (deserialize(copy as Uint8Array<ArrayBuffer>) as Value) : copy;
}

/** The name of a stored value's type, as `typeOf` gives it. */
export type ValueType = "string" | "number" | "boolean" | "bytes" | "structured" | "list" | "hash";

/** @internal */
export function typeName(type: number): ValueType {
  if (type <= T_UTF16) return "string";
  if (type === T_NUMBER) return "number";
  if (type === T_BOOLEAN) return "boolean";
  if (type === T_BYTES) return "bytes";
  if (type === T_STRUCTURED) return "structured";
  return type === T_LIST ? "list" : "hash";
}
