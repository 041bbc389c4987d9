import type { Arguments } from "../../core/arguments.ts";
import { type ComplexValue, constantValue } from "../../core/complex.ts";
import { type Cycle, cycleKey } from "../../core/cycle.ts";
import { accepted, defineModule, field, list } from "../../core/module.ts";
import { DECLINED } from "../../core/phase.ts";
import type { Request } from "../../core/request.ts";
import { describeErrno } from "../../std/errno.ts";
import { LogFile, type LogSink } from "../../std/log_file.ts";
import { parseSyslog, Syslog, type SyslogOptions } from "../../std/syslog.ts";
import { parseSize, parseTimeMs } from "../../std/units.ts";
import { checkSyslog } from "../error_log/error_log.ts";
import { compileFormat, type Escape, type LogFormat } from "./format.ts";

const combined =
  '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"';

const formats = cycleKey<Map<string, LogFormat>>("log_format", () => new Map());

interface AccessLog {
  /** Once it is open. */
  file: LogSink | undefined;
  readonly format: LogFormat;
  readonly condition: ComplexValue | undefined;
  /** A name without variables is opened when the worker starts. */
  readonly path: ComplexValue;
  readonly options: FileOptions;
}

interface FileOptions {
  readonly bufferBytes: number;
  readonly flushMs: number;
  /** zlib level; 0 writes plain text. */
  readonly gzip: number;
}

/** The logs that one process has open, whichever cycle asked for them. */
export class AccessLogFiles {
  readonly #files = new Map<string, LogSink>();
  onFailure: (path: string, error: Error) => void = () => undefined;

  open(path: string, { bufferBytes, flushMs, gzip }: FileOptions): LogSink {
    const key = `${path}\0${bufferBytes}\0${flushMs}\0${gzip}`;
    let file = this.#files.get(key);
    if (!file && path.startsWith("syslog:"))
      this.#files.set(key, (file = new Syslog(parseSyslog(path) as SyslogOptions)));
    if (!file) {
      const encode =
        gzip > 0 ? (batch: Uint8Array) => Bun.gzipSync(new Uint8Array(batch), { level: gzip as 1 }) : undefined;
      file = new LogFile(
        path,
        (...failure) => this.onFailure(failure[0], failure[1]),
        flushMs,
        bufferBytes || undefined,
        encode,
      );
      this.#files.set(key, file);
    }
    return file;
  }

