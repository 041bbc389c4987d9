import { dlopen, FFIType } from "bun:ffi";
import {
  closeSync,
  constants,
  fchownSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statfsSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";

/** Windows has no links that could be put in a file's place, and no such flag. */
const { O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW = 0, O_RDONLY, O_RDWR, O_WRONLY } = constants;

const LOCK_SHARED = 1;
const LOCK_EXCLUSIVE = 2;
const LOCK_NOW = 4;

interface System {
  flock(fd: number, operation: number): number;
  posix_fallocate?(fd: number, offset: number, length: number): number;
  sched_yield(): number;
}

const system = loadSystem();

function loadSystem(): System | undefined {
  const { i32, i64 } = FFIType;
  const flock = { args: [i32, i32], returns: i32 } as const;
  const sched_yield = { args: [], returns: i32 } as const;
  try {
    if (process.platform === "linux") {
      const posix_fallocate = { args: [i32, i64, i64], returns: i32 } as const;
      for (const name of ["libc.so.6", `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`]) {
        try {
          return dlopen(name, { flock, sched_yield, posix_fallocate }).symbols;
        } catch {} // the other C library, then
      }
    }
    if (process.platform === "darwin") return dlopen("libSystem.B.dylib", { flock, sched_yield }).symbols;
  } catch {} // without it: no file locks, and space is reserved by writing zeros
  return undefined;
}

/** Gives the processor to whoever else is ready, for instance the owner of a lock. */
export function yieldProcessor(): void {
  if (system) system.sched_yield();
  else Bun.sleepSync(0);
}

/** Sleeps without the event loop running; for waits too long to spin. */
export function pause(milliseconds: number): void {
  Atomics.wait(nobodyWakes, 0, 0, milliseconds);
}
const nobodyWakes = new Int32Array(new SharedArrayBuffer(4));

/**
 * Where zones are kept: `/dev/shm`, which is memory, if it is there and has room, else the system's temporary folder,
 * whose files the kernel caches and may write to disk.
 * @param bytesNeeded What the zones together will reserve.
 * @param memory The folder that is memory.
 */
export function zoneDirectory(bytesNeeded = 0, memory = "/dev/shm"): string {
  try {
    const { bavail, bsize } = statfsSync(memory);
    if (bavail * bsize > bytesNeeded) return memory;
  } catch {} // a platform without it
  return tmpdir();
}

export interface FileOwner {
  uid: number;
  gid: number;
}

/**
 * Makes a file of `sizeBytes` whose every page exists: a page that cannot be had when it is first touched would end
 * the process with SIGBUS. `prepare` fills it before it gets its name, so nobody ever sees half a file. To be called
 * inside `whileOpening`.
 * @throws Error with the path and the size when there is no room.
 */
export function createReserved(
  path: string,
  sizeBytes: number,
  prepare: (bytes: Uint8Array) => void,
  owner?: FileOwner,
): void {
  const temporary = `${path}.new`; // at most one is left by those who are killed here
  rmSync(temporary, { force: true });
  const fd = openSync(temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    ftruncateSync(fd, sizeBytes);
    reserve(fd, sizeBytes);
    prepare(mapShared(temporary));
    if (owner) fchownSync(fd, owner.uid, owner.gid);
    renameSync(temporary, path);
  } catch (cause) {
    rmSync(temporary, { force: true });
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${path}: cannot reserve ${sizeBytes} bytes of shared memory: ${why}`, { cause });
  } finally {
    closeSync(fd);
  }
}

function reserve(fd: number, sizeBytes: number): void {
  if (system?.posix_fallocate) {
    const errno = system.posix_fallocate(fd, 0, sizeBytes);
    if (errno === 0) return;
    throw new Error(errno === 28 ? "no space left on device" : `posix_fallocate failed, errno ${errno}`);
  }
  const zeros = new Uint8Array(1 << 16);
  for (let at = 0; at < sizeBytes;) at += writeSync(fd, zeros, 0, Math.min(zeros.length, sizeBytes - at), at);
}

export function mapShared(path: string): Uint8Array {
  return Bun.mmap(path, { shared: true });
}

/**
 * Others may write into the folder of zones: a file that one of them put there, who could cut it short under us, is
 * taken for none.
 */
function isTrusted({ uid, mode }: { uid: number; mode: number }, owner: FileOwner | undefined): boolean {
  if (process.geteuid === undefined) return true;
  return (uid === process.geteuid() || uid === 0 || uid === owner?.uid) && (mode & 0o022) === 0;
}

/** The first `count` words of a file, zeros where it is shorter; undefined when it is not there. */
export function readWords(
  path: string,
  count: number,
  owner?: FileOwner,
): { words: Int32Array; fileBytes: number } | undefined {
  const words = new Int32Array(count);
  let fd: number;
  try {
    fd = openSync(path, O_RDONLY | O_NOFOLLOW);
  } catch {
    return undefined;
  }
  try {
    const stat = fstatSync(fd);
    if (!isTrusted(stat, owner)) return undefined;
    const fileBytes = stat.size;
    readSync(fd, new Uint8Array(words.buffer), 0, count * 4, 0);
    return { words, fileBytes };
  } finally {
    closeSync(fd);
  }
}

/**
 * Runs `work` while no other process opens the file at `path`. Where there are no file locks (Windows), zones have to
 * be opened by one process before the others start.
 */
export function whileOpening<T>(path: string, owner: FileOwner | undefined, work: () => T): T {
  const fd = openSync(`${path}.lock`, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0o600);
  try {
    if (owner) fchownSync(fd, owner.uid, owner.gid);
    system?.flock(fd, LOCK_EXCLUSIVE);
    return work();
  } finally {
    closeSync(fd);
  }
}

/** Marks a file as in use until this process ends, however it ends. */
export class Attachment {
  #fd: number;
  /** Whether no other process had it open. */
  readonly alone: boolean;

  constructor(path: string) {
    this.#fd = openSync(path, "r+");
    this.alone = system?.flock(this.#fd, LOCK_EXCLUSIVE | LOCK_NOW) === 0;
    system?.flock(this.#fd, LOCK_SHARED);
  }

  close(): void {
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = -1;
  }
}
