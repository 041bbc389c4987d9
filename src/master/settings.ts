import { readFileSync } from "node:fs";
import type { Place } from "../core/diagnostic.ts";
import type { Level } from "../core/level.ts";
import { ConfigError } from "../core/arguments.ts";
import type { Plan } from "../core/plan.ts";
import type { ConfigurationChoice } from "../runtime/load.ts";
import { errorLog, errorLogPaths } from "../modules/error_log/error_log.ts";
import { accessLogPaths } from "../modules/log/log.ts";
import { mainModule } from "../modules/main/main.ts";
import type { MasterSettings, ProcessUser } from "./contract.ts";
import { isDaemon } from "./daemon.ts";
import { takesOver } from "./upgrade.ts";

/** Which workers the directives ask for, before anything else is made of them; undefined where none start yet. */
export function workersOf(main: Level): { count: number; env: Record<string, string> } | undefined {
  const { master_process, worker_processes, daemon, env } = mainModule.at(main);
  if (daemon && !isDaemon() && !takesOver) return undefined; // another process will have them
  return { count: master_process ? worker_processes : 1, env: environment(env) };
}

/** What the master has to know of a configuration. @throws ConfigError for what only the system can say is wrong */
export function masterSettings(
  { plan, main }: { plan: Plan; main: Level },
  choice: ConfigurationChoice,
): MasterSettings {
  const conf = mainModule.at(main);
  const events = main.children.find((level) => level.context === "events");
  const { cycle } = plan;
  const logs = errorLog.at(main).error_log.map(({ path, level }) => ({ file: path, level }));
  const errorTargets = logs.length > 0 ? logs : [{ file: defaultErrorLog(choice), level: "error" as const }];
  const files = new Set([
    ...errorTargets.map(({ file }) => file),
    ...cycle.get(errorLogPaths),
    ...cycle.get(accessLogPaths).keys(),
  ]);
  return {
    prefix: choice.prefix,
    pidFile: cycle.path(conf.pid),
    workerProcesses: conf.master_process ? conf.worker_processes : 1,
    daemon: conf.daemon,
    masterProcess: conf.master_process,
    ...(conf.user && process.getuid?.() === 0 ? { user: userOf(conf.user) } : {}),
    ...(conf.worker_rlimit_nofile > 0 ? { rlimitNofile: conf.worker_rlimit_nofile } : {}),
    ...(conf.worker_rlimit_core > 0 ? { rlimitCore: conf.worker_rlimit_core } : {}),
    workerConnections: mainModule.at(events ?? main).worker_connections,
    ...(conf.worker_priority !== 0 ? { priority: conf.worker_priority } : {}),
    ...affinity(conf.worker_cpu_affinity[0]),
    shutdownTimeoutMs: conf.worker_shutdown_timeout,
    workerStallTimeoutMs: conf.worker_stall_timeout,
    env: environment(conf.env),
    listens: plan.listeners.map(({ spec }) => spec),
    errorLog: errorTargets,
    logFiles: [...files].filter((file) => file !== "stderr" && !/^(?:\/dev\/std|syslog:|memory:)/.test(file)),
  };
}

/** Where errors go before the configuration says so, and when it never does. */
export function defaultErrorLog(choice: ConfigurationChoice): string {
  const { errorLog: path = "logs/error.log", prefix } = choice;
  return path === "stderr" || path.startsWith("/") ? path : prefix + path;
}

/** As nginx: workers see TZ and what `env` names, and nothing else of the master's environment. */
function environment(declared: readonly string[]): Record<string, string> {
  const env: Record<string, string> = {};
  for (const entry of ["TZ", ...declared]) {
    const equals = entry.indexOf("=");
    const name = equals < 0 ? entry : entry.slice(0, equals);
    const value = equals < 0 ? process.env[name] : entry.slice(equals + 1);
    if (value !== undefined) env[name] = value;
  }
  return env;
}

/** `auto`, or a mask of CPUs a worker, the lowest CPU rightmost. */
function affinity(words: readonly string[] | undefined): Pick<MasterSettings, "cpuAffinity"> {
  if (!words) return {};
  if (words[0] === "auto") return { cpuAffinity: "auto" };
  return { cpuAffinity: words.map((mask) => [...mask].reverse().flatMap((bit, cpu) => (bit === "1" ? [cpu] : []))) };
}

function userOf(user: {
  readonly name: string;
  readonly group: string | undefined;
  readonly place: Place;
}): ProcessUser {
  const entry = databaseEntry("/etc/passwd", user.name);
  if (!entry) throw new ConfigError(`getpwnam("${user.name}") failed`, user.place, "a user of this system");
  const group = user.group === undefined ? undefined : databaseEntry("/etc/group", user.group);
  if (user.group !== undefined && !group)
    throw new ConfigError(`getgrnam("${user.group}") failed`, user.place, "a group of this system");
  return { name: user.name, uid: Number(entry[2]), gid: Number(group ? group[2] : entry[3]) };
}

function databaseEntry(file: string, name: string): string[] | undefined {
  for (const line of readFileSync(file, "utf8").split("\n")) {
    const fields = line.split(":");
    if (fields[0] === name) return fields;
  }
  return undefined;
}