  reopen(): void {
    for (const file of this.#files.values()) file.reopen();
  }

  flush(): void {
    for (const file of this.#files.values()) file.flush();
  }
}

/** Open files are the process's, not a cycle's: a reload goes on writing to the same ones. */
export const accessLogFiles = new AccessLogFiles();

/** Paths without variables that some `access_log` of the cycle names, for the master to make and hand over. */
export const accessLogPaths = cycleKey<Map<string, FileOptions>>("access_log", () => new Map());

const accessLog = list<readonly AccessLog[]>({
  contexts: ["http", "server", "location", "if in location", "limit_except"],
  args: [1, 16],
  syntax: "path [format [buffer=size] [gzip[=level]] [flush=time] [if=condition]] | off",
  read: readAccessLog,
});

/** nginx's ngx_http_log_module. */
export const log = defineModule({
  name: "log",
  directives: {
    log_format: list<undefined>({
      contexts: ["http"],
      args: [2, 64],
      syntax: "name [escape=default|json|none] string ...",
      read: readFormat,
    }),
    access_log: accessLog,
    open_log_file_cache: accepted({
      contexts: ["http", "server", "location"],
      args: [1, 4],
      why: "log files stay open while their name is in use",
    }),
  },
  fields: {
    /** The logs in force, flat. */
    logs: field<readonly AccessLog[]>([]),
  },
  enabled: (conf) => conf.logs.length > 0,
  prepare(conf, level) {
    // Where no level says anything, nginx logs all the same.
    const said = conf.access_log !== accessLog.initial;
    conf.logs = said ? conf.access_log.flat() : level.enclosing("http") ? [defaultLog(level.cycle)] : [];
  },
  hooks: {
    log(request, { logs }) {
      for (let i = 0; i < logs.length; i++) write(request, logs[i]!);
      return DECLINED;
    },
  },
});

function readFormat(args: Arguments): undefined {
  const known = args.cycle.get(formats);
  const name = args.text(0);
  if (known.has(name)) throw args.wrong(0, `duplicate "log_format" name "${name}"`);
  let escape: Escape = "default";
  let from = 1;
  if (args.text(1).startsWith("escape=")) {
    const mode = args.text(1).slice("escape=".length);
    if (mode !== "default" && mode !== "json" && mode !== "none")
      throw args.wrong(1, `unknown log format escaping "${mode}"`, "default, json or none");
    escape = mode;
    from = 2;
  }
  known.set(
    name,
    compileFormat(args.texts(from).join(""), escape, args.cycle.variables, args.words[from]?.place ?? args.place),
  );
  return undefined;
}

function readAccessLog(args: Arguments): readonly AccessLog[] {
  if (args.text(0) === "off" && args.count === 1) return [];
  const name = args.text(0);
  if (name.startsWith("syslog:")) return [syslogAccess(args, name)];
  const path = args.complex(0);
  const absolute: ComplexValue =
    path.constant === undefined
      ? { ...path, evaluate: (request) => args.cycle.path(path.evaluate(request)) }
      : constantValue(args.cycle.path(path.constant));
  const options = readOptions(args);
  if (absolute.constant !== undefined) args.cycle.get(accessLogPaths).set(absolute.constant, options);
  const condition = args.named("if", 1);
  return [
    {
      format: formatOf(args),
      condition: condition && args.compile(condition.text, condition.place),
      path: absolute,
      options,
      file: undefined,
    },
  ];
}

function syslogAccess(args: Arguments, target: string): AccessLog {
  checkSyslog(args, target);
  const condition = args.named("if", 1);
  return {
    format: formatOf(args),
    condition: condition && args.compile(condition.text, condition.place),
    path: constantValue(target),
    options: unbuffered,
    file: undefined,
  };
}

const unbuffered: FileOptions = { bufferBytes: 0, flushMs: 0, gzip: 0 };

function defaultLog(cycle: Cycle): AccessLog {
  const path = cycle.path("logs/access.log");
  cycle.get(accessLogPaths).set(path, unbuffered);
  return {
    file: undefined,
    format: combinedFormat(cycle),
    condition: undefined,
    path: constantValue(path),
    options: unbuffered,
  };
}

function combinedFormat(cycle: Cycle): LogFormat {
  const known = cycle.get(formats);
  let format = known.get("combined");
  if (!format) known.set("combined", (format = compileFormat(combined, "default", cycle.variables, undefined)));
  return format;
}

function formatOf(args: Arguments): LogFormat {
  const known = args.cycle.get(formats);
  const named = args.has(1) && !/^(?:buffer|gzip|flush|if)(?:=|$)/.test(args.text(1)) ? args.text(1) : "combined";
  if (named === "combined") return combinedFormat(args.cycle);
  const format = known.get(named);
  if (!format)
    throw args.wrong(1, `unknown log format "${named}"`, `a log_format above it: ${[...known.keys()].join(", ")}`);
  return format;
}

function readOptions(args: Arguments): FileOptions {
  let bufferBytes = 0;
  let flushMs = 0;
  let gzip = 0;
  for (let i = 2; i < args.count; i++) {
    const [key, setting] = args.text(i).split(/=(.*)/s) as [string, string | undefined];
    if (key === "if") continue;
    const level = Number(setting ?? 1);
    if (key === "buffer") bufferBytes = parseSize(setting ?? "") || fail(args, i);
    else if (key === "flush") flushMs = parseTimeMs(setting ?? "") || fail(args, i);
    else if (key === "gzip" && Number.isInteger(level) && level >= 1 && level <= 9) gzip = level;
    else fail(args, i);
  }
  if (gzip > 0) bufferBytes ||= 64 * 1024;
  // A buffer without a time waits until it is full, as in nginx; lines without a buffer leave at once.
  return { bufferBytes, flushMs: flushMs || (bufferBytes > 0 ? Number.POSITIVE_INFINITY : 0), gzip };
}

function fail(args: Arguments, index: number): never {
  throw args.invalidParameter(index, "buffer=size, flush=time, gzip[=level] or if=condition");
}

function write(request: Request, access: AccessLog): void {
  if (access.condition) {
    const value = access.condition.evaluate(request);
    if (value === "" || value === "0") return;
  }
  if (access.path.constant === undefined) return writeToNamed(request, access);
  writeTo((access.file ??= accessLogFiles.open(access.path.constant, access.options)), request, access);
}

function writeTo(file: LogSink, request: Request, access: AccessLog): void {
  access.format(request, file.begin());
  file.commit();
}

/** A name with variables may lead anywhere: what cannot be opened costs the line, not the request. */
function writeToNamed(request: Request, access: AccessLog): void {
  const path = access.path.evaluate(request);
  try {
    writeTo(accessLogFiles.open(path, access.options), request, access);
  } catch (error) {
    request.log("crit", `open() "${path}" failed (${describeErrno(error)}) while logging request`);
  }
}
