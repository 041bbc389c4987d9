import { closeSync, constants, fstatSync, lstatSync, openSync, statSync } from "node:fs";
import { fsName } from "../../std/bytestring.ts";
import { failure, ofStats, type Opened, openedFd, type Tested } from "./disk_file.ts";

/** What `disable_symlinks` allows: no links at all, or those that belong to whom their target belongs. */
export type SymlinkRule = "on" | "if_not_owner";

/** Opens a name without its content, for which no right to it is needed. Linux only, as all of this file. */
const O_PATH = 0o10000000;

/** Thrown for a link whose owner is not its target's. */
const tooManyLinks = Object.assign(new Error("too many levels of symbolic links"), { code: "ELOOP" });

/**
 * Opens the file at `path` without following links that the rule forbids, name by name from the first `fromLength`
 * bytes on. Each name is looked up in the directory that is open, by way of /proc/self/fd, so that nobody can put a
 * link in place of a directory between the check and the use.
 */
export function openWithoutLinks(path: string, rule: SymlinkRule, fromLength: number): Opened {
  let directory: number | undefined;
  try {
    const { fd, name } = enter(path, rule, fromLength);
    directory = fd;
    return openedFd(openName(fd, name, rule, constants.O_RDONLY | constants.O_NONBLOCK), path);
  } catch (error) {
    return failure("openat()", error);
  } finally {
    if (directory !== undefined) closeSync(directory);
  }
}

/** What is at `path` under the same rule; the right to read it is not needed. */
export function testWithoutLinks(path: string, rule: SymlinkRule, fromLength: number): Tested {
  const open: number[] = [];
  try {
    const { fd, name } = enter(path, rule, fromLength);
    open.push(fd);
    const inner = fsName(`/proc/self/fd/${fd}/${name}`);
    const own = openSync(inner, O_PATH | constants.O_NOFOLLOW);
    open.push(own);
    const stats = fstatSync(own);
    if (!stats.isSymbolicLink()) return ofStats(stats);
    const target = rule === "on" ? undefined : statSync(inner);
    if (target?.uid !== stats.uid) throw tooManyLinks;
    return ofStats(target);
  } catch (error) {
    return failure("openat()", error);
  } finally {
    for (const fd of open) closeSync(fd);
  }
}

/** Goes down to the directory that holds the last name of `path`. */
function enter(path: string, rule: SymlinkRule, fromLength: number): { fd: number; name: string } {
  const start = Math.max(1, fromLength);
  const names = path
    .slice(start)
    .split("/")
    .filter((name) => name !== "");
  const name = names.pop() ?? ".";
  const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NONBLOCK | O_PATH;
  let fd = openSync(fsName(path.slice(0, start)), flags);
  for (const step of names) {
    let next: number;
    try {
      next = openName(fd, step, rule, flags);
    } finally {
      closeSync(fd);
    }
    fd = next;
  }
  return { fd, name };
}

function openName(directory: number, name: string, rule: SymlinkRule, flags: number): number {
  const path = fsName(`/proc/self/fd/${directory}/${name}`);
  if (rule === "on") return openSync(path, flags | constants.O_NOFOLLOW);
  const fd = openSync(path, flags);
  try {
    const link = lstatSync(path);
    if (link.isSymbolicLink() && link.uid !== fstatSync(fd).uid) throw tooManyLinks;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return fd;
}
