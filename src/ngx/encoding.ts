import { nodeCrypto } from "../std/builtins.ts";
import {
  type Args,
  type ArgsInput,
  decodeArgs as decode,
  encodeArgs as encode,
  escapeText,
  unescapeText,
} from "./args.ts";

/** Text is taken as UTF-8. */
export type Data = string | Uint8Array;

const bytesOfData = (data: Data): Uint8Array => (typeof data === "string" ? Buffer.from(data) : data);

/** Escapes text for use in a URI: type 2 (the default) as one part of it, type 0 as a whole URI. */
export function escapeUri(text: string, type: 0 | 2 = 2): string {
  return escapeText(String(text), type);
}

/** Decodes "%XX" and "+"; what is no escape stays as it is. */
export function unescapeUri(text: string): string {
  return unescapeText(Buffer.from(text).toString("latin1"));
}

/** `{ a: 1, b: [2, 3], c: true }` → `a=1&b=2&b=3&c`. */
export function encodeArgs(args: ArgsInput): string {
  return encode(args);
}

/** `a=1&b` → `{ a: "1", b: true }`; at most `max` of them, 0 is all. */
export function decodeArgs(text: string, max = 100): Args {
  return decode(Buffer.from(text).toString("latin1"), max).args;
}

export function encodeBase64(data: Data, noPadding = false): string {
  const text = Buffer.from(bytesOfData(data)).toString("base64");
  return noPadding ? text.replace(/=+$/, "") : text;
}

const base64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** @returns The bytes as UTF-8 text, null for what is not base64. Padding may be left out. See `decodeBase64Bytes`. */
export function decodeBase64(text: string): string | null {
  return decodeBase64Bytes(text)?.toString() ?? null;
}

export function decodeBase64Bytes(text: string): Buffer | null {
  const data = text.replace(/=+$/, "");
  return base64.test(text) && data.length % 4 !== 1 ? Buffer.from(data, "base64") : null;
}

/** Base64 of any alphabet with line breaks and other foreign characters in it, as in mail. */
export function decodeBase64Mime(text: string): string | null {
  return decodeBase64(text.replace(/[^A-Za-z0-9+/=]/g, ""));
}

const digest = (algorithm: string, data: Data): Buffer => nodeCrypto().createHash(algorithm).update(data).digest();

export const md5 = (data: Data): string => digest("md5", data).toString("hex");
export const md5Bin = (data: Data): Buffer => digest("md5", data);
export const sha1 = (data: Data): string => digest("sha1", data).toString("hex");
export const sha1Bin = (data: Data): Buffer => digest("sha1", data);
export const sha256 = (data: Data): string => digest("sha256", data).toString("hex");
export const sha256Bin = (data: Data): Buffer => digest("sha256", data);
/** @param algorithm As `node:crypto` calls it: "sha1", "sha256", "sha512". */
export const hmac = (algorithm: string, key: Data, data: Data): Buffer =>
  nodeCrypto().createHmac(algorithm, key).update(data).digest();
export const hmacSha1 = (key: Data, data: Data): Buffer => hmac("sha1", key, data);

/** CRC-32 (IEEE); OpenResty's two spellings of one function. */
export const crc32 = (data: Data): number => Bun.hash.crc32(data);
export const crc32Short = crc32;
export const crc32Long = crc32;

const sqlEscapes: Readonly<Record<string, string>> = {
  "\0": "\\0",
  "\b": "\\b",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\x1a": "\\Z",
  "\\": "\\\\",
  "'": "\\'",
  '"': '\\"',
};

/** A string literal by MySQL's rules. Prepared statements are the better way. */
export function quoteSqlStr(text: string): string {
  return `'${text.replace(/[\0\b\n\r\t\x1a\\'"]/g, (character) => sqlEscapes[character]!)}'`;
}
