import { type Body, type FileSlice, isFileSlice, releaseBody, segmentsOf } from "../../core/body.ts";
import { readFully } from "./disk_file.ts";

/** A file that shrank under us gives fewer bytes than its size promised: the response cannot be completed. */
export class FileTruncated extends Error {
  override readonly name = "FileTruncated";
  constructor(path: string) {
    super(`"${path}" was truncated while it was sent`);
  }
}

/**
 * Bytes of a file in a buffer of their own, or in the one given, whose length is how many are wanted.
 * @throws FileTruncated
 */
export function readSlice({ file }: FileSlice, start: number, end: number, into?: Uint8Array): Uint8Array {
  const kept = file.bytes;
  if (kept) return start === 0 && end === kept.length ? kept : kept.subarray(start, end);
  const buffer = into ?? Buffer.allocUnsafe(end - start);
  if (readFully(file.fd, buffer, end - start, start) < end - start) throw new FileTruncated(file.path);
  return buffer;
}

/**
 * A body's bytes in one piece. Takes the body over: its files are read and released.
 * @throws FileTruncated
 */
export function readBody(body: Body): Uint8Array {
  try {
    const pieces = segmentsOf(body).map((segment): Uint8Array => {
      if (typeof segment === "string") return Buffer.from(segment);
      return isFileSlice(segment) ? readSlice(segment, segment.start, segment.end) : segment;
    });
    return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
  } finally {
    releaseBody(body);
  }
}
