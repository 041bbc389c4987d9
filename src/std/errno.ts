import { constants } from "node:os";

/** The C library's words, which operators know from nginx, for what file and socket calls can fail with. */
const descriptions: Record<string, string> = {
  EPERM: "Operation not permitted",
  ENOENT: "No such file or directory",
  EINTR: "Interrupted system call",
  EIO: "Input/output error",
  EBADF: "Bad file descriptor",
  EAGAIN: "Resource temporarily unavailable",
  ENOMEM: "Cannot allocate memory",
  EACCES: "Permission denied",
  EBUSY: "Device or resource busy",
  EEXIST: "File exists",
  EXDEV: "Invalid cross-device link",
  ENODEV: "No such device",
  ENOTDIR: "Not a directory",
  EISDIR: "Is a directory",
  EINVAL: "Invalid argument",
  ENFILE: "Too many open files in system",
  EMFILE: "Too many open files",
  EFBIG: "File too large",
  ENOSPC: "No space left on device",
  EROFS: "Read-only file system",
  EPIPE: "Broken pipe",
  ENAMETOOLONG: "File name too long",
  ENOTEMPTY: "Directory not empty",
  ELOOP: "Too many levels of symbolic links",
  EADDRINUSE: "Address already in use",
  EADDRNOTAVAIL: "Cannot assign requested address",
  ENETUNREACH: "Network is unreachable",
  ECONNABORTED: "Software caused connection abort",
  ECONNRESET: "Connection reset by peer",
  ETIMEDOUT: "Connection timed out",
  ECONNREFUSED: "Connection refused",
  EHOSTUNREACH: "No route to host",
  EDQUOT: "Disk quota exceeded",
  ESRCH: "No such process",
};

/** `ENOENT` for 2. */
export function errnoName(errno: number): string {
  const found = Object.entries(constants.errno).find(([, number]) => number === errno);
  return found?.[0] ?? `errno ${errno}`;
}

/** What nginx's messages end in: `2: No such file or directory`. An error that is no system error gives its message. */
export function describeErrno(error: unknown): string {
  const { code, errno, message } = error as NodeJS.ErrnoException;
  const name = code ?? (typeof errno === "number" && errno < 0 ? errnoName(-errno) : undefined);
  const number = name === undefined ? undefined : (constants.errno as Record<string, number>)[name];
  if (name === undefined || number === undefined) return message ?? String(error);
  return `${number}: ${descriptions[name] ?? name}`;
}
