import { type ByteSet, has } from "./byte_set.ts";
import { branchesOf } from "./parse.ts";
import { lengthOf, type Look, type Node, type Position, type Repeat, some } from "./syntax.ts";

// Instructions of the matcher in machine.ts. Each is four numbers: the operation, then a, b and c.

/** One byte of set a. */
export const SET = 0;
/** From b to c bytes of set a, as many as there are, fewer if the rest asks for it. */
export const SET_GREEDY = 1;
/** The same, as few as the rest allows. */
export const SET_LAZY = 2;
/** The same, as many as there are. */
export const SET_POSSESSIVE = 3;
/** Go on at a; if that fails, at b. c numbers the choice. */
export const SPLIT = 4;
export const JUMP = 5;
/** Note the position in register a. */
export const MARK = 6;
/** Go on at b if nothing has been matched since register a was noted. */
export const SKIP_IF_EMPTY = 7;
/** Capture group a: from register b to here. */
export const CAPTURE = 8;
/** Position a has to be here. */
export const ASSERT = 9;
/** What group a captured; b is 1 where case does not matter. */
export const REFERENCE = 10;
/** Note in register a which choices are open. */
export const HOLD = 11;
/** Give up the choices made since register a was noted. */
export const COMMIT = 12;
/** As COMMIT, and go back to the position in register b. */
export const LOOKED = 13;
/** Undo all since register a was noted, and fail. */
export const FOUND_UNWANTED = 14;
/** Go a bytes back. */
export const BACK = 15;
/** The match starts here. */
export const KEEP = 16;
export const MATCH = 17;

export const positionNumbers: Record<Position, number> = {
  start: 0,
  end: 1,
  "end or last newline": 2,
  "line start": 3,
  "line end": 4,
  "word boundary": 5,
  "no word boundary": 6,
};

export interface Program {
  readonly code: Int32Array;
  readonly sets: readonly Uint8Array[];
  readonly registers: number;
  readonly choices: number;
}

/** Repeats of groups are written out; a pattern that takes more than this is refused for its size, as PCRE would. */
const instructionsMax = 50_000;

/**
 * @param choicesOnly Write repeats of sets as choices too, so that each can be remembered as failed.
 * @returns undefined for a pattern that is too large.
 */
export function assemble(root: Node, choicesOnly: boolean): Program | undefined {
  const assembler = new Assembler(choicesOnly);
  try {
    assembler.add(root);
    assembler.emit(MATCH);
    return assembler.program();
  } catch (error) {
    if (error === tooLarge) return undefined;
    throw error;
  }
}

/**
 * Does it depend on nothing but the position how matching goes on from an instruction? Then a choice that failed once
 * at a position need not be tried there again.
 */
export function isMemoryless(root: Node): boolean {
  return !some(root, (node) => {
    if (node.kind === "repeat")
      return node.mode === "possessive" || (node.max === Infinity && lengthOf(node.body).min === 0);
    return node.kind === "backreference" || node.kind === "atomic" || node.kind === "look";
  });
}

const tooLarge = new Error("regular expression is too large");

class Assembler {
  readonly #code: number[] = [];
  readonly #sets: Uint8Array[] = [];
  readonly #setNumbers = new Map<ByteSet, number>();
  #registers = 0;
  #choices = 0;

  constructor(private readonly choicesOnly: boolean) {}

