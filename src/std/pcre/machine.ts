import {
  ASSERT,
  BACK,
  CAPTURE,
  COMMIT,
  FOUND_UNWANTED,
  HOLD,
  JUMP,
  KEEP,
  LOOKED,
  MARK,
  MATCH,
  type Program,
  REFERENCE,
  SET,
  SET_GREEDY,
  SET_LAZY,
  SET_POSSESSIVE,
  SKIP_IF_EMPTY,
  SPLIT,
} from "./program.ts";

/** Entries of the backtracking stack are four numbers: the kind, then what it needs. */
const CHOICE = 0; // instruction, position
const GREEDY = 1; // instruction, the longest that is left to try, the shortest
const LAZY = 2; // instruction (of the repeat), position, how many more bytes may be taken
const UNDO_REGISTER = 3; // register, value
const UNDO_CAPTURE = 4; // slot, value

/** More memory than this for what failed is not taken: then each failure is found again. */
const memoryBytesMax = 16 * 1024 * 1024;

/** Of each group, the whole match first, where it starts and where it ends; -1 for one that is not set. */
export type Offsets = Int32Array;

export interface Limits {
  /** Where the search starts. */
  readonly from: number;
  readonly stepsMax: number;
  /**
   * Keep which choices failed where, for a memoryless program: then a subject takes at most as many steps as it has
   * bytes, times those of the program.
   */
  readonly remember: boolean;
  /** Is nothing found elsewhere than at the start of the subject? */
  readonly onlyAtStart: boolean;
  /** 1 for each byte that a match can begin with. */
  readonly firstBytes: Uint8Array | undefined;
}

/**
 * Matches one subject by backtracking, as PCRE does, in a number of steps that is bounded.
 * @returns "match limit" where it is not known after `stepsMax` steps whether there is a match.
 */
