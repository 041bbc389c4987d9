import type { Arguments } from "../../core/arguments.ts";
import type { ComplexValue } from "../../core/complex.ts";
import { constantValue } from "../../core/complex.ts";
import { defineModule, list } from "../../core/module.ts";
import { DECLINED, OK, type Verdict } from "../../core/phase.ts";
import type { Request } from "../../core/request.ts";
import { describeErrno } from "../../std/errno.ts";
import { core } from "../core/core.ts";
import { filePath } from "../core/path.ts";
import type { OpenFailure } from "../open_file_cache/disk_file.ts";
import { testFile } from "../open_file_cache/open_file_cache.ts";

const standard: readonly (readonly ComplexValue[])[] = [[constantValue("index.html")]];

/** nginx's ngx_http_index_module. */
export const index = defineModule({
  name: "index",
  directives: {
    index: {
      ...list<readonly ComplexValue[]>({
        contexts: ["http", "server", "location"],
        args: [1, 256],
        syntax: "file ...",
        read: readNames,
      }),
      initial: standard,
    },
  },
  hooks: {
    content(request, conf) {
      const { uri, method } = request;
      if (uri.charCodeAt(uri.length - 1) !== 47 /* / */) return DECLINED;
      if (method !== "GET" && method !== "HEAD" && method !== "POST") return DECLINED;
      return findIndex(request, conf.index);
    },
  },
});

function readNames(args: Arguments): ComplexValue[] {
  return args.words.map((word, i) => {
    if (word.text === "") throw args.wrong(i, `index "" in "index" directive is invalid`, "a file name");
    if (word.text.startsWith("/") && i < args.count - 1)
      args.cycle.diagnostics.warn('only the last index in "index" directive should be absolute', word.place);
    return args.complex(i);
  });
}

function findIndex(request: Request, lists: readonly (readonly ComplexValue[])[]): Verdict | Promise<Verdict> {
  const directory = filePath(request);
  const args = request.hasArgs ? request.args : undefined;
  let directoryTested = false;
  for (const names of lists)
    for (const candidate of names) {
      const name = candidate.evaluate(request);
      if (name.startsWith("/")) return request.redirect(name, args);
      const path = directory + name;
      const tested = testFile(request, path);
      if (tested.kind !== "failure") return request.redirect(request.uri + name, args);
      const refusal = refused(request, directory, path, tested, directoryTested);
      if (refusal !== OK) return refusal;
      directoryTested = true;
    }
  return DECLINED;
}

/** OK when only this name is missing and the next one is worth a look. */
function refused(request: Request, directory: string, path: string, failed: OpenFailure, tested: boolean): Verdict {
  switch (failed.code) {
    case "EMLINK":
    case "ELOOP":
      return 403;
    case "EACCES":
      request.log("error", `"${path}" is forbidden (${describeErrno(failed.error)})`);
      return 403;
    case "ENOTDIR":
    case "ENAMETOOLONG":
      return notFound(request, path, failed.error);
  }
  if (!tested) {
    const refusal = testDirectory(request, directory, path);
    if (refusal !== OK) return refusal;
  }
  if (failed.code === "ENOENT") return OK;
  request.log("crit", `${failed.call} "${path}" failed (${describeErrno(failed.error)})`);
  return 500;
}

function testDirectory(request: Request, directory: string, path: string): Verdict {
  const name = directory.endsWith("/") && directory.length > 1 ? directory.slice(0, -1) : directory;
  const tested = testFile(request, name);
  if (tested.kind === "directory") return OK;
  if (tested.kind !== "failure") {
    request.log("alert", `"${name}" is not a directory`);
    return 500;
  }
  switch (tested.code) {
    case "EMLINK":
    case "ELOOP":
      return 403;
    case "ENOENT":
      return notFound(request, path, tested.error);
    case "EACCES":
      return OK;
  }
  request.log("crit", `${tested.call} "${name}" failed (${describeErrno(tested.error)})`);
  return 500;
}

function notFound(request: Request, path: string, error: unknown): Verdict {
  if (core.of(request).log_not_found) request.log("error", `"${path}" is not found (${describeErrno(error)})`);
  return 404;
}
