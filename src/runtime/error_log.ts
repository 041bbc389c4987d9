import type { LogLevel } from "../core/log.ts";
import type { Request } from "../core/request.ts";
import { requestLine } from "../modules/core/request_line.ts";
import { type ErrorLogTarget, errorLog, reaches } from "../modules/error_log/error_log.ts";
import { noteLog } from "../ngx/errlog.ts";
import { errorLogTime } from "../std/clock.ts";
import type { LogSink } from "../std/log_file.ts";

/** Opens the logs of a process and writes lines as nginx forms them. */
export class ErrorLogs {
  readonly #files = new Map<string, LogSink>();

  constructor(private readonly open: (path: string) => LogSink) {}

  write(targets: readonly ErrorLogTarget[], level: LogLevel, message: string): void {
    noteLog(level, message);
    let line: string | undefined;
    for (const target of targets) {
      if (!reaches(level, target.level)) continue;
      line ??= `${errorLogTime(new Date())} [${level}] ${process.pid}#${process.pid}: ${oneLine(message)}\n`;
      this.file(target.path).write(line, level);
    }
  }

  writeFor(request: Request, level: LogLevel, message: string, upstream?: string): void {
    const targets = errorLog.of(request).error_log;
    if (!targets.some((target) => reaches(level, target.level))) return;
    this.write(targets, level, `*${request.exchange.connection.number} ${message}${contextOf(request, upstream)}`);
  }

  file(path: string): LogSink {
    let file = this.#files.get(path);
    if (!file) this.#files.set(path, (file = this.open(path)));
    return file;
  }

  reopen(): void {
    for (const file of this.#files.values()) file.reopen();
  }

  flush(): void {
    for (const file of this.#files.values()) file.flush();
  }
}

function contextOf(request: Request, upstream: string | undefined): string {
  const { main } = request;
  let context = `, client: ${main.remoteAddress}, server: ${main.server.name}, request: "${requestLine(request)}"`;
  if (request !== main) context += `, subrequest: "${request.uri}"`;
  if (upstream !== undefined) context += `, upstream: "${upstream}"`;
  const host = main.header("host");
  if (host !== undefined) context += `, host: "${host}"`;
  const referrer = main.header("referer");
  if (referrer !== undefined) context += `, referrer: "${referrer}"`;
  return context;
}

/** A line of the log is one message: what came from outside cannot forge another. */
function oneLine(message: string): string {
  return /[\0-\x1f\x7f]/.test(message)
    ? message.replace(/[\0-\x08\x0a-\x1f\x7f]/g, (c) =>
        c === "\n" ? "\n  " : `\\x${c.charCodeAt(0).toString(16).padStart(2, "0").toUpperCase()}`,
      )
    : message;
}