export function run(
  { code, sets, registers: registerCount, choices }: Program,
  subject: string,
  groups: number,
  options: Limits,
): Offsets | "no match" | "match limit" {
  const end = subject.length;
  const { firstBytes } = options;
  const memoryBytes = options.remember ? Math.ceil((choices * (end + 1)) / 8) : 0;
  const failed = memoryBytes > 0 && memoryBytes <= memoryBytesMax ? new Uint8Array(memoryBytes) : undefined;
  const captures = new Int32Array(2 * (groups + 1)).fill(-1);
  const registers = new Int32Array(registerCount);
  const stack: number[] = [];
  let steps = options.stepsMax;

  const setRegister = (register: number, value: number) => {
    stack.push(UNDO_REGISTER, register, registers[register]!, 0);
    registers[register] = value;
  };
  const setCapture = (slot: number, value: number) => {
    stack.push(UNDO_CAPTURE, slot, captures[slot]!, 0);
    captures[slot] = value;
  };
  /** Takes away the choices above `height`, and keeps what has to be undone if matching fails later. */
  const commit = (height: number) => {
    let kept = height;
    for (let at = height; at < stack.length; at += 4) {
      if (stack[at]! < UNDO_REGISTER) continue;
      for (let part = 0; part < 4; part++) stack[kept + part] = stack[at + part]!;
      kept += 4;
    }
    steps -= (stack.length - height) >> 2;
    stack.length = kept;
  };

  const lastStart = options.onlyAtStart ? 0 : end;
  for (let start = options.from; start <= lastStart; start++) {
    if (firstBytes && (start === end || firstBytes[subject.charCodeAt(start)] !== 1)) continue;
    let at = 0;
    let position = start;
    captures[0] = start;
    matching: for (;;) {
      if (--steps < 0) return "match limit";
      const a = code[at + 1]!;
      let fails = false;
      switch (code[at]) {
        case SET:
          if (position < end && sets[a]![subject.charCodeAt(position)] === 1) {
            position++;
            at += 4;
          } else fails = true;
          break;
        case SET_GREEDY:
        case SET_POSSESSIVE: {
          const set = sets[a]!;
          const max = code[at + 3]!;
          const limit = max < 0 ? end : Math.min(end, position + max);
          const shortest = position + code[at + 2]!;
          let longest = position;
          while (longest < limit && set[subject.charCodeAt(longest)] === 1) longest++;
          steps -= (longest - position) >> 3;
          if (longest < shortest) fails = true;
          else {
            position = longest;
            if (code[at] === SET_GREEDY && longest > shortest) stack.push(GREEDY, at + 4, longest - 1, shortest);
            at += 4;
          }
          break;
        }
        case SET_LAZY: {
          const set = sets[a]!;
          const min = code[at + 2]!;
          const max = code[at + 3]!;
          const shortest = position + min;
          while (position < end && position < shortest && set[subject.charCodeAt(position)] === 1) position++;
          if (position < shortest) fails = true;
          else {
            const more = max < 0 ? end : max - min;
            if (more > 0) stack.push(LAZY, at, position, more);
            at += 4;
          }
          break;
        }
        case SPLIT: {
          if (failed) {
            const bit = position * choices + code[at + 3]!;
            // Whoever was here before tried both ways, and would have matched had one led to the end.
            fails = (failed[bit >> 3]! & (1 << (bit & 7))) !== 0;
            failed[bit >> 3]! |= 1 << (bit & 7);
          }
          if (!fails) {
            stack.push(CHOICE, code[at + 2]!, position, 0);
            at = a;
          }
          break;
        }
        case JUMP:
          at = a;
          break;
        case MARK:
          setRegister(a, position);
          at += 4;
          break;
        case SKIP_IF_EMPTY:
          at = registers[a] === position ? code[at + 2]! : at + 4;
          break;
        case CAPTURE:
          setCapture(2 * a, registers[code[at + 2]!]!);
          setCapture(2 * a + 1, position);
          at += 4;
          break;
        case ASSERT:
          if (isAt(a, subject, position)) at += 4;
          else fails = true;
          break;
        case REFERENCE: {
          const from = captures[2 * a]!;
          const length = captures[2 * a + 1]! - from;
          if (captures[2 * a + 1]! < 0 || !isRepeated(subject, from, length, position, code[at + 2] === 1))
            fails = true;
          else {
            steps -= length >> 3;
            position += length;
            at += 4;
          }
          break;
        }
        case HOLD: {
          // The height without the entry that undoes this very note.
          const height = stack.length + 4;
          setRegister(a, height);
          at += 4;
          break;
        }
        case COMMIT:
          commit(registers[a]!);
          at += 4;
          break;
        case LOOKED: {
          position = registers[code[at + 2]!]!;
          commit(registers[a]!);
          at += 4;
          break;
        }
        case FOUND_UNWANTED: {
          const height = registers[a]!;
          while (stack.length > height) {
            const value = stack[stack.length - 2]!;
            const slot = stack[stack.length - 3]!;
            const kind = stack[stack.length - 4]!;
            if (kind === UNDO_REGISTER) registers[slot] = value;
            else if (kind === UNDO_CAPTURE) captures[slot] = value;
            stack.length -= 4;
            steps--;
          }
          fails = true;
          break;
        }
        case BACK:
          if (position < a) fails = true;
          else {
            position -= a;
            at += 4;
          }
          break;
        case KEEP:
          setCapture(0, position);
          at += 4;
          break;
        case MATCH:
          captures[1] = position;
          return captures;
      }
      if (!fails) continue;
      for (;;) {
        if (stack.length === 0) break matching;
        if (--steps < 0) return "match limit";
        const last = stack.pop()!;
        const second = stack.pop()!;
        const first = stack.pop()!;
        const kind = stack.pop()!;
        if (kind === UNDO_REGISTER) registers[first] = second;
        else if (kind === UNDO_CAPTURE) captures[first] = second;
        else if (kind === CHOICE) {
          at = first;
          position = second;
          break;
        } else if (kind === GREEDY) {
          if (second > last) stack.push(GREEDY, first, second - 1, last);
          at = first;
          position = second;
          break;
        } else {
          if (second >= end || sets[code[first + 1]!]![subject.charCodeAt(second)] !== 1) continue;
          if (last > 1) stack.push(LAZY, first, second + 1, last - 1);
          at = first + 4;
          position = second + 1;
          break;
        }
      }
    }
  }
  return "no match";
}

function isWord(subject: string, position: number): boolean {
  const code = subject.charCodeAt(position); // NaN beyond the ends, which is no word
  return (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || (code >= 48 && code <= 57) || code === 95;
}

/** @param what One of `positionNumbers`. */
function isAt(what: number, subject: string, position: number): boolean {
  const end = subject.length;
  switch (what) {
    case 0:
      return position === 0;
    case 1:
      return position === end;
    case 2:
      return position === end || (position === end - 1 && subject.charCodeAt(position) === 10);
    case 3:
      return position === 0 || (position < end && subject.charCodeAt(position - 1) === 10);
    case 4:
      return position === end || subject.charCodeAt(position) === 10;
    default:
      return (isWord(subject, position - 1) !== isWord(subject, position)) === (what === 5);
  }
}

function isRepeated(subject: string, from: number, length: number, position: number, caseless: boolean): boolean {
  if (position + length > subject.length) return false;
  for (let offset = 0; offset < length; offset++) {
    let a = subject.charCodeAt(from + offset);
    let b = subject.charCodeAt(position + offset);
    if (caseless) {
      if (a >= 65 && a <= 90) a += 32;
      if (b >= 65 && b <= 90) b += 32;
    }
    if (a !== b) return false;
  }
  return true;
}
