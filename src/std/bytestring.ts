// A byte string is a JavaScript string whose every code unit, 0 to 255, stands for one byte. Requests arrive in that
// form, nginx's regular expressions match in it, and configuration files are read in it, so that a value written in
// one can be compared with a value that came in the other whatever encoding either was meant in.

const beyondAscii = /[^\x00-\x7f]/;
const beyondBytes = /[^\x00-\xff]/;

/** Text → the byte string of its UTF-8. */
export function encodeUtf8(text: string): string {
  return beyondAscii.test(text) ? Buffer.from(text, "utf8").toString("latin1") : text;
}

/** A byte string of UTF-8 → text; each byte that is not UTF-8 becomes U+FFFD. */
export function decodeUtf8(bytes: string): string {
  return beyondAscii.test(bytes) ? Buffer.from(bytes, "latin1").toString("utf8") : bytes;
}

/** For messages, which mix both: text as it is, a byte string decoded if it is UTF-8. */
export function legible(text: string): string {
  if (!beyondAscii.test(text) || beyondBytes.test(text)) return text;
  const decoded = decodeUtf8(text);
  return decoded.includes("\ufffd") ? text : decoded;
}

/** The bytes of a byte string as a body can carry them: itself where it is ASCII, else a buffer. */
export function bytesOf(bytes: string): string | Uint8Array {
  return beyondAscii.test(bytes) ? Buffer.from(bytes, "latin1") : bytes;
}

/**
 * A path in bytes as text, for what takes nothing else. One that is not UTF-8 cannot be said that way, and names no
 * file.
 */
export function fsPath(bytes: string): string {
  return decodeUtf8(bytes);
}

/** A path in bytes as node's file functions take it, whatever encoding the name is in. */
export function fsName(bytes: string): string | Buffer {
  return beyondAscii.test(bytes) ? Buffer.from(bytes, "latin1") : bytes;
}

/** A chunk of a body as a byte string; text stands for its UTF-8. */
export function byteStringOf(chunk: string | Uint8Array): string {
  if (typeof chunk === "string") return encodeUtf8(chunk);
  return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).toString("latin1");
}
