/**
 * The C library, through bun:ffi: only for what Bun and node:* do not offer. Linux (glibc and musl, 64 bit); elsewhere
 * `libc()` throws, and callers ask `hasLibc` first.
 */
import { dlopen, read } from "bun:ffi";
import { describeErrno, errnoName } from "./errno.ts";

const signatures = {
  __errno_location: { args: [], returns: "ptr" },
  close: { args: ["i32"], returns: "i32" },
  dup3: { args: ["i32", "i32", "i32"], returns: "i32" },
  fcntl: { args: ["i32", "i32", "i64"], returns: "i32" },
  poll: { args: ["ptr", "u64", "i32"], returns: "i32" },
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  socketpair: { args: ["i32", "i32", "i32", "ptr"], returns: "i32" },
  bind: { args: ["i32", "ptr", "u32"], returns: "i32" },
  listen: { args: ["i32", "i32"], returns: "i32" },
  connect: { args: ["i32", "ptr", "u32"], returns: "i32" },
  setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
  getsockopt: { args: ["i32", "i32", "i32", "ptr", "ptr"], returns: "i32" },
  getsockname: { args: ["i32", "ptr", "ptr"], returns: "i32" },
  inet_pton: { args: ["i32", "ptr", "ptr"], returns: "i32" },
  inet_ntop: { args: ["i32", "ptr", "ptr", "u32"], returns: "ptr" },
  send: { args: ["i32", "ptr", "u64", "i32"], returns: "i64" },
  sendmsg: { args: ["i32", "ptr", "i32"], returns: "i64" },
  recvmsg: { args: ["i32", "ptr", "i32"], returns: "i64" },
  flock: { args: ["i32", "i32"], returns: "i32" },
  localtime_r: { args: ["ptr", "ptr"], returns: "ptr" },
  epoll_ctl: { args: ["i32", "i32", "i32", "ptr"], returns: "i32" },
  prctl: { args: ["i32", "u64", "u64", "u64", "u64"], returns: "i32" },
  getrlimit: { args: ["i32", "ptr"], returns: "i32" },
  setrlimit: { args: ["i32", "ptr"], returns: "i32" },
  sched_setaffinity: { args: ["i32", "u64", "ptr"], returns: "i32" },
  sched_getaffinity: { args: ["i32", "u64", "ptr"], returns: "i32" },
} as const;

function open() {
  const names = ["libc.so.6", `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`];
  for (const name of names) {
    try {
      return dlopen(name, signatures).symbols;
    } catch {
      continue; // the other C library
    }
  }
  throw new Error(`no C library found under the names ${names.join(", ")}`);
}

let symbols: ReturnType<typeof open> | undefined;

/** Can `libc()` be called here? */
export const hasLibc = process.platform === "linux";

/** @throws Error where there is no such library. */
export function libc(): ReturnType<typeof open> {
  return (symbols ??= open());
}

/** A system call that failed: `bind() to 0.0.0.0:80 failed (98: Address already in use)`, as nginx words it. */
export class SystemError extends Error {
  /** `EADDRINUSE`, as node's errors have it. */
  readonly code: string;

  /** @param about What the call was about, as in `to 0.0.0.0:80`. */
  constructor(
    readonly call: string,
    readonly errno: number,
    about = "",
  ) {
    const code = errnoName(errno);
    super(`${call}() ${about === "" ? "" : `${about} `}failed (${describeErrno({ code })})`);
    this.name = "SystemError";
    this.code = code;
  }
}

/** Of the last call on this thread. Read it before anything else is called. */
export function lastErrno(): number {
  return read.i32(libc().__errno_location()!, 0);
}

/**
 * Passes the result of a call on.
 * @throws SystemError when it is negative.
 */
export function check(call: string, result: number | bigint, about?: string): number {
  if (result < 0) throw new SystemError(call, lastErrno(), about);
  return Number(result);
}

/** Text as C reads it, ending in a zero byte. */
export function cString(text: string): Uint8Array {
  return new TextEncoder().encode(`${text}\0`);
}
