import type { Arguments } from "../../core/arguments.ts";
import { ConfigError } from "../../core/arguments.ts";
import { cycleKey } from "../../core/cycle.ts";
import type { Directive } from "../../core/directive.ts";
import { byteTable, decode, fromUtf8Table, type Table, toUtf8Table } from "./tables.ts";

/** What a configuration says of charsets. Names are compared without regard to case. */
export class Charsets {
  readonly #known = new Set<string>();
  readonly #tables = new Map<string, Table>();

  /** Notes that the configuration names it. */
  name(charset: string): void {
    this.#known.add(charset.toLowerCase());
  }

  knows(charset: string): boolean {
    return this.#known.has(charset.toLowerCase());
  }

  /** Is there a `charset_map` at all? */
  get mapped(): boolean {
    return this.#tables.size > 0;
  }

  table(from: string, to: string): Table | undefined {
    return this.#tables.get(key(from, to));
  }

  set(from: string, to: string, table: Table): void {
    this.#tables.set(key(from, to), table);
  }
}

const key = (from: string, to: string): string => `${from}\0${to}`.toLowerCase();

export const charsets = cycleKey("charset", () => new Charsets());

/** `charset_map koi8-r utf-8 { 80 E282AC; … }`: a table for either direction. */
export function readMap(args: Arguments): undefined {
  const [from, to] = [args.text(0), args.text(1)];
  const known = args.cycle.get(charsets);
  if (from.toLowerCase() === to.toLowerCase())
    throw args.wrong(1, `"charset_map" between the same charsets "${from}" and "${to}"`);
  if (from.toLowerCase() === "utf-8")
    throw args.wrong(0, '"charset_map" with "utf-8" charset should be given in the second column');
  if (known.table(from, to)) throw args.wrong(0, `duplicate "charset_map" between "${from}" and "${to}"`);
  known.name(from);
  known.name(to);
  const lines = args.directive.block!;
  if (to.toLowerCase() === "utf-8") {
    const pairs = lines.map((line) => [byteOf(line), utf8Of(line)] as const);
    known.set(from, to, toUtf8Table(pairs));
    known.set(to, from, fromUtf8Table(pairs.map(([byte, bytes]) => [decode(bytes, 0)[0], byte])));
  } else {
    const pairs = lines.map((line) => [byteOf(line), hex(line, value(line), /^[0-9a-f]{1,2}$/i)] as const);
    known.set(from, to, byteTable(pairs));
    known.set(to, from, byteTable(pairs.map(([a, b]) => [b, a])));
  }
  return undefined;
}

function value(line: Directive): string {
  if (line.args.length !== 1)
    throw new ConfigError("invalid parameters number", line.place, "two numbers in hexadecimal");
  return line.args[0]!.text;
}

function byteOf(line: Directive): number {
  return hex(line, line.name, /^[0-9a-f]{1,2}$/i);
}

function hex(line: Directive, text: string, shape: RegExp): number {
  if (shape.test(text)) return Number.parseInt(text, 16);
  throw new ConfigError(`invalid value "${text}"`, line.place, "a byte in hexadecimal");
}

function utf8Of(line: Directive): Uint8Array {
  const text = value(line);
  const bytes = Buffer.from(text, "hex");
  if (bytes.length === 0 || bytes.length * 2 !== text.length || bytes.length > 3 || decode(bytes, 0)[0] < 0)
    throw new ConfigError(
      `invalid value "${text}"`,
      line.args[0]!.place,
      "one character of UTF-8, up to three bytes, in hexadecimal",
    );
  return bytes;
}