  program(): Program {
    return { code: Int32Array.from(this.#code), sets: this.#sets, registers: this.#registers, choices: this.#choices };
  }

  /** @returns Where the instruction is. */
  emit(operation: number, a = 0, b = 0, c = 0): number {
    if (this.#code.length >= 4 * instructionsMax) throw tooLarge;
    return this.#code.push(operation, a, b, c) - 4;
  }

  add(node: Node): void {
    switch (node.kind) {
      case "set":
        this.emit(SET, this.#setNumber(node.set));
        break;
      case "sequence":
        for (const child of node.nodes) this.add(child);
        break;
      case "alternatives":
        this.#alternatives(node.branches.map((branch) => () => this.add(branch)));
        break;
      case "capture": {
        const start = this.#registers++;
        this.emit(MARK, start);
        this.add(node.body);
        this.emit(CAPTURE, node.group, start);
        break;
      }
      case "atomic":
        this.#atomic(node.body);
        break;
      case "look":
        this.#look(node);
        break;
      case "repeat":
        this.#repeat(node);
        break;
      case "backreference":
        this.emit(REFERENCE, node.group, node.caseless ? 1 : 0);
        break;
      case "assertion":
        this.emit(ASSERT, positionNumbers[node.at]);
        break;
      case "keep":
        this.emit(KEEP);
        break;
    }
  }

  #setNumber(set: ByteSet): number {
    let number = this.#setNumbers.get(set);
    if (number === undefined) {
      number = this.#sets.push(Uint8Array.from({ length: 256 }, (_, code) => (has(set, code) ? 1 : 0))) - 1;
      this.#setNumbers.set(set, number);
    }
    return number;
  }

  get #here(): number {
    return this.#code.length;
  }

  /** A choice whose ways are filled in by `aim`. */
  #split(): number {
    return this.emit(SPLIT, 0, 0, this.#choices++);
  }

  #aim(split: number, first: number, second: number): void {
    this.#code[split + 1] = first;
    this.#code[split + 2] = second;
  }

  #alternatives(branches: readonly (() => void)[]): void {
    const ends: number[] = [];
    for (const [index, branch] of branches.entries()) {
      if (index === branches.length - 1) branch();
      else {
        const split = this.#split();
        branch();
        ends.push(this.emit(JUMP));
        this.#aim(split, split + 4, this.#here);
      }
    }
    for (const end of ends) this.#code[end + 1] = this.#here;
  }

  #atomic(body: Node): void {
    const choices = this.#registers++;
    this.emit(HOLD, choices);
    this.add(body);
    this.emit(COMMIT, choices);
  }

  #look({ body, behind, negative }: Look): void {
    const choices = this.#registers++;
    const position = this.#registers++;
    this.emit(HOLD, choices);
    this.emit(MARK, position);
    const split = negative ? this.#split() : 0;
    this.#alternatives(
      branchesOf(body).map((branch) => () => {
        if (behind) this.emit(BACK, lengthOf(branch).min);
        this.add(branch);
      }),
    );
    if (!negative) this.emit(LOOKED, choices, position);
    else {
      this.emit(FOUND_UNWANTED, choices);
      this.#aim(split, split + 4, this.#here);
    }
  }

  #repeat({ body, min, max, mode }: Repeat): void {
    if (max === 0) return;
    if (body.kind === "set" && (!this.choicesOnly || mode === "possessive")) {
      const operation = mode === "greedy" ? SET_GREEDY : mode === "lazy" ? SET_LAZY : SET_POSSESSIVE;
      this.emit(operation, this.#setNumber(body.set), min, max === Infinity ? -1 : max);
    } else if (mode === "possessive") this.#atomic({ kind: "repeat", body, min, max, mode: "greedy" });
    else if (max === Infinity) {
      for (let round = 1; round < min; round++) this.add(body);
      if (min === 0) this.#optional(mode, () => this.#loop(body, mode));
      else this.#loop(body, mode);
    } else {
      for (let round = 0; round < min; round++) this.add(body);
      // Each round beyond is a choice that is only offered behind the one before.
      const splits: number[] = [];
      for (let round = min; round < max; round++) {
        splits.push(this.#split());
        this.add(body);
      }
      for (const split of splits) this.#offer(split, mode, split + 4, this.#here);
    }
  }

  #offer(split: number, mode: Repeat["mode"], inside: number, past: number): void {
    if (mode === "lazy") this.#aim(split, past, inside);
    else this.#aim(split, inside, past);
  }

  #optional(mode: Repeat["mode"], body: () => void): void {
    const split = this.#split();
    body();
    this.#offer(split, mode, split + 4, this.#here);
  }

  /** One round or more. A round that matched nothing is the last: the next would match nothing again. */
  #loop(body: Node, mode: Repeat["mode"]): void {
    const start = this.#here;
    const canBeEmpty = lengthOf(body).min === 0;
    const register = canBeEmpty ? this.#registers++ : 0;
    if (canBeEmpty) this.emit(MARK, register);
    this.add(body);
    const check = canBeEmpty ? this.emit(SKIP_IF_EMPTY, register) : undefined;
    const split = this.#split();
    this.#offer(split, mode, start, this.#here);
    if (check !== undefined) this.#code[check + 2] = this.#here;
  }
}
