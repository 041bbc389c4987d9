import type { Exchange } from "../core/exchange.ts";
import type { LogLevel } from "../core/log.ts";
import type { ListenerPlan, Plan } from "../core/plan.ts";
import { readFromSources, type Sources } from "../config/sources.ts";
import { accessLogFiles } from "../modules/log/log.ts";
import { calls } from "../ngx/calls.ts";
import { workerProcess } from "../ngx/generation.ts";
import { OpenConnections } from "../runtime/adapters/connections.ts";
import { serveFetch } from "../runtime/adapters/fetch.ts";
import { ProxiedListener, type ProxiedPeers } from "../runtime/adapters/proxied.ts";
import { serveRaw } from "../runtime/adapters/raw.ts";
import { tlsOptions } from "../runtime/adapters/tls.ts";
import { HttpEngine } from "../runtime/engine.ts";
import { ErrorLogs } from "../runtime/error_log.ts";
import { type ConfigurationChoice, loadConfiguration } from "../runtime/load.ts";
import { openLog } from "../runtime/open_log.ts";
import {
  listenOn,
  pauseAccepting,
  resumeAccepting,
  type ServeBinding,
  type Stoppable,
  stopListening,
} from "./adopt.ts";
import { shareCalls } from "./calls.ts";
import type { MasterSettings, PreparedGeneration, WorkerListener } from "./contract.ts";
import { shareCounters } from "./counters.ts";
import { runWorker, type WorkerGeneration } from "./worker.ts";

/** What the master sends of a configuration it has found good: the worker compiles the same bytes. */
export interface Snapshot {
  readonly choice: ConfigurationChoice;
  readonly sources: Sources;
  /** Certificates and keys, which the worker's user need not be able to read. */
  readonly files: Map<string, string>;
}

/** An open address and whoever serves it now; a reload changes `plan` under the same socket. */
interface Open {
  readonly listener: WorkerListener;
  server: Stoppable;
  plan: Plan;
  /** How its bytes are understood: protocols and certificates, which a running server cannot change. */
  wire: string;
}

function listenerOf(plan: Plan, key: string): ListenerPlan {
  return plan.listeners.find(({ spec }) => spec.key === key)!;
}

/** How long scripts may take to end when the worker has to go at once. */
const lastWordsMs = 250;

