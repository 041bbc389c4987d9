import type { Mysql } from "../clients/mysql.ts";
import type { Redis } from "../clients/redis.ts";
import type { Sqlite } from "../clients/sqlite.ts";
import { counter, sumOf } from "../core/counters.ts";
import type { LogLevel } from "../core/log.ts";
import { asHost } from "../std/host_context.ts";
import { version } from "../std/version.ts";
import { Generation } from "./generation.ts";
import { constants } from "./constants.ts";
import { refuse, type Restricted, type ScriptPhase } from "./phases.ts";
import type { SharedZones } from "./shared.ts";
import type { TimerApi } from "./timer.ts";
import * as encoding from "./encoding.ts";
import * as re from "./re.ts";
import { Semaphore } from "./semaphore.ts";
import { SocketApi } from "./socket/api.ts";
import { defaultSocketOptions } from "./socket/tcp.ts";
import { getLogs } from "./errlog.ts";
import * as time from "./time.ts";

/** OpenResty's numbers for the levels of the error log, and nginx's names for them. */
const levelNames: readonly LogLevel[] = [
  "stderr",
  "emerg",
  "alert",
  "crit",
  "error",
  "warn",
  "notice",
  "info",
  "debug",
];

export type Level = number | LogLevel;

/** Text of what a script prints or logs: as OpenResty's, and objects as JSON. */
export function textOf(values: readonly unknown[]): string {
  if (values.length === 1 && typeof values[0] === "string") return values[0];
  let text = "";
  for (const value of values) text += textOfOne(value);
  return text;
}

function textOfOne(value: unknown): string {
  if (typeof value === "string") return value;
  if (Array.isArray(value)) return textOf(value);
  if (value instanceof Error) return value.stack ?? String(value);
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.length).toString();
  if (typeof value === "object" && value !== null) return JSON.stringify(value) ?? String(value);
  return String(value);
}

/** Figures of `stub_status`, by nginx's names. */
export type Connections = Readonly<
  Record<"active" | "accepts" | "handled" | "requests" | "reading" | "writing" | "waiting", number>
>;

/** What a script may use without a request: in timers, `init_worker`, and wherever a module imports `ngx`. */
export class WorkerNgx {
  /**
   * The generation that the calling code belongs to.
   * @internal
   */
  get generation(): Generation {
    return Generation.current();
  }

  get shared(): SharedZones {
    return this.generation.shared;
  }

  /** `redis NAME …` of the configuration; undefined where there is none, or its `url=$VARIABLE` is not set. */
  redis(name: string): Redis | undefined {
    return this.generation.stores.redis.get(name);
  }

  /** `mysql NAME …` or `sqlite NAME …` of the configuration; `kind` tells which. Undefined where there is none. */
  db(name: string): Mysql | Sqlite | undefined {
    return this.generation.stores.databases.get(name);
  }

  /** What a module's directives say that only scripts read: `ngx.settings("session")`. */
  settings(module: string): object | undefined {
    return this.generation.stores.settings.get(module);
  }

  /** What `stub_status` shows: of all workers, since the server started. */
  connections(): Connections {
    const [active, reading, writing] = [sumOf(counter.active), sumOf(counter.reading), sumOf(counter.writing)];
    return {
      active,
      accepts: sumOf(counter.accepted),
      handled: sumOf(counter.handled),
      requests: sumOf(counter.requests),
      reading,
      writing,
      waiting: Math.max(0, active - reading - writing),
    };
  }

  get timer(): TimerApi {
    return this.generation.timers.api;
  }

  get worker(): Generation["worker"] {
    return this.generation.worker;
  }

  /** PCRE's regular expressions on UTF-8, as OpenResty's; JavaScript's own are there as well. */
  get re(): typeof re {
    return re;
  }

  /** TCP, UNIX-domain and UDP sockets: `const socket = ngx.socket.tcp(); await socket.connect(…)`. */
  get socket(): SocketApi {
    return new SocketApi(defaultSocketOptions);
  }

  get config(): { readonly subsystem: "http"; readonly debug: false; readonly version: string; prefix(): string } {
    return { subsystem: "http", debug: false, version, prefix: () => this.generation.prefix };
  }

  /** Lines of the error log that `lua_capture_error_log` keeps. */
  get errlog(): typeof errlogApi {
    return errlogApi;
  }

  /** An HTTP request to anywhere: the platform's own `fetch`. */
  get fetch(): typeof fetch {
    return fetch;
  }

  /** `ngx.semaphore.new(2)`. */
  get semaphore(): typeof semaphoreApi {
    return semaphoreApi;
  }

  /** Writes to the error log: `ngx.log(ngx.ERR, "text", value)`, or `ngx.log("error", …)`. */
  log(level: Level, ...values: unknown[]): void {
    asHost(writeLog, this.generation, levelName(level), textOf(values));
  }

  /** Resolves after so many seconds, to the millisecond. */
  sleep(seconds: number): Promise<void> {
    if (!(seconds >= 0)) throw new RangeError(`ngx.sleep cannot wait ${seconds} seconds`);
    return Bun.sleep(seconds * 1000);
  }
}

const errlogApi = { getLogs };

const semaphoreApi = { new: (resources?: number): Semaphore => new Semaphore(resources) };

function writeLog(generation: Generation, level: LogLevel, message: string): void {
  generation.log(level, message);
}

export function levelName(level: Level): LogLevel {
  const name = typeof level === "number" ? levelNames[level] : level;
  if (name === undefined || !levelNames.includes(name)) throw new RangeError(`there is no log level ${String(level)}`);
  return name;
}

/** What only requests have, and what the table of phases calls it. */
const ofRequests = {
  arg: "ngx.arg",
  ctx: "ngx.ctx",
  eof: "ngx.eof",
  exec: "ngx.exec",
  exit: "ngx.exit",
  flush: "ngx.flush",
  header: "ngx.header",
  location: "ngx.location.capture",
  onAbort: "ngx.onAbort",
  print: "ngx.print",
  redirect: "ngx.redirect",
  req: "ngx.req",
  resp: "ngx.resp",
  say: "ngx.say",
  sendEvent: "ngx.print",
  sendHeaders: "ngx.sendHeaders",
  status: "ngx.status",
  var: "ngx.var",
  websocket: "ngx.websocket",
} as const satisfies Record<string, Restricted>;

for (const [name, what] of Object.entries(ofRequests)) {
  const refused = function (this: { getPhase?: () => ScriptPhase }): never {
    refuse(what, this.getPhase?.() ?? "outside");
  };
  Object.defineProperty(WorkerNgx.prototype, name, { get: refused, set: refused, configurable: true });
}

type Constants = typeof constants & typeof encoding & typeof time;
export interface WorkerNgx extends Readonly<Constants> {}
Object.assign(WorkerNgx.prototype, constants, encoding, time);
