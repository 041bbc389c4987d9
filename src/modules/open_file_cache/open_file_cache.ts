import type { Arguments } from "../../core/arguments.ts";
import type { ComplexValue } from "../../core/complex.ts";
import { type Context, defineModule, flag, number, time, value } from "../../core/module.ts";
import type { Request } from "../../core/request.ts";
import { describeErrno } from "../../std/errno.ts";
import { parseInteger, parseTimeSeconds } from "../../std/units.ts";
import { core } from "../core/core.ts";
import { FileCache } from "./cache.ts";
import { type Opened, type OpenFailure, type Tested, testFile as testOnDisk } from "./disk_file.ts";
import { KeptFiles } from "./kept_files.ts";

const contexts: readonly Context[] = ["http", "server", "location"];
import { openWithoutLinks, type SymlinkRule, testWithoutLinks } from "./symlinks.ts";

/** `disable_symlinks`; `off` is here too, for it differs from "nothing said", which inherits. */
interface SymlinkCheck {
  readonly rule: SymlinkRule | "off";
  /** The beginning of a path that is trusted. */
  readonly from: ComplexValue | undefined;
}

/** The directives of nginx's core module about opening files, and what modules that send files open them by. */
export const openFileCache = defineModule({
  name: "open_file_cache",
  directives: {
    open_file_cache: value<FileCache | undefined>({
      contexts,
      default: undefined,
      args: [1, 2],
      syntax: "off | max=N [inactive=time]",
      merge: "inherit",
      read: readCache,
    }),
    open_file_cache_valid: time({ contexts, default: 60_000 }),
    open_file_cache_min_uses: number({ contexts, default: 1, min: 1 }),
    open_file_cache_errors: flag({ contexts, default: false }),
    disable_symlinks: value<SymlinkCheck | undefined>({
      contexts,
      default: undefined,
      args: [1, 2],
      syntax: "off | on | if_not_owner [from=part]",
      read: readSymlinkCheck,
    }),
  },
});

/** What stands in where no cache is configured: the worker's, for it never answers by what was. */
const keptFiles = new KeptFiles();

/** `off` has to differ from "nothing said", which inherits. */
const noCache = new FileCache(0, 0);

function readCache(args: Arguments): FileCache {
  if (args.text(0) === "off" && args.count === 1) return noCache;
  let max: number | undefined;
  let inactiveSeconds = 60;
  for (let i = 0; i < args.count; i++) {
    const text = args.text(i);
    if (text.startsWith("max=")) max = parseInteger(text.slice(4)) || undefined;
    else if (text.startsWith("inactive=")) inactiveSeconds = parseTimeSeconds(text.slice(9)) ?? Number.NaN;
    if (!/^(?:max|inactive)=/.test(text) || Number.isNaN(inactiveSeconds))
      throw args.wrong(i, `invalid "open_file_cache" parameter "${text}"`, "max=N, inactive=time or off");
  }
  if (max === undefined) throw args.wrong(0, '"open_file_cache" must have the "max" parameter', "max=N");
  const cache = new FileCache(max, inactiveSeconds * 1000);
  args.cycle.atEnd(() => cache.clear());
  return cache;
}

function readSymlinkCheck(args: Arguments): SymlinkCheck {
  const rule = args.choice(0, ["off", "on", "if_not_owner"]);
  if (rule !== "off" && process.platform !== "linux")
    throw args.wrong(0, '"disable_symlinks" is not supported on this platform', "off");
  const from = args.named("from", 1);
  if (args.has(1) && (!from || rule === "off")) throw args.wrong(1, `invalid parameter "${args.text(1)}"`, "from=path");
  return { rule, from: from && args.compile(from.text, from.place) };
}

/** How much of `path` is trusted by `from=`: whole names only. */
function trustedLength(request: Request, path: string, { from }: SymlinkCheck): number {
  const part = from?.evaluate(request) ?? "";
  if (part === "" || !path.startsWith(part)) return 0;
  if (part.length === path.length || path[part.length] === "/") return part.length;
  return part.endsWith("/") ? part.length - 1 : 0;
}

/** Opens the file at `path` (a byte string) for sending, from the cache if there is one; its user releases it. */
export function openFile(request: Request, path: string): Opened {
  const conf = openFileCache.of(request);
  const cache = conf.open_file_cache;
  const links = conf.disable_symlinks;
  if (links && links.rule !== "off") {
    const from = trustedLength(request, path, links);
    if (from < path.length) return openWithoutLinks(path, links.rule, from);
  }
  if (cache === undefined || cache === noCache) return keptFiles.open(path);
  return cache.open(path, conf.open_file_cache_valid, conf.open_file_cache_min_uses, conf.open_file_cache_errors);
}

/** What is at `path`, without opening it. */
export function testFile(request: Request, path: string): Tested {
  const conf = openFileCache.of(request);
  const cache = conf.open_file_cache;
  const links = conf.disable_symlinks;
  if (links && links.rule !== "off") {
    const from = trustedLength(request, path, links);
    if (from < path.length) return testWithoutLinks(path, links.rule, from);
  }
  if (cache === undefined || cache === noCache) return testOnDisk(path);
  return cache.test(path, conf.open_file_cache_valid, conf.open_file_cache_errors);
}

/** Logs that a file cannot be sent, as nginx words it, and says what to answer. */
export function refuse(request: Request, path: string, { call, code, error }: OpenFailure): number {
  const status = statusOf(code);
  if (status !== 404 || core.of(request).log_not_found)
    request.log(status === 500 ? "crit" : "error", `${call} "${path}" failed (${describeErrno(error)})`);
  return status;
}

function statusOf(code: string): 403 | 404 | 500 {
  switch (code) {
    case "ENOENT":
    case "ENOTDIR":
    case "ENAMETOOLONG":
      return 404;
    case "EACCES":
    case "EMLINK":
    case "ELOOP":
      return 403;
    default:
      return 500;
  }
}
