import { encode64, inSlices } from "./crypt64.ts";

const roundsMin = 1000;
const roundsMax = 999_999_999;

/**
 * `$5$` (SHA-256) and `$6$` (SHA-512), with or without `rounds=N$`.
 * @see Ulrich Drepper, "Unix crypt using SHA-256 and SHA-512", version 0.6
 */
export async function shaCrypt(password: Uint8Array, setting: string): Promise<string> {
  const algorithm = setting.startsWith("$5$") ? "sha256" : "sha512";
  const [, asked, saltText] = /^\$[56]\$(?:rounds=(\d+)\$)?([^$]{0,16})/.exec(setting)!;
  const rounds = asked === undefined ? 5000 : Math.min(roundsMax, Math.max(roundsMin, Number(asked)));
  const salt = Buffer.from(saltText!, "latin1");
  const hashOf = (...parts: Uint8Array[]): Uint8Array => {
    const hash = new Bun.CryptoHasher(algorithm);
    for (const part of parts) hash.update(part);
    return hash.digest();
  };

  const inner = hashOf(password, salt, password);
  const parts: Uint8Array[] = [password, salt, repeated(inner, password.length)];
  for (let bits = password.length; bits > 0; bits >>= 1) parts.push(bits & 1 ? inner : password);
  let digest = hashOf(...parts);
  const passwordPart = repeated(hashOf(...new Array<Uint8Array>(password.length).fill(password)), password.length);
  const saltPart = repeated(hashOf(...new Array<Uint8Array>(16 + digest[0]!).fill(salt)), salt.length);
  await inSlices(rounds, (i) => {
    const hash = new Bun.CryptoHasher(algorithm).update(i & 1 ? passwordPart : digest);
    if (i % 3) hash.update(saltPart);
    if (i % 7) hash.update(passwordPart);
    digest = hash.update(i & 1 ? digest : passwordPart).digest();
  });
  const prefix = asked === undefined ? "" : `rounds=${rounds}$`;
  return `${setting.slice(0, 3)}${prefix}${saltText}$${algorithm === "sha256" ? encode256(digest) : encode512(digest)}`;
}

function repeated(bytes: Uint8Array, length: number): Uint8Array {
  const out = new Uint8Array(length);
  for (let at = 0; at < length; at += bytes.length) out.set(bytes.subarray(0, Math.min(bytes.length, length - at)), at);
  return out;
}

/** Three bytes at a time, from three thirds of the digest that take turns. */
function encode256(digest: Uint8Array): string {
  let text = "";
  for (let [a, b, c, i] = [0, 10, 20, 0]; i < 10; i++, [a, b, c] = [c + 1, a + 1, b + 1])
    text += encode64((digest[a]! << 16) | (digest[b]! << 8) | digest[c]!, 4);
  return text + encode64((digest[31]! << 8) | digest[30]!, 3);
}

function encode512(digest: Uint8Array): string {
  let text = "";
  for (let [a, b, c, i] = [0, 21, 42, 0]; i < 21; i++, [a, b, c] = [b + 1, c + 1, a + 1])
    text += encode64((digest[a]! << 16) | (digest[b]! << 8) | digest[c]!, 4);
  return text + encode64(digest[63]!, 2);
}
