/** The pid file. Whoever runs holds a lock on it, so a number left behind is never taken for a living master. */
import { closeSync, openSync, readFileSync, renameSync, unlinkSync, writeSync } from "node:fs";
import { describeErrno } from "../std/errno.ts";
import { hasLibc } from "../std/libc.ts";
import { tryLock } from "../std/posix.ts";

/** @returns The number in the file; undefined when it holds none. @throws what opening it throws. */
export function readPid(file: string): number | undefined {
  const text = readFileSync(file, "latin1").trim();
  return /^[1-9]\d{0,9}$/.test(text) ? Number(text) : undefined;
}

/** @returns The process that runs with this pid file; undefined when there is no file, or it was left behind. */
export function runningPid(file: string): number | undefined {
  let fd: number | undefined;
  try {
    const pid = readPid(file);
    if (pid === undefined || pid === process.pid || !processExists(pid)) return undefined;
    // Another program may have got the number since; only a master holds the lock.
    fd = openSync(file, "r");
    return hasLibc && tryLock(fd) ? undefined : pid;
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

export function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

export class PidFile {
  #fd: number | undefined;

  private constructor(private path: string) {}

  /**
   * Writes this process's number, whole or not at all: readers connect as soon as they see it.
   * @throws Error, in nginx's words, when it cannot be written or another master has it.
   */
  static write(path: string): PidFile {
    const other = runningPid(path);
    if (other !== undefined) throw new Error(alreadyRunning(path, other));
    const file = new PidFile(path);
    const temporary = `${path}.${process.pid}`;
    try {
      file.#fd = openSync(temporary, "w", 0o644);
      if (hasLibc) tryLock(file.#fd);
      writeSync(file.#fd, `${process.pid}\n`);
      renameSync(temporary, path);
    } catch (error) {
      if (file.#fd !== undefined) closeSync(file.#fd);
      throw new Error(`open() "${path}" failed (${describeErrno(error)})`, { cause: error });
    }
    return file;
  }

  get file(): string {
    return this.path;
  }

  /** @throws Error */
  rename(to: string): void {
    renameSync(this.path, to);
    this.path = to;
  }

  /** Removes the file, unless it is somebody else's by now. */
  remove(): void {
    if (this.#fd === undefined) return;
    try {
      if (readPid(this.path) === process.pid) unlinkSync(this.path);
    } catch {
      return; // gone already
    } finally {
      closeSync(this.#fd);
      this.#fd = undefined;
    }
  }
}

export function alreadyRunning(path: string, pid: number): string {
  return (
    `another master, process ${pid}, runs with the pid file "${path}": ` +
    `stop it with "-s quit", reload it with "-s reload", or name another file by the "pid" directive`
  );
}
