import type { Diagnostic } from "../core/diagnostic.ts";
import type { Level } from "../core/level.ts";
import type { LogLevel } from "../core/log.ts";
import type { LoadResult, Log, MasterSettings } from "../master/contract.ts";
import type { Snapshot } from "../master/http_worker.ts";
import { runMaster } from "../master/master.ts";
import { defaultErrorLog, workersOf } from "../master/settings.ts";
import { Spares } from "../master/spares.ts";
import { removeCounters } from "../master/counters.ts";
import { MasterZones } from "../master/zones.ts";
import { errorFileVariable } from "../modules/ts/watch_page.ts";
import { ErrorLogs } from "../runtime/error_log.ts";
import type { ConfigurationChoice } from "../runtime/load.ts";
import { openLog } from "../runtime/open_log.ts";
import { load, render } from "./load.ts";
import { selfArgv, workerArgv } from "./self.ts";
import type { Watch } from "./watch.ts";

/** What development needs of the workers: one that listens for a debugger; to know where errors are told. */
function forDevelopment(
  settings: MasterSettings,
  inspect: string | undefined,
  watching: Watch | undefined,
): MasterSettings {
  const env = { ...settings.env };
  if (watching) env[errorFileVariable] = watching.errorFile;
  if (inspect === undefined) return { ...settings, env };
  return { ...settings, workerProcesses: 1, env: { ...env, BUN_INSPECT: `ws://${inspect}/resty` } };
}

/** A line of the error log for each error, as nginx words it: with the place at its end. */
function logErrors(list: readonly Diagnostic[], write: (message: string) => void): void {
  for (const { severity, message, place } of list)
    if (severity === "emerg") write(place ? `${message} in ${place.file}:${place.line}` : message);
}

export interface ServeOptions {
  /** Reload when a file is saved. */
  readonly watch?: boolean;
  /** Where a debugger can attach, `host:port`: then there is one worker. */
  readonly inspect?: string | undefined;
}

/** Runs the server under a master until it is told to stop. @returns the exit code */
export async function serve(choice: ConfigurationChoice, options: ServeOptions = {}): Promise<number> {
  const logs = new ErrorLogs((path) => openLog(path));
  // Until the configuration says otherwise; with -e it is there, and holds what went wrong, even if nothing loads.
  let targets: { path: string; level: LogLevel }[] = choice.errorLog
    ? [{ path: defaultErrorLog(choice), level: "error" }]
    : [];
  let first = true;
  const watching = options.watch
    ? new (await import("./watch.ts")).Watch(
        choice.file,
        () => process.kill(process.pid, "SIGHUP"),
        (text) => void process.stderr.write(text),
      )
    : undefined;
  const log: Log = (level, message) => {
    logs.write(targets, level, message);
    logs.flush();
    if (level === "emerg") watching?.refused(message);
  };
  const zones = new MasterZones(log);
  const spares = new Spares(workerArgv);
  const startSpares = (main: Level): void => {
    const workers = workersOf(main);
    // More than there are processors for would only hold each other up, and the master.
    if (workers) spares.start(Math.min(workers.count, Math.max(1, navigator.hardwareConcurrency - 1)), workers.env);
  };
  const forDeveloper = options.watch === true || options.inspect !== undefined;
  let pidFile = "";
  let openZones: (() => void) | undefined;
  const exitCode = await runMaster({
    async load(): Promise<LoadResult> {
      const { loaded, settings, text } = load(choice, first && !forDeveloper ? startSpares : undefined);
      if (!settings) {
        logErrors(loaded.diagnostics.list, (message) => logs.write(targets, "emerg", message));
        logs.flush();
        return { ok: false, text };
      }
      if (watching) {
        watching.follow(loaded.plan, loaded.sources.keys());
        const { checkHandlers } = await import("../modules/ts/check.ts");
        const found = await checkHandlers(loaded.plan);
        if (found.length > 0) return { ok: false, text: render(found, loaded) };
      }
      if (first && text !== "") process.stderr.write(text);
      openZones = () => zones.open(loaded.plan.cycle, settings.user);
      // At the start this is not yet the process that stays, if it is to be a daemon.
      if (!first) openZones();
      first = false;
      const snapshot: Snapshot = { choice, sources: loaded.sources, files: loaded.plan.cycle.files };
      return { ok: true, settings: forDevelopment(settings, options.inspect, watching), snapshot };
    },
    workerArgv,
    spares,
    selfArgv: selfArgv(...process.argv.slice(2)),
    log,
    onSettings: (settings) => {
      if (pidFile === "") {
        removeCounters(process.pid);
        openZones?.();
      }
      pidFile = settings.pidFile;
      zones.use();
      watching?.served();
      targets = settings.errorLog.map(({ file, level }) => ({ path: file, level }));
    },
    reopenLogs: () => logs.reopen(),
  });
  watching?.close();
  zones.end(pidFile);
  removeCounters(process.pid);
  return exitCode;
}
