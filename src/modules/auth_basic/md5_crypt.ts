import { encode64, inSlices } from "./crypt64.ts";

/**
 * Poul-Henning Kamp's MD5 crypt, and Apache's, which differs in `magic` only.
 * @param setting `$1$salt$…` or `$apr1$salt$…`: what follows the salt is not looked at.
 * @returns what an htpasswd file holds for that password
 */
export async function md5Crypt(password: Uint8Array, setting: string): Promise<string> {
  const magic = setting.startsWith("$apr1$") ? "$apr1$" : "$1$";
  const salt = setting.slice(magic.length).split("$")[0]!.slice(0, 8);
  const saltBytes = Buffer.from(salt, "latin1");
  const inner = md5(password, saltBytes, password);
  const parts: Uint8Array[] = [password, Buffer.from(magic, "latin1"), saltBytes];
  for (let left = password.length; left > 0; left -= 16) parts.push(inner.subarray(0, Math.min(16, left)));
  const zero = new Uint8Array(1);
  for (let bits = password.length; bits > 0; bits >>= 1) parts.push(bits & 1 ? zero : password.subarray(0, 1));
  let digest = md5(...parts);
  await inSlices(1000, (i) => {
    const hash = new Bun.CryptoHasher("md5").update(i & 1 ? password : digest);
    if (i % 3) hash.update(saltBytes);
    if (i % 7) hash.update(password);
    digest = hash.update(i & 1 ? digest : password).digest();
  });
  const triple = (a: number, b: number, c: number): string =>
    encode64((digest[a]! << 16) | (digest[b]! << 8) | digest[c]!, 4);
  const text = triple(0, 6, 12) + triple(1, 7, 13) + triple(2, 8, 14) + triple(3, 9, 15) + triple(4, 10, 5);
  return `${magic}${salt}$${text}${encode64(digest[11]!, 2)}`;
}

function md5(...parts: Uint8Array[]): Uint8Array {
  const hash = new Bun.CryptoHasher("md5");
  for (const part of parts) hash.update(part);
  return hash.digest();
}
