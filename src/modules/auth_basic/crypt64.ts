const alphabet = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** `count` characters of six bits each, the lowest bits first, in the alphabet that crypt() has. */
export function encode64(value: number, count: number): string {
  let text = "";
  for (; count > 0; count--, value >>>= 6) text += alphabet[value & 63]!;
  return text;
}

/** The six bits that a character of the alphabet stands for, or -1. */
export function decode64(character: string | undefined): number {
  return character === undefined ? -1 : alphabet.indexOf(character);
}

/** How long one password may keep the event loop from other requests, milliseconds. */
const sliceMs = 2;

/** Calls `round` with 0 to `count` - 1, and lets other requests have their turn in between. */
export async function inSlices(count: number, round: (i: number) => void): Promise<void> {
  let until = performance.now() + sliceMs;
  for (let i = 0; i < count; i++) {
    round(i);
    if (i % 64 !== 63 || performance.now() < until) continue;
    await new Promise<void>((resolve) => setImmediate(resolve));
    until = performance.now() + sliceMs;
  }
}
