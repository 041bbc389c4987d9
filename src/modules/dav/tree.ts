import {
  chmodSync,
  copyFileSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  rmdirSync,
  type Stats,
  statSync,
  unlinkSync,
  utimesSync,
} from "node:fs";
import { fsName } from "../../std/bytestring.ts";

/** Told of each name that could not be dealt with; the walk goes on with the others, as in nginx. */
export type OnFailure = (call: string, path: string, error: unknown) => void;

const permissions = 0o7777;

/** Removes a directory and all that is in it. Links are removed, not followed. */
export function deleteTree(directory: string, onFailure: OnFailure): void {
  for (const name of namesIn(directory)) {
    const path = `${directory}/${name}`;
    if (lstatSync(fsName(path)).isDirectory()) {
      deleteTree(path, onFailure);
      attempt(() => rmdirSync(fsName(path)), "rmdir()", path, onFailure);
    } else attempt(() => unlinkSync(fsName(path)), "unlink()", path, onFailure);
  }
}

/** Copies what is in `from` into `to`, which exists; modes and times go along. */
export function copyTree(from: string, to: string, onFailure: OnFailure): void {
  for (const name of namesIn(from)) {
    const source = `${from}/${name}`;
    const target = `${to}/${name}`;
    const stats = lstatSync(fsName(source));
    if (stats.isDirectory()) {
      attempt(() => mkdirSync(fsName(target), { mode: stats.mode & permissions }), "mkdir()", target, onFailure);
      copyTree(source, target, onFailure);
      attempt(() => setTime(target, stats), "utimes()", target, onFailure);
    } else if (stats.isFile() || leadsToFile(source))
      attempt(() => copyFile(source, target), "open()", target, onFailure);
  }
}

/** Copies one file with its mode and time. @throws NodeJS.ErrnoException */
export function copyFile(from: string, to: string): void {
  const stats = statSync(fsName(from));
  copyFileSync(fsName(from), fsName(to));
  chmodSync(fsName(to), stats.mode & permissions);
  setTime(to, stats);
}

function setTime(path: string, stats: Stats): void {
  utimesSync(fsName(path), stats.atimeMs / 1000, stats.mtimeMs / 1000);
}

function leadsToFile(path: string): boolean {
  return statSync(fsName(path), { throwIfNoEntry: false })?.isFile() ?? false;
}

function namesIn(directory: string): string[] {
  return readdirSync(fsName(directory), { encoding: "buffer" }).map((name) => name.toString("latin1"));
}

function attempt(action: () => void, call: string, path: string, onFailure: OnFailure): void {
  try {
    action();
  } catch (error) {
    onFailure(call, path, error);
  }
}
