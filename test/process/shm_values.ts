import type { Value } from "../../src/shm/dict.ts";

/** The value that a key has at a version: short, long, a number, or of wide characters in turn. */
export function valueOf(version: number): Value {
  if (version % 7 === 0) return version;
  const letter = String.fromCharCode((version % 5 === 0 ? 0x3b1 : 97) + (version % 23));
  return `${version}:${letter.repeat((version * 37) % (version % 11 === 0 ? 900 : 150))}`;
}

export function isValueOf(version: number, value: Value): boolean {
  return value === valueOf(version);
}
