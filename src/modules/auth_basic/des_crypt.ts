import { decode64, encode64 } from "./crypt64.ts";

// DES as FIPS 46-3 has it, bit by bit: 25 encryptions of zeros take 1 ms, and whoever still has such passwords has few.
// Positions count from 1, as in the standard.

// prettier-ignore
const initial = [
  58,50,42,34,26,18,10,2, 60,52,44,36,28,20,12,4, 62,54,46,38,30,22,14,6, 64,56,48,40,32,24,16,8,
  57,49,41,33,25,17,9,1, 59,51,43,35,27,19,11,3, 61,53,45,37,29,21,13,5, 63,55,47,39,31,23,15,7,
];
// prettier-ignore
const final = [
  40,8,48,16,56,24,64,32, 39,7,47,15,55,23,63,31, 38,6,46,14,54,22,62,30, 37,5,45,13,53,21,61,29,
  36,4,44,12,52,20,60,28, 35,3,43,11,51,19,59,27, 34,2,42,10,50,18,58,26, 33,1,41,9,49,17,57,25,
];
// prettier-ignore
const expansion = [
  32,1,2,3,4,5, 4,5,6,7,8,9, 8,9,10,11,12,13, 12,13,14,15,16,17,
  16,17,18,19,20,21, 20,21,22,23,24,25, 24,25,26,27,28,29, 28,29,30,31,32,1,
];
// prettier-ignore
const permutation = [
  16,7,20,21, 29,12,28,17, 1,15,23,26, 5,18,31,10, 2,8,24,14, 32,27,3,9, 19,13,30,6, 22,11,4,25,
];
// prettier-ignore
const keyChoice1 = [
  57,49,41,33,25,17,9, 1,58,50,42,34,26,18, 10,2,59,51,43,35,27, 19,11,3,60,52,44,36,
  63,55,47,39,31,23,15, 7,62,54,46,38,30,22, 14,6,61,53,45,37,29, 21,13,5,28,20,12,4,
];
// prettier-ignore
const keyChoice2 = [
  14,17,11,24,1,5, 3,28,15,6,21,10, 23,19,12,4,26,8, 16,7,27,20,13,2,
  41,52,31,37,47,55, 30,40,51,45,33,48, 44,49,39,56,34,53, 46,42,50,36,29,32,
];
const shifts = [1, 1, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 1];
/** S1 to S8, a hexadecimal digit an entry: four rows of 16. */
const boxes = [
  "e4d12fb83a6c59070f74e2d1a6cb953841e8d62bfc973a50fc8249175b3ea06d",
  "f18e6b34972dc05a3d47f28ec01a69b50e7ba4d158c6932fd8a13f42b67c05e9",
  "a09e63f51dc7b428d709346a285ecbf1d6498f30b12c5ae71ad069874fe3b52c",
  "7de3069a1285bc4fd8b56f03472c1ae9a690cb7df13e52843f06a1d8945bc72e",
  "2c417ab6853fd0e9eb2c47d150fa3986421bad78f9c5630eb8c71e2d6f09a453",
  "c1af92680d34e75baf427c9561de0b389ef528c3704a1db6432c95fabe17608d",
  "4b2ef08d3c975a61d0b7491ae35c2f8614bdc37eaf6805926bd814a7950fe23c",
  "d2846fb1a93e50c71fd8a374c56b0e927b419ce206adf35821e74a8dfc90356b",
];

type Bits = Uint8Array;

const pick = (bits: Bits, table: readonly number[]): Bits => Uint8Array.from(table, (position) => bits[position - 1]!);

/** Does it begin with a salt of the traditional crypt()? */
export function isDesSetting(setting: string): boolean {
  return decode64(setting[0]) >= 0 && decode64(setting[1]) >= 0;
}

/** The traditional crypt(): the password's first eight characters are the key, the setting's first two the salt. */
export function desCrypt(password: Uint8Array, setting: string): string {
  const salt = [decode64(setting[0]), decode64(setting[1])];
  const expand = expansion.slice();
  salt.forEach((bits, half) => {
    // Each bit of the salt exchanges two bits of the expansion.
    for (let bit = 0; bit < 6; bit++) {
      if (((bits >> bit) & 1) === 0) continue;
      const at = half * 6 + bit;
      [expand[at], expand[at + 24]] = [expand[at + 24]!, expand[at]!];
    }
  });
  const keys = schedule(password);
  let block: Bits = new Uint8Array(64);
  for (let i = 0; i < 25; i++) block = encrypt(block, keys, expand);
  let text = setting.slice(0, 2);
  for (let at = 0; at < 66; at += 6) {
    let six = 0;
    for (let bit = 0; bit < 6; bit++) six = (six << 1) | (block[at + bit] ?? 0);
    text += encode64(six, 1);
  }
  return text;
}

/** The 16 round keys. The lowest seven bits of each character count. */
function schedule(password: Uint8Array): Bits[] {
  const key = new Uint8Array(64);
  for (let i = 0; i < 8 && i < password.length; i++)
    for (let bit = 0; bit < 7; bit++) key[i * 8 + bit] = (password[i]! >> (6 - bit)) & 1;
  let halves = [pick(key, keyChoice1.slice(0, 28)), pick(key, keyChoice1.slice(28))];
  return shifts.map((by) => {
    halves = halves.map((half) => Uint8Array.from(half, (_, i) => half[(i + by) % 28]!));
    return pick(Uint8Array.from([...halves[0]!, ...halves[1]!]), keyChoice2);
  });
}

function encrypt(block: Bits, keys: readonly Bits[], expand: readonly number[]): Bits {
  const start = pick(block, initial);
  let left = start.subarray(0, 32);
  let right = start.subarray(32);
  for (const key of keys) {
    const mixed = pick(substituted(pick(right, expand), key), permutation);
    for (let i = 0; i < 32; i++) mixed[i]! ^= left[i]!;
    left = right;
    right = mixed;
  }
  return pick(Uint8Array.from([...right, ...left]), final);
}

function substituted(expanded: Bits, key: Bits): Bits {
  const out = new Uint8Array(32);
  for (let box = 0; box < 8; box++) {
    let six = 0;
    for (let bit = 0; bit < 6; bit++) six = (six << 1) | (expanded[box * 6 + bit]! ^ key[box * 6 + bit]!);
    const row = ((six >> 4) & 2) | (six & 1);
    const four = Number.parseInt(boxes[box]![row * 16 + ((six >> 1) & 15)]!, 16);
    for (let bit = 0; bit < 4; bit++) out[box * 4 + bit] = (four >> (3 - bit)) & 1;
  }
  return out;
}
