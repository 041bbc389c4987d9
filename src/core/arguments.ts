import { parseOffset, parseSize, parseTimeMs, parseTimeSeconds } from "../std/units.ts";
import { type ComplexValue, compileComplex, InvalidVariableName } from "./complex.ts";
import type { Cycle } from "./cycle.ts";
import type { Place } from "./diagnostic.ts";
import type { Directive, Word } from "./directive.ts";
import type { Level } from "./level.ts";

/** A directive that cannot be accepted; the compiler turns it into a diagnostic and goes on with the next one. */
export class ConfigError extends Error {
  constructor(
    message: string,
    readonly place: Place | undefined,
    readonly expected?: string,
  ) {
    super(message);
  }
}

/** The arguments of one directive, read with nginx's messages for what is wrong with them. */
export class Arguments {
  readonly words: readonly Word[];

  constructor(
    readonly directive: Directive,
    /** The level the directive stands in. */
    readonly level: Level,
    readonly cycle: Cycle,
    /** The level its own block made, where it opens one. */
    readonly opened?: Level,
  ) {
    this.words = directive.args;
  }

  get name(): string {
    return this.directive.name;
  }

  get count(): number {
    return this.words.length;
  }

  get place(): Place {
    return this.directive.place;
  }

  has(index: number): boolean {
    return index < this.words.length;
  }

  text(index: number): string {
    return this.words[index]!.text;
  }

  texts(from = 0): string[] {
    return this.words.slice(from).map((word) => word.text);
  }

  /** A value with variables, compiled. */
  complex(index: number): ComplexValue {
    const word = this.words[index]!;
    return this.compile(word.text, word.place);
  }

  compile(text: string, place: Place): ComplexValue {
    try {
      return compileComplex(text, this.cycle.variables, place);
    } catch (error) {
      if (!(error instanceof InvalidVariableName)) throw error;
      throw new ConfigError(error.message, { ...place, column: place.column + error.offset, length: 1 });
    }
  }

  flag(index: number): boolean {
    const text = this.text(index).toLowerCase();
    if (text === "on") return true;
    if (text === "off") return false;
    throw this.wrong(
      index,
      `invalid value "${this.text(index)}" in "${this.name}" directive, it must be "on" or "off"`,
      "on or off",
    );
  }

  choice<const Choice extends string>(index: number, choices: readonly Choice[]): Choice {
    const word = this.text(index).toLowerCase();
    const found = choices.find((choice) => choice.toLowerCase() === word);
    if (found === undefined) throw this.wrong(index, `invalid value "${this.text(index)}"`, `${choices.join(", ")}`);
    return found;
  }

  integer(index: number, range: { readonly min?: number; readonly max?: number } = {}): number {
    return this.integerOf(index, this.text(index), range);
  }

  /** As `integer`, of a part of the word. */
  integerOf(index: number, text: string, range: { readonly min?: number; readonly max?: number } = {}): number {
    const { min = 0, max = 0x7fffffff } = range;
    const value = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw this.wrong(index, `"${this.name}" directive invalid number`, `a number from ${min} to ${max}`);
  }

  /** A number of bytes, `8k`, `1m`. */
  size(index: number): number {
    const value = parseSize(this.text(index));
    if (value === undefined)
      throw this.wrong(index, `"${this.name}" directive invalid value`, "a size such as 8k or 1m");
    return value;
  }

  /** As `size`, and in gigabytes too: what may exceed memory. */
  offset(index: number): number {
    const value = parseOffset(this.text(index));
    if (value === undefined)
      throw this.wrong(index, `"${this.name}" directive invalid value`, "a size such as 8k, 1m or 1g");
    return value;
  }

  /** A time such as `30s` or `500ms`, in milliseconds. */
  timeMs(index: number): number {
    return this.timeMsOf(index, this.text(index));
  }

  /** As `timeMs`, of a part of the word. */
  timeMsOf(index: number, text: string): number {
    const value = parseTimeMs(text);
    if (value === undefined)
      throw this.wrong(index, `"${this.name}" directive invalid value`, "a time such as 30s or 500ms");
    return value;
  }

  /** A time such as `1h` or `1y`, in whole seconds. */
  timeSeconds(index: number): number {
    const value = parseTimeSeconds(this.text(index));
    if (value === undefined)
      throw this.wrong(index, `"${this.name}" directive invalid value`, "a time such as 1h or 30d");
    return value;
  }

  /** `key=value` arguments among the words from `from` on: the value's text, or undefined. */
  named(key: string, from = 0): Word | undefined {
    const prefix = `${key}=`;
    for (let i = from; i < this.words.length; i++) {
      const word = this.words[i]!;
      if (!word.text.startsWith(prefix)) continue;
      const place = {
        ...word.place,
        column: word.place.column + prefix.length,
        length: word.text.length - prefix.length,
      };
      return { ...word, text: word.text.slice(prefix.length), place };
    }
    return undefined;
  }

  invalidParameter(index: number, expected?: string): ConfigError {
    return this.wrong(index, `invalid parameter "${this.text(index)}"`, expected);
  }

  wrong(index: number, message: string, expected?: string): ConfigError {
    return new ConfigError(message, this.words[index]?.place ?? this.directive.place, expected);
  }
}
