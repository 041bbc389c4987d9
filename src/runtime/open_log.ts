import { MemoryLog } from "../shm/memory_log.ts";
import { LogFile, type LogFailure, type LogSink } from "../std/log_file.ts";
import { parseSyslog, Syslog } from "../std/syslog.ts";
import { parseSize } from "../std/units.ts";

/** Opens what a log directive names: a file, "stderr", `memory:…`, `syslog:…`. @throws when a file cannot be opened */
export function openLog(target: string, onFailure?: LogFailure): LogSink {
  if (target === "stderr") return new LogFile("/dev/stderr");
  if (target.startsWith("memory:")) {
    const size = target.slice("memory:".length);
    return new MemoryLog(size, parseSize(size)!);
  }
  if (!target.startsWith("syslog:")) return new LogFile(target, onFailure);
  const options = parseSyslog(target);
  if (typeof options === "string") throw new Error(options);
  return new Syslog(options);
}
