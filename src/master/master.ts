/** The master process: it loads, opens, spawns, and from then on only listens to signals. */
import { compileAsUsual } from "../std/jit.ts";
import { hasLibc } from "../std/libc.ts";
import { setProcessTitle } from "../std/posix.ts";
import type { LoadResult, Log, MasterSettings } from "./contract.ts";
import { becomeDaemon, isDaemon, leaveStarter, notifySystemd } from "./daemon.ts";
import { prepareLogFiles, processIdentity, raiseFileLimit, withinPlatform } from "./limits.ts";
import { Listeners } from "./listeners.ts";
import { alreadyRunning, PidFile, runningPid } from "./pid.ts";
import { Pool } from "./pool.ts";
import { type ActionSignal, signalActions, signalNumber } from "./signals.ts";
import type { Spares } from "./spares.ts";
import { formerMasterLives, takesOver, Upgrade } from "./upgrade.ts";

export interface MasterOptions {
  /** Reads and validates the configuration: at the start, and again on each SIGHUP. */
  load(): Promise<LoadResult>;
  /** The command that starts a worker, which calls `runWorker`. */
  workerArgv(): string[];
  /** Workers that `load` may have started already; what is left of them is ended. */
  spares?: Spares;
  /** The command that starts this program again, with the arguments it was started with. */
  selfArgv: string[];
  log: Log;
  /** Settings that are in force from now on, at the start before the first line is logged: open their error logs. */
  onSettings?(settings: MasterSettings): void;
  /** Closes the error logs and opens them again, on SIGUSR1. Workers are told on their own. */
  reopenLogs(): void;
}

/**
 * Runs the master until it is told to stop. Everything that goes wrong at the start is said on standard error.
 * @returns The exit code: 0 when it was stopped, 1 when it never came up.
 */
export async function runMaster(options: MasterOptions): Promise<number> {
  try {
    return await loadAndRun(options);
  } finally {
    await options.spares?.end();
  }
}

async function loadAndRun(options: MasterOptions): Promise<number> {
  const loaded = await options.load();
  if (!loaded.ok) return complain(loaded.text);
  const settings = withinPlatform(loaded.settings, options.log);
  const other = runningPid(settings.pidFile);
  if (other !== undefined) return complain(`resty: [emerg] ${alreadyRunning(settings.pidFile, other)}`);
  if (settings.daemon && !isDaemon() && !takesOver) return becomeDaemon(options.selfArgv);
  return new Master(options).run(settings, loaded.snapshot);
}

function complain(text: string): number {
  process.stderr.write(text.endsWith("\n") ? text : `${text}\n`);
  return 1;
}

class Master {
  readonly #log: Log;
  readonly #listeners: Listeners;
  readonly #pool: Pool;
  readonly #upgrade: Upgrade;
  readonly #started = Promise.withResolvers<void>();
  readonly #stopped = Promise.withResolvers<void>();
  #settings!: MasterSettings;
  #generation = 1;
  #pidFile: PidFile | undefined;
  #stopping: "quit" | "terminate" | undefined;
  /** A reload is under way; another one was asked for since. */
  #reloading = false;
  #reloadAgain = false;

  constructor(private readonly options: MasterOptions) {
    this.#log = options.log;
    this.#listeners = new Listeners(this.#log, process.env);
    this.#upgrade = new Upgrade(options.selfArgv, this.#listeners, this.#log);
    this.#pool = new Pool({ ...options, listeners: this.#listeners });
  }

