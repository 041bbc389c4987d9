import type { Plan } from "../core/plan.ts";
import { readFromSources, type Sources } from "../config/sources.ts";
import { accessLogFiles } from "../modules/log/log.ts";
import { workerProcess } from "../ngx/generation.ts";
import { type RawConnections, RawConnections as Connections, serveRaw } from "../runtime/adapters/raw.ts";
import { HttpEngine } from "../runtime/engine.ts";
import { ErrorLogs } from "../runtime/error_log.ts";
import { type ConfigurationChoice, loadConfiguration } from "../runtime/load.ts";
import { openLog } from "../runtime/open_log.ts";
import { listenOn, pauseAccepting, resumeAccepting, stopListening } from "./adopt.ts";
import type { MasterSettings, PreparedGeneration, WorkerListener } from "./contract.ts";
import { shareCounters } from "./counters.ts";
import { runWorker, type WorkerGeneration } from "./worker.ts";

/** What the master sends of a configuration it has found good: the worker compiles the same bytes. */
export interface Snapshot {
  readonly choice: ConfigurationChoice;
  readonly sources: Sources;
}

/** An open address and whoever serves it now; a reload changes `plan` under the same socket. */
interface Open {
  readonly listener: WorkerListener;
  readonly server: Bun.Server<undefined>;
  plan: Plan;
}

/** A worker process: serves generation after generation until the master says quit. */
export class HttpWorker {
  readonly #connections: RawConnections = new Connections();
  readonly #logs: ErrorLogs;
  readonly #engine: HttpEngine;
  readonly #open = new Map<string, Open>();
  #settings: MasterSettings | undefined;
  /** What new requests are served with. */
  #plan: Plan | undefined;

  constructor() {
    this.#logs = new ErrorLogs((path) => openLog(path, (failed, error) => this.#logFailed(failed, error)));
    this.#engine = new HttpEngine(this.#logs);
    accessLogFiles.onFailure = (path, error) => this.#logFailed(path, error);
    this.#connections.onFull = (full) => this.#accept(!full);
  }

  run(): void {
    process.on("uncaughtException", (error) => this.#alert(`uncaught exception: ${error.stack ?? error.message}`));
    process.on("unhandledRejection", (reason) =>
      this.#alert(`unhandled rejection: ${reason instanceof Error ? (reason.stack ?? reason.message) : Bun.inspect(reason)}`),
    );
    runWorker({
      onStart: (slot, settings) => {
        this.#settings = settings;
        shareCounters(process.ppid, slot);
      },
      onGeneration: (generation) => this.#prepare(generation),
      onQuit: () => this.#quit(),
      onTerminate: () => this.#flush(),
      onReopen: () => {
        this.#flush(); // what was written before the rotation belongs to the old files
        this.#logs.reopen();
        accessLogFiles.reopen();
      },
    });
  }

  async #prepare({ snapshot, listeners, settings, slot }: WorkerGeneration): Promise<PreparedGeneration> {
    const { choice, sources } = snapshot as Snapshot;
    const { plan, diagnostics } = loadConfiguration(choice, readFromSources(sources));
    const failure = diagnostics.list.find(({ severity }) => severity === "emerg");
    if (failure) throw new Error(failure.message);
    plan.cycle.log = (level, message) => this.#logs.write(this.#targets(), level, message);
    workerProcess.slot = slot;
    workerProcess.count = settings.workerProcesses;
    try {
      await plan.cycle.start();
    } catch (error) {
      await plan.cycle.end(); // what was started goes again
      throw error;
    }
    return {
      activate: () => this.#activate(plan, listeners, settings),
      discard: () => void plan.cycle.end(),
    };
  }

  /** A process without descriptors left spins in accept: connections wait in the socket's queue instead. */
  #accept(accept: boolean): void {
    if (!accept) {
      const count = this.#settings?.workerConnections ?? 0;
      this.#logs.write(this.#targets(), "warn", `${count} worker_connections are in use; new ones wait`);
    }
    for (const { server, listener } of this.#open.values()) {
      if (listener.fd === null) continue;
      if (accept) resumeAccepting(server);
      else pauseAccepting(server);
    }
  }

  #activate(plan: Plan, listeners: readonly WorkerListener[], settings: MasterSettings): void {
    this.#settings = settings;
    this.#connections.limit = settings.workerConnections;
    const before = this.#plan;
    this.#plan = plan;
    const wanted = new Map(listeners.map((listener) => [listener.spec.key, listener]));
    for (const [key, open] of this.#open) {
      if (wanted.has(key)) continue;
      this.#open.delete(key);
      void stopListening(open.listener, open.server);
    }
    for (const [key, listener] of wanted) {
      const open = this.#open.get(key);
      if (open) open.plan = plan;
      else this.#open.set(key, this.#serve(key, listener, plan));
    }
    void before?.cycle.retire().catch((error: unknown) => this.#alert(`the last configuration did not end well: ${Bun.inspect(error)}`));
  }

  #serve(key: string, listener: WorkerListener, plan: Plan): Open {
    const open: { -readonly [K in keyof Open]?: Open[K] } = { listener, plan };
    const planOf = () => (open as Open).plan.listeners.find(({ spec }) => spec.key === key)!;
    let current = plan;
    let listenerPlan = planOf();
    open.server = listenOn(listener, (binding) =>
      serveRaw({
        spec: listener.spec,
        binding,
        tls: listenerPlan.tls,
        connections: this.#connections,
        onExchange: (exchange) => {
          if (open.plan !== current) {
            current = open.plan!;
            listenerPlan = planOf();
          }
          this.#engine.handle(exchange, current, listenerPlan);
        },
      }),
    );
    return open as Open;
  }

  async #quit(): Promise<void> {
    const stopped = [...this.#open.values()].map(({ listener, server }) => stopListening(listener, server));
    this.#connections.drain();
    await Promise.all(stopped);
    await this.#plan?.cycle.retire();
    this.#flush();
  }

  #flush(): void {
    accessLogFiles.flush();
    this.#logs.flush();
  }

  #alert(message: string): void {
    this.#logs.write(this.#targets(), "alert", message);
  }

  #logFailed(path: string, error: Error): void {
    const others = this.#targets().filter((target) => target.path !== path);
    this.#logs.write(others, "alert", `write() to "${path}" failed (${error.message}); lines are lost until it can be written again`);
  }

  #targets(): { path: string; level: MasterSettings["errorLog"][number]["level"] }[] {
    return (this.#settings?.errorLog ?? []).map(({ file, level }) => ({ path: file, level }));
  }
}
