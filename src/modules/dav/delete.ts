import { lstatSync, rmdirSync, type Stats, unlinkSync } from "node:fs";
import type { Verdict } from "../../core/phase.ts";
import type { Request } from "../../core/request.ts";
import { fsName } from "../../std/bytestring.ts";
import { describeErrno } from "../../std/errno.ts";
import { filePath } from "../core/path.ts";
import { deleteTree, type OnFailure } from "./tree.ts";

/** DELETE of a file, or of a collection with all that is in it: 204. */
export function remove(request: Request, minDepth: number): Verdict {
  if (request.exchange.hasBody) {
    request.log("error", "DELETE with body is unsupported");
    return 415;
  }
  const { uri } = request;
  const depth = uri.split("/").length - (uri.endsWith("/") ? 2 : 1);
  if (depth < minDepth) {
    request.log("error", `insufficient URI depth:${depth} to DELETE`);
    return 409;
  }
  // Without its slash: of a link it is the link that goes, not what it leads to.
  const path = filePath(request).replace(/(?<=.)\/$/, "");
  let stats: Stats;
  try {
    stats = lstatSync(fsName(path));
  } catch (error) {
    return failed(request, "lstat()", path, error, (error as NodeJS.ErrnoException).code === "ENOTDIR" ? 409 : 404);
  }
  const collection = stats.isDirectory();
  if (collection && !uri.endsWith("/")) {
    request.log("error", `DELETE "${path}" failed (21: Is a directory)`);
    return 409;
  }
  if (stats.isFile() && uri.endsWith("/")) {
    request.log("error", `DELETE "${path}/" failed (20: Not a directory)`);
    return 409;
  }
  const wanted = depthOf(request, collection ? "infinity" : 0);
  if (wanted !== "infinity" && (collection || wanted !== 0)) {
    request.log("error", `"Depth" header must be ${collection ? "infinity" : "0 or infinity"}`);
    return 400;
  }
  return deletePath(request, path, collection);
}

/** 204, or what to answer when it could not be done. */
export function deletePath(request: Request, path: string, collection: boolean): Verdict {
  try {
    if (!collection) unlinkSync(fsName(path));
    else {
      deleteTree(path, logFailure(request));
      rmdirSync(fsName(path));
    }
    return 204;
  } catch (error) {
    return failed(request, collection ? "rmdir()" : "unlink()", path, error, 404);
  }
}

/** The Depth header; "invalid" is none that WebDAV knows, and logged. */
export function depthOf(request: Request, standard: 0 | "infinity"): 0 | 1 | "infinity" | "invalid" {
  const header = request.header("depth");
  if (header === undefined) return standard;
  if (header === "infinity") return header;
  if (header === "0" || header === "1") return header === "0" ? 0 : 1;
  request.log("error", `client sent invalid "Depth" header: "${header}"`);
  return "invalid";
}

/** Logs a call that failed and says what to answer. @param notFound The status where the name is missing. */
export function failed(request: Request, call: string, path: string, error: unknown, notFound: number): Verdict {
  const status = statusOf((error as NodeJS.ErrnoException).code, notFound);
  request.log(status >= 500 ? "crit" : "error", `${call} "${path}" failed (${describeErrno(error)})`);
  return status;
}

/** For what goes wrong within a tree: the rest is dealt with all the same. */
export function logFailure(request: Request): OnFailure {
  return (call, path, error) => void failed(request, call, path, error, 404);
}

function statusOf(code: string | undefined, notFound: number): number {
  switch (code) {
    case "ENOENT":
    case "ENOTDIR":
    case "ENAMETOOLONG":
      return notFound;
    case "EACCES":
    case "EPERM":
      return 403;
    case "EEXIST":
      return 405;
    case "ENOSPC":
      return 507;
    default:
      return 500;
  }
}
