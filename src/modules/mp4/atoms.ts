/** A file that is not the MP4 it should be; the message is nginx's. */
export class Mp4Error extends Error {
  override readonly name = "Mp4Error";
}

/** One atom within a buffer: its content, and with its header. */
export interface Atom {
  readonly name: string;
  readonly content: Buffer;
  readonly whole: Buffer;
}

/** Size and name of the atom that begins at `at` of `bytes`, which are the first 16 there or all that are left. */
export function readHeader(
  bytes: Buffer,
  left: number,
): { name: string; headerBytes: number; sizeBytes: number } | undefined {
  if (bytes.length < 8) throw new Mp4Error("mp4 file truncated");
  const name = bytes.toString("latin1", 4, 8);
  let sizeBytes = bytes.readUInt32BE(0);
  let headerBytes = 8;
  if (sizeBytes === 0) return undefined; // up to the end: nothing that matters here
  if (sizeBytes === 1) {
    if (bytes.length < 16) throw new Mp4Error("mp4 file truncated");
    sizeBytes = Number(bytes.readBigUInt64BE(8));
    headerBytes = 16;
  }
  if (sizeBytes < headerBytes) throw new Mp4Error("mp4 atom is too small");
  if (sizeBytes > left) throw new Mp4Error("mp4 atom too large");
  return { name, headerBytes, sizeBytes };
}

/** The atoms that `content` is made of. */
export function atomsOf(content: Buffer): Atom[] {
  const atoms: Atom[] = [];
  for (let at = 0; at + 8 <= content.length;) {
    const header = readHeader(content.subarray(at, at + 16), content.length - at);
    if (!header) break;
    const whole = content.subarray(at, at + header.sizeBytes);
    atoms.push({ name: header.name, content: whole.subarray(header.headerBytes), whole });
    at += header.sizeBytes;
  }
  return atoms;
}

export function makeAtom(name: string, ...contents: readonly Uint8Array[]): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt32BE(
    contents.reduce((sum, { length }) => sum + length, 8),
    0,
  );
  header.write(name, 4, "latin1");
  return Buffer.concat([header, ...contents]);
}

/** An atom with version, flags and a table of 32-bit numbers behind its count of entries. */
export function makeTable(name: string, flags: Buffer, entries: number, numbers: readonly number[]): Buffer {
  const content = Buffer.alloc(8 + numbers.length * 4);
  flags.copy(content, 0, 0, 4);
  content.writeUInt32BE(entries, 4);
  numbers.forEach((number, i) => content.writeUInt32BE(number >>> 0, 8 + i * 4));
  return makeAtom(name, content);
}

/** The 32-bit numbers of such a table, `width` for each entry. */
export function readTable(content: Buffer, width: number): number[] {
  if (content.length < 8) throw new Mp4Error("mp4 atom too small");
  const count = content.readUInt32BE(4) * width;
  if (content.length < 8 + count * 4) throw new Mp4Error("mp4 atom too small");
  return Array.from({ length: count }, (_, i) => content.readUInt32BE(8 + i * 4));
}

/** Duration and timescale of a header atom (`mvhd`, `mdhd`, `tkhd`), whose fields widen with version 1. */
export class TimedAtom {
  readonly #content: Buffer;
  readonly #long: boolean;

  constructor(
    readonly name: "mvhd" | "mdhd" | "tkhd",
    content: Buffer,
  ) {
    this.#content = Buffer.from(content);
    this.#long = content[0] !== 0;
    if (content.length < this.#durationAt + (this.#long ? 8 : 4)) throw new Mp4Error(`mp4 ${name} atom too small`);
  }

  /** Behind version and flags come two times, then the timescale (of a track its number and nothing), the duration. */
  get #durationAt(): number {
    const times = this.#long ? 16 : 8;
    return 4 + times + (this.name === "tkhd" ? 8 : 4);
  }

  get timescale(): number {
    return this.#content.readUInt32BE(this.#durationAt - 4);
  }

  get duration(): number {
    const at = this.#durationAt;
    return this.#long ? Number(this.#content.readBigUInt64BE(at)) : this.#content.readUInt32BE(at);
  }

  set duration(value: number) {
    const at = this.#durationAt;
    if (this.#long) this.#content.writeBigUInt64BE(BigInt(value), at);
    else this.#content.writeUInt32BE(value, at);
  }

  make(): Buffer {
    return makeAtom(this.name, this.#content);
  }
}
