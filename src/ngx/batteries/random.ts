import { nodeCrypto } from "../../std/builtins.ts";

/** Random bytes as hexadecimal digits, two for each. */
export function randomHex(bytes = 16): string {
  return nodeCrypto().randomBytes(bytes).toString("hex");
}

/** Random bytes in the letters that URLs, cookies and file names take. */
export function randomToken(bytes = 24): string {
  return nodeCrypto().randomBytes(bytes).toString("base64url");
}

/** A whole number from `min` up to but not including `max`. */
export function randomInt(min: number, max: number): number {
  return nodeCrypto().randomInt(min, max);
}

/** Compares in a time that does not tell where they differ. */
export function sameSecret(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && nodeCrypto().timingSafeEqual(left, right);
}
