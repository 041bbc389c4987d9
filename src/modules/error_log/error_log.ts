import type { Arguments } from "../../core/arguments.ts";
import { cycleKey } from "../../core/cycle.ts";
import { type LogLevel, logLevels } from "../../core/log.ts";
import { defineModule, list } from "../../core/module.ts";
import { parseSyslog } from "../../std/syslog.ts";
import { parseSize } from "../../std/units.ts";

/** One `error_log`: where, and from which level up. */
export interface ErrorLogTarget {
  /** Absolute path, "stderr", `memory:…`, or `syslog:…`. */
  readonly path: string;
  readonly level: LogLevel;
}

/** A log that keeps no line is a mistake. */
const memoryBytesMin = 1024;

/** Every file that some `error_log` names; opened by whoever writes to them. */
export const errorLogPaths = cycleKey<Set<string>>("error_log", () => new Set());

/** nginx's core directive of that name, which is inherited through all levels. */
export const errorLog = defineModule({
  name: "error_log",
  directives: {
    error_log: list<ErrorLogTarget>({
      contexts: ["main", "http", "server", "location"],
      args: [1, 2],
      syntax: "file | stderr | memory:size | syslog:... [level]",
      read(args) {
        const level = args.has(1) ? args.choice(1, logLevels.slice(1) as readonly LogLevel[]) : "error";
        const name = args.text(0);
        if (name.startsWith("memory:")) {
          const size = name.slice("memory:".length);
          if ((parseSize(size) ?? 0) < memoryBytesMin)
            throw args.wrong(0, `invalid buffer size "${size}"`, "a size from 1k, such as 32m");
          return { path: name, level };
        }
        if (name.startsWith("syslog:")) {
          checkSyslog(args, name);
          return { path: name, level };
        }
        const path = name === "stderr" ? "stderr" : args.cycle.path(name);
        args.cycle.get(errorLogPaths).add(path);
        return { path, level };
      },
    }),
  },
});

/** @throws ConfigError for a `syslog:` target that is wrong */
export function checkSyslog(args: Arguments, target: string): void {
  const options = parseSyslog(target);
  if (typeof options === "string")
    throw args.wrong(0, options, "syslog:server=HOST[:PORT] with facility=, severity=, tag= or nohostname");
}

const rank = new Map(logLevels.map((level, i) => [level, i]));

/** Is a message of `level` for a log of that threshold? */
export function reaches(level: LogLevel, threshold: LogLevel): boolean {
  return rank.get(level)! <= rank.get(threshold)!;
}
