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

  constructor(
    readonly fd: number,
    readonly path: string,
    readonly sizeBytes: number,
    readonly mtimeSeconds: number,
  ) {
    this.etag = `"${mtimeSeconds.toString(16)}-${sizeBytes.toString(16)}"`;
  }

  retain(): void {
    this.#users++;
  }

  release(): void {
    if (--this.#users === 0) closeSync(this.fd);
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
  let stats: Stats | undefined;
  try {
    stats = statSync(fsName(path), { throwIfNoEntry: false });
  } catch (error) {
    return failure("stat()", error);
  }
  if (!stats) return missing;
  return ofStats(stats);
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
