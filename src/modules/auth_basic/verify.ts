import { nodeCrypto } from "../../std/builtins.ts";
import { desCrypt, isDesSetting } from "./des_crypt.ts";
import { md5Crypt } from "./md5_crypt.ts";
import { shaCrypt } from "./sha_crypt.ts";

/**
 * Does the password belong to what an htpasswd file holds? Forms that are meant to be slow answer later, and once
 * found right, at once: a browser sends its password with every request. Nothing belongs to an entry of no known form.
 * @param password, entry Byte strings.
 */
export function verify(password: string, entry: string): boolean | Promise<boolean> {
  if (entry.startsWith("{PLAIN}")) return same(password, entry.slice("{PLAIN}".length));
  if (entry.startsWith("{SHA}")) return sha1Matches(password, entry.slice("{SHA}".length), false);
  if (entry.startsWith("{SSHA}")) return sha1Matches(password, entry.slice("{SSHA}".length), true);
  const slow = slowForm(entry);
  if (!slow) return false;
  const proof = proofOf(password, entry);
  return proven.has(proof) ? true : prove(slow, password, entry, proof);
}

type SlowForm = (password: Uint8Array, entry: string) => Promise<boolean>;

function slowForm(entry: string): SlowForm | undefined {
  if (entry.startsWith("$apr1$") || entry.startsWith("$1$"))
    return async (password, setting) => same(await md5Crypt(password, setting), setting);
  if (entry.startsWith("$5$") || entry.startsWith("$6$"))
    return async (password, setting) => same(await shaCrypt(password, setting), setting);
  if (/^\$2[aby]\$/.test(entry)) return bcryptMatches;
  if (isDesSetting(entry)) return async (password, setting) => same(desCrypt(password, setting), setting);
  return undefined;
}

/** Works on a thread of its own. bcrypt takes 72 bytes; Bun hashes longer passwords first, as nothing else does. */
async function bcryptMatches(password: Uint8Array, entry: string): Promise<boolean> {
  try {
    return await Bun.password.verify(password.subarray(0, 72), entry, "bcrypt");
  } catch {
    return false; // the entry is cut short
  }
}

const provenMax = 1000;
const provenKey = crypto.getRandomValues(new Uint8Array(32));
/** Pairs that were right. What is kept cannot be turned back into a password without the key of this process. */
const proven = new Set<string>();

function proofOf(password: string, entry: string): string {
  return nodeCrypto()
    .createHmac("sha256", provenKey)
    .update(entry, "latin1")
    .update("\0")
    .update(password, "latin1")
    .digest("latin1");
}

async function prove(form: SlowForm, password: string, entry: string, proof: string): Promise<boolean> {
  const right = await form(Buffer.from(password, "latin1"), entry);
  if (!right) return false;
  if (proven.size >= provenMax) proven.delete(proven.values().next().value!);
  proven.add(proof);
  return true;
}

/** SHA-1 in base64, of the password and the salt that follows the digest. */
function sha1Matches(password: string, encoded: string, salted: boolean): boolean {
  const bytes = Buffer.from(encoded, "base64");
  if (bytes.length < 20) return false;
  const hash = new Bun.CryptoHasher("sha1").update(Buffer.from(password, "latin1"));
  if (salted) hash.update(bytes.subarray(20));
  return nodeCrypto().timingSafeEqual(hash.digest(), bytes.subarray(0, 20));
}

function same(a: string, b: string): boolean {
  return a.length === b.length && nodeCrypto().timingSafeEqual(Buffer.from(a, "latin1"), Buffer.from(b, "latin1"));
}
