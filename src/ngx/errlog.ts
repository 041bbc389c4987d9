import type { LogLevel } from "../core/log.ts";

/** One line of the error log. */
export interface LogEntry {
  readonly level: LogLevel;
  /** Seconds since 1970, with milliseconds. */
  readonly time: number;
  readonly message: string;
}

let bytesMax = 0;
let bytes = 0;
const entries: LogEntry[] = [];

/** Keeps the last lines of this worker, so many bytes of them; 0 keeps none. */
export function keepLogs(size: number): void {
  bytesMax = size;
  trim();
}

/** Called for every line that is written. */
export function noteLog(level: LogLevel, message: string): void {
  if (bytesMax === 0) return;
  entries.push({ level, time: Date.now() / 1000, message });
  bytes += message.length;
  trim();
}

function trim(): void {
  while (bytes > bytesMax && entries.length > 0) bytes -= entries.shift()!.message.length;
}

/** Takes lines out, the oldest first. @param max 0 is all of them */
export function getLogs(max = 0): LogEntry[] {
  const taken = entries.splice(0, max > 0 ? max : entries.length);
  for (const { message } of taken) bytes -= message.length;
  return taken;
}
