import { lstatSync, mkdirSync, renameSync, type Stats, unlinkSync } from "node:fs";
import { dirname } from "node:path/posix";
import type { Verdict } from "../../core/phase.ts";
import type { Request } from "../../core/request.ts";
import { fsName } from "../../std/bytestring.ts";
import { describeErrno } from "../../std/errno.ts";
import { filePath } from "../core/path.ts";
import { directoryAccess } from "./access.ts";
import { type Destination, readDestination } from "./destination.ts";
import { deletePath, depthOf, failed, logFailure } from "./delete.ts";
import { makePath } from "./put.ts";
import { copyFile, copyTree } from "./tree.ts";

/** COPY or MOVE: 201 for a collection, 204 for a file, as nginx answers. */
export function copyOrMove(request: Request, access: number): Verdict {
  const moving = request.method === "MOVE";
  if (request.exchange.hasBody) {
    request.log("error", "COPY and MOVE with body are unsupported");
    return 415;
  }
  const destination = readDestination(request);
  if (typeof destination === "number") return destination;
  const depth = depthOf(request, "infinity");
  if (depth !== "infinity" && (moving || depth !== 0)) {
    request.log("error", `"Depth" header must be ${moving ? "infinity" : "0 or infinity"}`);
    return 400;
  }
  const overwrite = request.header("overwrite") ?? "T";
  if (!/^[TF]$/i.test(overwrite)) {
    request.log("error", `client sent invalid "Overwrite" header: "${overwrite}"`);
    return 400;
  }
  const from = withoutSlash(mergeSlashes(filePath(request)));
  const to = withoutSlash(mergeSlashes(filePath(request, destination.uri)));
  return (
    checkPaths(request, from, to, destination) ??
    transfer(request, from, to, destination, overwrite.toUpperCase() === "T", access)
  );
}

/** A tree cannot be put into itself, nor in place of what it is in. */
function checkPaths(request: Request, from: string, to: string, destination: Destination): Verdict | undefined {
  if (from === to) {
    request.log(
      "error",
      `both URI "${request.uri}" and "Destination" URI "${destination.header}" point to the same location`,
    );
    return 403;
  }
  if (!destination.uri.endsWith("/") || !(`${to}/`.startsWith(`${from}/`) || `${from}/`.startsWith(`${to}/`)))
    return undefined;
  request.log("error", notTo(request, destination));
  return 403;
}

function notTo(request: Request, { header }: Destination): string {
  return `"${request.uri}" could not be ${request.method}ed to collection "${header}"`;
}

function transfer(
  request: Request,
  from: string,
  to: string,
  destination: Destination,
  overwrite: boolean,
  access: number,
): Verdict {
  let existing: Stats | undefined;
  let source: Stats | undefined;
  try {
    existing = lstatSync(fsName(to), { throwIfNoEntry: false });
  } catch (error) {
    return failed(request, "lstat()", to, error, 404);
  }
  if (existing?.isDirectory() && !destination.uri.endsWith("/")) {
    request.log("error", notTo(request, destination));
    return 409;
  }
  if (existing && !overwrite) {
    request.log("error", `"${to}" could not be created (17: File exists)`);
    return 412;
  }
  try {
    source = lstatSync(fsName(from));
  } catch (error) {
    return failed(request, "lstat()", from, error, 404);
  }
  if (!source.isDirectory()) return transferFile(request, from, to, access);
  if (!request.uri.endsWith("/")) {
    request.log("error", `"${request.uri}" is collection`);
    return 400;
  }
  if (existing) {
    const refusal = deletePath(request, to, existing.isDirectory());
    if (refusal !== 204) return refusal;
  }
  return transferTree(request, from, to, source);
}

function transferTree(request: Request, from: string, to: string, source: Stats): Verdict {
  const moving = request.method === "MOVE";
  if (moving && renamed(from, to)) return 201;
  try {
    mkdirSync(fsName(to), { mode: source.mode & 0o7777 });
  } catch (error) {
    return failed(request, "mkdir()", to, error, 404);
  }
  try {
    copyTree(from, to, logFailure(request));
  } catch (error) {
    return failed(request, "opendir()", from, error, 500);
  }
  if (!moving) return 201;
  const refusal = deletePath(request, from, true);
  return refusal === 204 ? 201 : refusal;
}

/** Across file systems a rename does not do: what it could not move is copied. */
function renamed(from: string, to: string): boolean {
  try {
    renameSync(fsName(from), fsName(to));
    return true;
  } catch {
    return false;
  }
}

function transferFile(request: Request, from: string, to: string, access: number): Verdict {
  try {
    if (request.method === "COPY") copyFile(from, to);
    else moveFile(from, to, access);
    return 204;
  } catch (error) {
    request.log(
      "crit",
      `${request.method === "COPY" ? "copying" : "rename()"} "${from}" to "${to}" failed (${describeErrno(error)})`,
    );
    return 500;
  }
}

function moveFile(from: string, to: string, access: number): void {
  if (renamed(from, to)) return;
  makePath(dirname(to), directoryAccess(access));
  if (renamed(from, to)) return;
  copyFile(from, to);
  unlinkSync(fsName(from));
}

function withoutSlash(path: string): string {
  return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
}

function mergeSlashes(path: string): string {
  return path.replace(/\/{2,}/g, "/");
}
