import type { Arguments } from "../../core/arguments.ts";
import type { ComplexValue } from "../../core/complex.ts";
import { defineModule, value } from "../../core/module.ts";
import { DECLINED, type Verdict } from "../../core/phase.ts";
import type { Request } from "../../core/request.ts";
import { describeErrno } from "../../std/errno.ts";
import { parseInteger } from "../../std/units.ts";
import { core } from "../core/core.ts";
import { appendUriToAlias, documentRoot } from "../core/path.ts";
import { testFile } from "../open_file_cache/open_file_cache.ts";

interface Candidate {
  /** Without the slash that asks for a directory. */
  readonly name: ComplexValue;
  readonly directory: boolean;
}

interface TryFiles {
  readonly candidates: readonly Candidate[];
  /** What to do when none is there: a status, or a URI or `@name` to go on with. */
  readonly last: number | ComplexValue;
}

/** nginx's ngx_http_try_files_module. */
export const tryFiles = defineModule({
  name: "try_files",
  directives: {
    try_files: value<TryFiles | undefined>({
      contexts: ["server", "location"],
      default: undefined,
      args: [2, 256],
      syntax: "file ... uri | file ... =code",
      merge: "none",
      read: readTryFiles,
    }),
  },
  enabled: (conf) => conf.try_files !== undefined,
  hooks: {
    precontent: (request, conf) => tryEach(request, conf.try_files!),
  },
});

function readTryFiles(args: Arguments): TryFiles {
  const last = args.count - 1;
  const candidates = args.words.slice(0, last).map((word): Candidate => {
    const directory = word.text.endsWith("/");
    return { name: args.compile(directory ? word.text.slice(0, -1) : word.text, word.place), directory };
  });
  if (!args.text(last).startsWith("=")) return { candidates, last: args.complex(last) };
  const code = parseInteger(args.text(last).slice(1));
  if (code === undefined || code > 999)
    throw args.wrong(last, `invalid code "${args.text(last)}"`, "= and a status up to 999");
  return { candidates, last: code };
}

function tryEach(request: Request, { candidates, last }: TryFiles): Verdict | Promise<Verdict> {
  const { root } = core.of(request);
  const base = documentRoot(request);
  const cut = root.prefix ?? "";
  for (const { name, directory } of candidates) {
    const uri = name.evaluate(request);
    // Under an alias the location's own name is no part of the path, nor need it be of what is tried.
    const rest = cut !== "" && name.constant === undefined && uri.startsWith(cut) ? uri.slice(cut.length) : uri;
    const path = base + rest;
    const tested = testFile(request, path);
    if (tested.kind === "failure") {
      if (!["ENOENT", "ENOTDIR", "ENAMETOOLONG"].includes(tested.code))
        request.log("crit", `${tested.call} "${path}" failed (${describeErrno(tested.error)})`);
      continue;
    }
    if ((tested.kind === "directory") !== directory) continue;
    if (!root.alias) request.uri = rest;
    else if (root.prefix !== undefined) request.uri = cut + rest;
    else if (!directory) {
      request.uri = rest;
      appendUriToAlias(request);
    }
    return DECLINED;
  }
  return goOn(request, last);
}

function goOn(request: Request, last: number | ComplexValue): Verdict | Promise<Verdict> {
  if (typeof last === "number") return last;
  const target = last.evaluate(request);
  if (target.startsWith("@")) return request.redirectNamed(target);
  const question = target.indexOf("?");
  return question < 0
    ? request.redirect(target, undefined)
    : request.redirect(target.slice(0, question), target.slice(question + 1));
}