  async run(settings: MasterSettings, snapshot: unknown): Promise<number> {
    this.#settings = settings;
    // Bun spins when a promise is awaited and nothing else is alive, as between two workers.
    const alive = setInterval(() => {}, 0x3fffffff);
    for (const signal of Object.keys(signalActions) as ActionSignal[]) process.on(signal, () => this.#onSignal(signal));
    try {
      const failure = await this.#start(settings, snapshot);
      this.#started.resolve();
      if (failure !== undefined && this.#stopping === undefined) {
        await this.#pool.terminate();
        return this.#fail(failure);
      }
      if (failure === undefined) this.#announce();
      compileAsUsual();
      await this.#stopped.promise;
      this.#log("notice", "exit");
      return 0;
    } finally {
      this.#closeListeners();
      this.#pidFile?.remove();
      clearInterval(alive);
    }
  }

  /** @returns What is in the way of serving, or undefined when all workers do. */
  async #start(settings: MasterSettings, snapshot: unknown): Promise<string | undefined> {
    try {
      prepareLogFiles(settings);
      this.options.onSettings?.(settings);
      raiseFileLimit(settings, this.#log);
      const opening = await this.#listeners.open(settings.listens, settings.workerProcesses);
      this.#listeners.awaitFirst(settings.workerProcesses);
      const refusal = await this.#pool.start({ number: this.#generation, settings, snapshot });
      void this.options.spares?.end();
      if (refusal !== undefined) return refusal;
      if (this.#stopping !== undefined) return "stopped before it was up";
      opening.commit();
      this.#pidFile = PidFile.write(settings.pidFile);
    } catch (error) {
      return (error as Error).message;
    }
    return undefined;
  }

  #announce(): void {
    if (hasLibc) setProcessTitle(`resty: master process ${this.options.selfArgv.join(" ")}`);
    leaveStarter(this.#settings);
    notifySystemd(`READY=1\nMAINPID=${process.pid}`, this.#log);
  }

  #fail(text: string): number {
    this.#log("emerg", text);
    if (this.#settings.errorLog.some(({ file }) => file === "stderr")) return 1; // it has been said there
    return complain(`resty: [emerg] ${text}`);
  }

  #onSignal(signal: ActionSignal): void {
    // A terminal's resizing must not stop the workers of a master in its foreground.
    if (signal === "SIGWINCH" && !this.#settings.daemon && process.stderr.isTTY) return;
    this.#log("notice", `signal ${signalNumber(signal)} (${signal}) received, ${signalActions[signal]}`);
    switch (signal) {
      case "SIGTERM":
      case "SIGINT":
        return void this.#terminate();
      case "SIGQUIT":
        return void this.#quit();
      case "SIGHUP":
        return void this.#reload();
      case "SIGUSR1":
        return this.#reopen();
      case "SIGWINCH":
        return void this.#pool.quit();
      case "SIGUSR2":
        if (this.#pidFile !== undefined && this.#stopping === undefined) this.#upgrade.start(this.#pidFile);
        return;
    }
  }

  async #terminate(): Promise<void> {
    if (this.#stopping === "terminate") return;
    notifySystemd("STOPPING=1", this.#log);
    this.#stopping = "terminate";
    await this.#pool.terminate();
    this.#stopped.resolve();
  }

  async #quit(): Promise<void> {
    if (this.#stopping !== undefined) return;
    notifySystemd("STOPPING=1", this.#log);
    this.#stopping = "quit";
    const gone = this.#pool.quit();
    // Workers have their own descriptors of the sockets, and close them when the queues are empty.
    this.#closeListeners();
    await gone;
    this.#stopped.resolve();
  }

  #closeListeners(): void {
    this.#listeners.close(this.#upgrade.underWay || formerMasterLives());
  }

  #reopen(): void {
    try {
      prepareLogFiles(this.#settings);
    } catch (error) {
      this.#log("emerg", (error as Error).message);
    }
    this.options.reopenLogs();
    this.#pool.reopen();
  }

  async #reload(): Promise<void> {
    if (this.#stopping !== undefined) return;
    this.#reloadAgain = true;
    if (this.#reloading) return;
    this.#reloading = true;
    await this.#started.promise;
    try {
      while (this.#reloadAgain && this.#stopping === undefined) {
        this.#reloadAgain = false;
        const refusal = await this.#reloadOnce();
        if (refusal !== undefined) this.#log("emerg", refusal);
      }
    } finally {
      this.#reloading = false;
    }
  }

  /** @returns Why the old generation goes on serving, or undefined. */
  async #reloadOnce(): Promise<string | undefined> {
    try {
      const loaded = await this.options.load();
      if (!loaded.ok) return loaded.text;
      const { snapshot } = loaded;
      const settings = withinPlatform(loaded.settings, this.#log);
      prepareLogFiles(settings);
      raiseFileLimit(settings, this.#log);
      const opening = await this.#listeners.open(settings.listens, settings.workerProcesses);
      const next = { number: ++this.#generation, settings, snapshot };
      const sameProcesses = processIdentity(settings) === processIdentity(this.#settings);
      const refusal = await (sameProcesses ? this.#pool.reload(next) : this.#pool.replace(next));
      if (refusal !== undefined) {
        opening.rollback();
        return refusal;
      }
      opening.commit();
      this.#use(settings);
      this.#log("notice", `generation ${next.number} serves`);
    } catch (error) {
      return (error as Error).message;
    }
    return undefined;
  }

  #use(settings: MasterSettings): void {
    if (this.#pidFile !== undefined && settings.pidFile !== this.#settings.pidFile) {
      const old = this.#pidFile;
      this.#pidFile = PidFile.write(settings.pidFile);
      old.remove();
    }
    this.#settings = settings;
    this.options.onSettings?.(settings);
  }
}
