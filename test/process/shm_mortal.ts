import { Memory, type TextBuffer } from "../../src/shm/memory.ts";

/** What a process that dies throws here, and again at each further write: the dead do not write. */
export class Death extends Error {}

const behind = new WeakMap<object, Int32Array>();
let beforeWrite: (() => void) | undefined;
let writes = 0;

/** How many writes the last mortal memory has seen. */
export const writesMade = (): number => writes;

const real = globalThis.Atomics;
const counted = (name: "store" | "add" | "compareExchange") =>
  ((words: Int32Array, ...rest: [number, number, number]) => {
    const raw = behind.get(words);
    if (raw) beforeWrite?.();
    return (real[name] as (...all: unknown[]) => number)(raw ?? words, ...rest);
  }) as never;

/** Atomics do not take proxies, so these look behind them. To be called once, before any zone is opened. */
export function installMortalAtomics(): void {
  globalThis.Atomics = Object.assign(Object.create(real) as typeof Atomics, {
    load: (words: Int32Array, at: number) => real.load(behind.get(words) ?? words, at),
    wait: real.wait.bind(real),
    store: counted("store"),
    add: counted("add"),
    compareExchange: counted("compareExchange"),
  });
}

export function removeMortalAtomics(): void {
  globalThis.Atomics = real;
}

/**
 * A zone's memory as a process sees it that is killed at its `writesLeft`-th write: a word, a float, or half of a
 * string or copy.
 */
export function mortalMemory(bytes: Uint8Array<ArrayBuffer>, writesLeft: number): Memory {
  writes = 0;
  const count = () => {
    if (++writes >= writesLeft) throw new Death();
  };
  beforeWrite = count;
  const words = new Int32Array(bytes.buffer);
  const proxy = new Proxy(words, handler(words, count));
  behind.set(proxy, words);
  const floats = new Float64Array(bytes.buffer);
  const buffer = Buffer.from(bytes.buffer) as TextBuffer;
  return new Memory(
    proxy,
    new Proxy(floats, handler(floats, count)),
    new Proxy(buffer, handler(buffer, count)) as TextBuffer,
  );
}

const writers = new Set(["fill", "set", "copyWithin", "utf8Write", "latin1Write", "ucs2Write"]);

function handler<T extends Int32Array | Float64Array | Buffer>(target: T, count: () => void): ProxyHandler<T> {
  return {
    set(_, at, value: number) {
      count();
      (target as Int32Array)[Number(at)] = value;
      return true;
    },
    get(_, name) {
      const value = Reflect.get(target, name, target) as unknown;
      if (typeof value !== "function") return value;
      if (!writers.has(String(name))) return (value as (...all: unknown[]) => unknown).bind(target);
      return (...args: unknown[]) => {
        const whole = new Uint8Array(target.buffer);
        const before = whole.slice();
        const result = (value as (...all: unknown[]) => unknown).apply(target, args);
        try {
          count();
        } catch (death) {
          let changed = 0;
          for (let at = 0; at < whole.length; at++) if (whole[at] !== before[at]) changed++;
          let kept = 0;
          for (let at = 0; at < whole.length; at++)
            if (whole[at] !== before[at] && kept++ >= changed / 2) whole[at] = before[at]!;
          throw death;
        }
        return result;
      };
    },
  };
}