/** A worker process: serves generation after generation until the master says quit. */
export class HttpWorker {
  readonly #connections = new OpenConnections();
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
      this.#alert(
        `unhandled rejection: ${reason instanceof Error ? (reason.stack ?? reason.message) : Bun.inspect(reason)}`,
      ),
    );
    runWorker({
      onStart: (slot, settings) => {
        this.#settings = settings;
        shareCounters(process.ppid, slot);
        if (settings.workerStallTimeoutMs) shareCalls(process.ppid, slot);
      },
      onGeneration: (generation) => this.#prepare(generation),
      onQuit: () => this.#quit(),
      onTerminate: () => this.#terminate(),
      onReopen: () => {
        this.#flush(); // what was written before the rotation belongs to the old files
        this.#logs.reopen();
        accessLogFiles.reopen();
      },
    });
  }

  async #prepare({ snapshot, listeners, settings, slot }: WorkerGeneration): Promise<PreparedGeneration> {
    const { choice, sources, files } = snapshot as Snapshot;
    const { plan, diagnostics } = loadConfiguration(choice, { reader: readFromSources(sources), files });
    const failure = diagnostics.list.find(({ severity }) => severity === "emerg");
    if (failure) throw new Error(failure.message);
    plan.cycle.log = (level, message) => this.#logs.write(this.#targets(), level, message);
    plan.cycle.relisten = () => this.#relisten(plan);
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
    this.#noteCalls(settings);
    this.#connections.limit = settings.workerConnections;
    const before = this.#plan;
    this.#plan = plan;
    const wanted = new Map(listeners.map((listener) => [listener.spec.key, listener]));
    for (const [key, open] of this.#open) {
      if (wanted.has(key)) continue;
      this.#open.delete(key);
      void stopListening(open.listener, open.server);
    }
    for (const [key, listener] of wanted) this.#take(key, listener, plan);
    void before?.cycle
      .retire()
      .catch((error: unknown) => this.#alert(`the last configuration did not end well: ${Bun.inspect(error)}`));
  }

  /** Certificates of the configuration in use have changed. */
  #relisten(plan: Plan): void {
    if (this.#plan === plan) for (const [key, { listener }] of this.#open) this.#take(key, listener, plan);
  }

  /** A reload has turned the watchdog on. */
  #noteCalls({ workerStallTimeoutMs }: MasterSettings): void {
    if (!workerStallTimeoutMs || calls.isShared) return;
    try {
      shareCalls(process.ppid, workerProcess.slot);
    } catch (error) {
      this.#alert(`what scripts do cannot be noted for worker_stall_timeout: ${(error as Error).message}`);
    }
  }

  /** Serves an address with `plan`: the server there goes on, unless certificates or protocols have changed. */
  #take(key: string, listener: WorkerListener, plan: Plan): void {
    const open = this.#open.get(key);
    const { tls, http2, proxyProtocol } = listenerOf(plan, key);
    const wire = JSON.stringify([tls, http2, proxyProtocol]);
    if (!open) {
      const fresh: Open = { listener, plan, wire, server: this.#serve(key, listener, () => fresh.plan, plan) };
      this.#open.set(key, fresh);
      return;
    }
    open.plan = plan;
    if (open.wire === wire) return;
    const old = open.server;
    open.server = this.#serve(key, listener, () => open.plan, plan);
    open.wire = wire;
    void old.stop(false);
  }

  #serve(key: string, listener: WorkerListener, planNow: () => Plan, first: Plan): Stoppable {
    let current = first;
    let listenerPlan = listenerOf(first, key);
    const { spec, tls, http2, proxyProtocol } = listenerPlan;
    const onExchange = (exchange: Exchange): void => {
      const plan = planNow();
      if (plan !== current) {
        current = plan;
        listenerPlan = listenerOf(plan, key);
      }
      this.#engine.handle(exchange, plan, listenerPlan);
    };
    const serve = (binding: ServeBinding, peers?: ProxiedPeers): Bun.Server<undefined> => {
      const options = { ...binding, ...(tls.length > 0 ? { tls: tlsOptions(tls) } : {}) };
      if (http2)
        return serveFetch({
          spec,
          options: { ...options, http2: true },
          tls: tls.length > 0,
          httpVersion: 20,
          onExchange,
          peers,
        });
      const connections = this.#connections;
      return serveRaw({ spec, binding: options, tls: tls.length > 0, connections, onExchange, peers });
    };
    if (!proxyProtocol) return listenOn(listener, serve);
    const log = (level: LogLevel, message: string): void => this.#logs.write(this.#targets(), level, message);
    const front = new ProxiedListener({ spec, connections: this.#connections, serve, log });
    return listenOn(listener, (binding) => front.listen(binding));
  }

  async #quit(): Promise<void> {
    const stopped = [...this.#open.values()].map(({ listener, server }) => stopListening(listener, server));
    this.#connections.drain();
    await Promise.all(stopped);
    await this.#plan?.cycle.retire();
    this.#flush();
  }

  /** Scripts have a moment to write what they still hold; requests that are under way have none. */
  async #terminate(): Promise<void> {
    await Promise.race([this.#plan?.cycle.retire(), Bun.sleep(lastWordsMs)]);
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
    this.#logs.write(
      others,
      "alert",
      `write() to "${path}" failed (${error.message}); lines are lost until it can be written again`,
    );
  }

  #targets(): { path: string; level: MasterSettings["errorLog"][number]["level"] }[] {
    return (this.#settings?.errorLog ?? []).map(({ file, level }) => ({ path: file, level }));
  }
}
