import {
  chmodSync,
  closeSync,
  futimesSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path/posix";
import type { Verdict } from "../../core/phase.ts";
import type { Request } from "../../core/request.ts";
import { fsName } from "../../std/bytestring.ts";
import { parseHttpTime } from "../../std/clock.ts";
import { describeErrno } from "../../std/errno.ts";
import { escapeUri } from "../../std/uri_escape.ts";
import { filePath } from "../core/path.ts";
import { directoryAccess } from "./access.ts";

interface PutOptions {
  readonly access: number;
  readonly createPath: boolean;
}

let filesMade = 0;

/**
 * Stores the request's body under the URI's name: in a file beside it first, then by a rename, so that nobody ever
 * reads half of it. 201 for a new name, 204 for one that was there.
 */
export async function put(request: Request, options: PutOptions): Promise<Verdict> {
  if (request.uri.endsWith("/")) {
    request.log("error", "cannot PUT to a collection");
    return 409;
  }
  if (request.header("content-range") !== undefined) {
    request.log("error", "PUT with range is unsupported");
    return 501;
  }
  const path = filePath(request);
  const existing = kindOf(path);
  if (existing === "directory") {
    await request.body.discard();
    request.log("error", `"${path}" could not be created (21: Is a directory)`);
    return 409;
  }
  const temporary = `${dirname(path)}/.resty-put-${process.pid}-${++filesMade}`;
  if (!(await receive(request, temporary, path, options))) return 500;
  const { response } = request;
  if (existing === "nothing") response.location = escapeUri(request.uri);
  response.status = existing === "nothing" ? 201 : 204;
  return request.respond();
}

function kindOf(path: string): "directory" | "file" | "nothing" {
  try {
    const stats = lstatSync(fsName(path), { throwIfNoEntry: false });
    return stats === undefined ? "nothing" : stats.isDirectory() ? "directory" : "file";
  } catch {
    return "nothing"; // what is wrong with the path shows when the file is made
  }
}

async function receive(request: Request, temporary: string, path: string, options: PutOptions): Promise<boolean> {
  let fd: number | undefined;
  try {
    fd = create(temporary, options);
    for await (const chunk of request.body.stream()) writeAll(fd, chunk);
    chmodSync(fsName(temporary), options.access);
    const date = parseHttpTime(request.header("date") ?? "");
    if (date !== undefined) futimesSync(fd, date, date);
    renameSync(fsName(temporary), fsName(path));
    return true;
  } catch (error) {
    if (fd !== undefined) remove(temporary);
    // A client that went away or sent too much is not the file system's failure.
    if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
    await request.body.discard();
    request.log("crit", `rename() "${temporary}" to "${path}" failed (${describeErrno(error)})`);
    return false;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function create(path: string, { access, createPath }: PutOptions): number {
  try {
    return openSync(fsName(path), "wx", 0o600);
  } catch (error) {
    if (!createPath || (error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    makePath(dirname(path), directoryAccess(access));
    return openSync(fsName(path), "wx", 0o600);
  }
}

/** Makes a directory and those above it that are missing. @throws NodeJS.ErrnoException */
export function makePath(path: string, mode: number): void {
  mkdirSync(fsName(path), { recursive: true, mode });
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
}

function remove(path: string): void {
  try {
    unlinkSync(fsName(path));
  } catch {
    // It has been renamed already, or never was: there is nothing to clean up.
  }
}
