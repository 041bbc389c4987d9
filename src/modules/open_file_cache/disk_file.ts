import { closeSync, constants, fstatSync, openSync, readSync, type Stats, statSync } from "node:fs";
import type { OpenFile } from "../../core/body.ts";
import { fsName } from "../../std/bytestring.ts";

/** A regular file, open for reading. */
export class DiskFile implements OpenFile {
  readonly kind = "file";
  bytes: Uint8Array | undefined;
  /** A strong ETag in nginx's form, made once however often the file is sent. */
  readonly etag: string;
  #users = 1;
  #fd: number;

  constructor(
    fd: number,
    readonly path: string,
    readonly sizeBytes: number,
    readonly mtimeSeconds: number,
  ) {
    this.#fd = fd;
    this.etag = `"${mtimeSeconds.toString(16)}-${sizeBytes.toString(16)}"`;
  }

  /** -1 once the file is in memory and nothing else. */
  get fd(): number {
    return this.#fd;
  }

  retain(): void {
    this.#users++;
  }

  release(): void {
    if (--this.#users === 0) this.#close();
  }

  /**
   * Reads all of the file into memory.
   * @returns false, and does nothing, when it is shorter than it was.
   */
  load(): boolean {
    const bytes = Buffer.allocUnsafeSlow(this.sizeBytes);
    if (readFully(this.#fd, bytes, this.sizeBytes, 0) < this.sizeBytes) return false;
    this.bytes = bytes;
    return true;
  }

  /** Lives on as what `load` read; the disk may have the rest back. */
  detach(): void {
    this.#close();
    this.#fd = -1;
  }

  #close(): void {
    if (this.#fd >= 0) closeSync(this.#fd);
  }
}

/** Something that exists and is no regular file. */
export interface NoFile {
  readonly kind: "directory" | "special";
}

export const directory: NoFile = { kind: "directory" };
const special: NoFile = { kind: "special" };

/** Why there is nothing to send: which call failed, and how. */
export interface OpenFailure {
  readonly kind: "failure";
  readonly call: "open()" | "stat()" | "fstat()" | "openat()" | "opendir()";
  /** `ENOENT` and its like. */
  readonly code: string;
  readonly error: unknown;
}

export type Opened = DiskFile | NoFile | OpenFailure;
export type Tested =
  { readonly kind: "file"; readonly sizeBytes: number; readonly mtimeSeconds: number } | NoFile | OpenFailure;

/** A pipe or device must not hang the worker on open. */
const readNonBlocking = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

export const wholeSeconds = (stats: Stats): number => Math.floor(stats.mtimeMs / 1000);

/** Opens a file for sending; never throws. */
export function openFile(path: string, flags = readNonBlocking): Opened {
  let fd: number;
  try {
    fd = openSync(fsName(path), flags);
  } catch (error) {
    return failure("open()", error);
  }
  return openedFd(fd, path);
}

/** As `openFile`, for a descriptor that is open already and becomes this function's to close. */
export function openedFd(fd: number, path: string): Opened {
  let stats: Stats;
  try {
    stats = fstatSync(fd);
  } catch (error) {
    closeSync(fd);
    return failure("fstat()", error);
  }
  if (stats.isFile()) return new DiskFile(fd, path, stats.size, wholeSeconds(stats));
  closeSync(fd);
  return stats.isDirectory() ? directory : special;
}

export const missing: OpenFailure = {
  kind: "failure",
  call: "stat()",
  code: "ENOENT",
  error: Object.assign(new Error("no such file or directory"), { code: "ENOENT" }),
};

/** What is at `path`, without opening it; never throws. */
export function testFile(path: string): Tested {
  return tested(statsOf(path));
}

/** What `statsOf` found. */
export function tested(stats: Stats | Error | undefined): Tested {
  if (!stats) return missing;
  return stats instanceof Error ? failure("stat()", stats) : ofStats(stats);
}

/** undefined: there is nothing at `path`. */
export function statsOf(path: string): Stats | Error | undefined {
  try {
    return statSync(fsName(path), { throwIfNoEntry: false });
  } catch (error) {
    return error as Error;
  }
}

/** Is what a name leads to `now` the file that it led to `before`, and was not written to in between? */
export function isSameFile(before: Stats | undefined, now: Stats | Error | undefined): boolean {
  return (
    before !== undefined &&
    now !== undefined &&
    !(now instanceof Error) &&
    before.ino === now.ino &&
    before.ctimeMs === now.ctimeMs &&
    before.mtimeMs === now.mtimeMs &&
    before.size === now.size &&
    before.dev === now.dev
  );
}

export function ofStats(stats: Stats): Exclude<Tested, OpenFailure> {
  if (stats.isFile()) return { kind: "file", sizeBytes: stats.size, mtimeSeconds: wholeSeconds(stats) };
  return stats.isDirectory() ? directory : special;
}

/** A name with a NUL byte cannot exist: the file functions refuse to be asked for it. */
export function failure(call: OpenFailure["call"], error: unknown): OpenFailure {
  const code = (error as NodeJS.ErrnoException).code ?? "";
  if (code === "ERR_INVALID_ARG_VALUE") return { ...missing, call };
  return { kind: "failure", call, code, error };
}

/** Reads `size` bytes from `start` into `buffer`; fewer come back only when the file ends before. */
export function readFully(fd: number, buffer: Uint8Array, size: number, start: number): number {
  let done = 0;
  while (done < size) {
    const count = readSync(fd, buffer, done, size - done, start + done);
    if (count === 0) break;
    done += count;
  }
  return done;
}
