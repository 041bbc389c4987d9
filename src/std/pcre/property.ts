import { byte, type ByteSet, complement, noBytes } from "./byte_set.ts";

/** What PCRE has beside the categories and scripts of Unicode. */
const own: Readonly<Record<string, RegExp>> = {
  Any: /[^]/u,
  "L&": /\p{LC}/u,
  LC: /\p{LC}/u,
  Xan: /[\p{L}\p{N}]/u,
  Xps: /[\p{Z}\t-\r\x85]/u,
  Xsp: /[\p{Z}\t-\r\x85]/u,
  Xwd: /[\p{L}\p{N}_]/u,
};

const categories = /^(?:C[cfnos]?|L[lmotu]?|M[cen]?|N[dlo]?|P[cdefios]?|S[ckmo]?|Z[lps]?)$/;

/**
 * The bytes that `\p{name}` matches: without UTF a byte is the character of its number, that of Latin-1.
 * @returns undefined for a name that neither Unicode's categories nor its scripts have
 */
function propertySet(name: string, caseInsensitive: boolean): ByteSet | undefined {
  const regex = Object.hasOwn(own, name)
    ? own[name]!
    : unicodeProperty(/^L[ltu]$/.test(name) && caseInsensitive ? "LC" : name);
  if (!regex) return undefined;
  let set = noBytes;
  for (let code = 0; code < 256; code++) if (regex.test(String.fromCharCode(code))) set |= byte(code);
  return set;
}

function unicodeProperty(name: string): RegExp | undefined {
  if (categories.test(name) || name === "LC") return new RegExp(`\\p{${name}}`, "u");
  if (!/^[A-Z][A-Za-z_]+$/.test(name)) return undefined;
  try {
    return new RegExp(`\\p{Script=${name}}`, "u");
  } catch {
    return undefined; // no script of that name
  }
}

/**
 * Reads what follows `\p` or `\P` at `at`: `N`, `{Lu}`, `{^Greek}`.
 * @returns what is wrong with it, in PCRE's words, if something is
 */
export function readProperty(
  pattern: string,
  at: number,
  letter: string,
  caseInsensitive: boolean,
): { readonly set: ByteSet; readonly length: number } | string {
  const name = /^(?:([A-Za-z])|\{(\^?)\s*([A-Za-z_&]+)\s*\})/.exec(pattern.slice(at));
  if (!name) return "malformed \\P or \\p sequence";
  const set = propertySet(name[1] ?? name[3]!, caseInsensitive);
  if (set === undefined) return "unknown property after \\P or \\p";
  return { set: (letter === "P") === (name[2] === "^") ? set : complement(set), length: name[0].length };
}
