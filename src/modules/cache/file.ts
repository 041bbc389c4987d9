import {
  closeSync,
  copyFileSync,
  futimesSync,
  fstatSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";

const { crc32 } = Bun.hash;

/** What is kept of an answer beside its body. */
export interface StoredHead {
  /** Which key it answers: two keys of one hash are told apart by it. */
  readonly key: string;
  readonly status: number;
  readonly reason: string;
  /** Flat, as the upstream sent them. */
  readonly headers: readonly string[];
  /** The names of Vary, sorted; "" without. */
  readonly vary: string;
  /** Hash of what the request said under these names. */
  readonly variant: string;
  /** An error that `…_intercept_errors` answers: there is no body. */
  readonly intercepted: boolean;
}

/** Seconds since the epoch. */
export interface Validity {
  readonly validUntil: number;
  readonly updatingUntil: number;
  readonly errorUntil: number;
}

// A file: the preamble, the head as JSON, the body. The preamble alone changes later, when an answer was found to hold
// longer; it is one write of less than a page, and its check covers the head's: nothing half-written passes for whole.
//
//   0 magic (8 bytes)   8 check of 12 to 55   12 check of the head   16 length of the head   20 nothing
//   24 length of the body   32 valid until   40 updating until   48 error until  (doubles)
const magic = "resty c1";
const preambleBytes = 56;
/** Heads are read with the preamble, and small bodies too: most hits take one read. */
const firstReadBytes = 32 * 1024;
const headBytesMax = 1024 * 1024;
const scratch = Buffer.allocUnsafeSlow(firstReadBytes);

export interface CacheFile {
  readonly fd: number;
  readonly path: string;
  readonly head: StoredHead;
  readonly validity: Validity;
  readonly bodyStart: number;
  readonly bodyBytes: number;
  readonly accessedMs: number;
  readonly mtimeSeconds: number;
  /** The body, where the first read had all of it. */
  readonly body: Uint8Array | undefined;
}

function preamble(head: Buffer, bodyBytes: number, validity: Validity): Buffer {
  const bytes = Buffer.alloc(preambleBytes);
  bytes.write(magic, 0, "latin1");
  bytes.writeUInt32LE(crc32(head), 12);
  bytes.writeUInt32LE(head.length, 16);
  bytes.writeDoubleLE(bodyBytes, 24);
  bytes.writeDoubleLE(validity.validUntil, 32);
  bytes.writeDoubleLE(validity.updatingUntil, 40);
  bytes.writeDoubleLE(validity.errorUntil, 48);
  bytes.writeUInt32LE(crc32(bytes.subarray(12)), 8);
  return bytes;
}

/** Opens and checks a stored answer; undefined for none, "torn" for one that is not what was written. */
export function openCacheFile(path: string): CacheFile | "torn" | undefined {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch {
    return undefined;
  }
  let file: CacheFile | undefined;
  try {
    file = readCacheFile(fd, path);
    return file ?? "torn";
  } catch {
    return "torn";
  } finally {
    if (!file) closeSync(fd);
  }
}

function readCacheFile(fd: number, path: string): CacheFile | undefined {
  let have = readSync(fd, scratch, 0, firstReadBytes, 0);
  if (have < preambleBytes || scratch.toString("latin1", 0, magic.length) !== magic) return undefined;
  if (crc32(scratch.subarray(12, preambleBytes)) !== scratch.readUInt32LE(8)) return undefined;
  const headBytes = scratch.readUInt32LE(16);
  const bodyStart = preambleBytes + headBytes;
  const bodyBytes = scratch.readDoubleLE(24);
  const validity = {
    validUntil: scratch.readDoubleLE(32),
    updatingUntil: scratch.readDoubleLE(40),
    errorUntil: scratch.readDoubleLE(48),
  };
  const headCheck = scratch.readUInt32LE(12);
  if (headBytes > headBytesMax) return undefined;
  let buffer = scratch;
  if (have < bodyStart && have === firstReadBytes) {
    buffer = Buffer.allocUnsafe(bodyStart);
    have = readSync(fd, buffer, 0, bodyStart, 0);
  }
  const stats = fstatSync(fd);
  if (stats.size !== bodyStart + bodyBytes || have < bodyStart) return undefined;
  const headPart = buffer.subarray(preambleBytes, bodyStart);
  if (crc32(headPart) !== headCheck) return undefined;
  const head = JSON.parse(headPart.toString("latin1")) as StoredHead;
  const body =
    have >= stats.size && buffer === scratch ? Buffer.from(scratch.subarray(bodyStart, stats.size)) : undefined;
  return {
    fd,
    path,
    head,
    validity,
    bodyStart,
    bodyBytes,
    accessedMs: stats.atimeMs,
    mtimeSeconds: stats.mtimeMs / 1000,
    body,
  };
}

/** Notes that the file was of use, for who looks for those that are not. */
export function touch({ fd, mtimeSeconds }: CacheFile): void {
  try {
    futimesSync(fd, Date.now() / 1000, mtimeSeconds);
  } catch {
    // On a file system that keeps no times the file is taken for as old as its last answer.
  }
}

/**
 * Makes the stored answer at `path` hold for longer, if it is still the one that was found there.
 * @throws a system error
 */
export function renewCacheFile({ path, head, bodyBytes }: CacheFile, validity: Validity): void {
  const fd = openSync(path, "r+");
  try {
    const now = readCacheFile(fd, path);
    const bytes = encodeHead(head);
    if (now && now.bodyBytes === bodyBytes && encodeHead(now.head).equals(bytes))
      writeSync(fd, preamble(bytes, bodyBytes, validity), 0, preambleBytes, 0);
  } finally {
    closeSync(fd);
  }
}

/** JSON of byte strings: as many bytes as characters, whatever is in them. */
function encodeHead(head: StoredHead): Buffer {
  return Buffer.from(JSON.stringify(head), "latin1");
}

/** So much of a body waits in memory before the file is made: a small answer is one write. */
const bufferedBytesMax = 64 * 1024;

/** An answer on its way into the cache: a file of its own until it is complete, then renamed over what was there. */
export class CacheWriter {
  bodyBytes = 0;
  readonly #head: Buffer;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #fd: number | undefined;
  #at = 0;

  constructor(
    private readonly path: string,
    private readonly temporary: string,
    head: StoredHead,
    private readonly validity: Validity,
  ) {
    this.#head = encodeHead(head);
  }

  /** @throws a system error; the answer cannot be stored then. */
  append(chunk: Uint8Array): void {
    this.bodyBytes += chunk.length;
    this.#waitingBytes += chunk.length;
    this.#waiting.push(chunk.slice());
    if (this.#waitingBytes >= bufferedBytesMax) this.#flush();
  }

  /** The answer is complete. @throws as `append` @returns bytes of the file */
  commit(): number {
    const first = preamble(this.#head, this.bodyBytes, this.validity);
    if (this.#fd === undefined) this.#write(Buffer.concat([first, this.#head, ...this.#waiting]), 0);
    else {
      this.#flush();
      this.#write(first, 0);
    }
    closeSync(this.#fd!);
    this.#fd = undefined;
    inFolder(this.path, () => {
      try {
        renameSync(this.temporary, this.path);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EXDEV") throw error;
        // Another file system: a copy beside the goal can be renamed.
        const near = `${this.path}.${process.pid}`;
        copyFileSync(this.temporary, near);
        renameSync(near, this.path);
        unlinkSync(this.temporary);
      }
    });
    return preambleBytes + this.#head.length + this.bodyBytes;
  }

  discard(): void {
    this.#waiting = [];
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
    rmSync(this.temporary, { force: true });
  }

  #flush(): void {
    // Until it is complete the file begins with zeros, which are no preamble.
    const parts = this.#fd === undefined ? [Buffer.alloc(preambleBytes), this.#head, ...this.#waiting] : this.#waiting;
    const bytes = Buffer.concat(parts);
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#write(bytes, this.#at);
    this.#at += bytes.length;
  }

  #write(bytes: Uint8Array, at: number): void {
    this.#fd ??= inFolder(this.temporary, () => openSync(this.temporary, "wx", 0o600));
    for (let done = 0; done < bytes.length;) done += writeSync(this.#fd, bytes, done, bytes.length - done, at + done);
  }
}

/** Does what fails with ENOENT while the folder is missing. */
function inFolder<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    return action();
  }
}
