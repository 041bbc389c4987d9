/** How one charset's bytes become another's. A recoder is for one body: it may hold a character's first bytes. */
export interface Table {
  /** Does every byte stay one byte? Then lengths and ranges hold for the recoded body too. */
  readonly sameLength: boolean;
  recoder(): (bytes: Uint8Array) => Uint8Array;
}

/** Byte for byte; `pairs` are the bytes beyond ASCII, and others become "?". */
export function byteTable(pairs: Iterable<readonly [from: number, to: number]>): Table {
  const table = new Uint8Array(256).fill(63 /* ? */);
  for (let byte = 0; byte < 128; byte++) table[byte] = byte;
  for (const [from, to] of pairs) table[from] = to;
  const recode = (bytes: Uint8Array): Uint8Array => bytes.map((byte) => table[byte]!);
  return { sameLength: true, recoder: () => recode };
}

/** From single bytes to UTF-8. */
export function toUtf8Table(pairs: Iterable<readonly [from: number, to: Uint8Array]>): Table {
  const table: Uint8Array[] = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte < 128 ? byte : 63));
  for (const [from, to] of pairs) table[from] = to;
  const recode = (bytes: Uint8Array): Uint8Array => {
    let size = 0;
    for (const byte of bytes) size += table[byte]!.length;
    const out = new Uint8Array(size);
    let at = 0;
    for (const byte of bytes) for (const part of table[byte]!) out[at++] = part;
    return out;
  };
  return { sameLength: false, recoder: () => recode };
}

/** From UTF-8 to single bytes; a character that has none becomes a numeric entity, what is no UTF-8 a "?". */
export function fromUtf8Table(pairs: Iterable<readonly [codePoint: number, byte: number]>): Table {
  const table = new Map(pairs);
  return {
    sameLength: false,
    recoder() {
      let rest: Uint8Array = new Uint8Array(0);
      return (bytes) => {
        const input = rest.length > 0 ? Buffer.concat([rest, bytes]) : bytes;
        const out: number[] = [];
        let at = 0;
        while (at < input.length) {
          if (input[at]! < 0x80) {
            out.push(input[at++]!);
            continue;
          }
          const [codePoint, size] = decode(input, at);
          if (codePoint === incomplete) break;
          at += size;
          if (codePoint === invalid) out.push(63);
          else {
            const byte = table.get(codePoint);
            if (byte !== undefined) out.push(byte);
            else out.push(...Buffer.from(`&#${codePoint};`));
          }
        }
        rest = input.slice(at);
        return Uint8Array.from(out);
      };
    },
  };
}

const invalid = -1;
const incomplete = -2;

/** The character at `at` and how many bytes it takes, by RFC 3629; of what is invalid, what to skip. */
export function decode(bytes: Uint8Array, at: number): readonly [codePoint: number, size: number] {
  const first = bytes[at]!;
  if (first < 0x80) return [first, 1];
  const more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
  if (first < 0xc2 || first >= 0xf8) return [invalid, 1];
  if (at + more >= bytes.length) return [incomplete, 0];
  let codePoint = first & (0x3f >> more);
  for (let i = 1; i <= more; i++) {
    const next = bytes[at + i]!;
    if (next < 0x80) return [invalid, i + 1];
    codePoint = (codePoint << 6) | (next & 0x3f);
  }
  const least = more === 3 ? 0x10000 : more === 2 ? 0x800 : 0x80;
  return codePoint < least || codePoint > 0x10ffff ? [invalid, more + 1] : [codePoint, more + 1];
}
