import { readFileSync } from "node:fs";
import type { Diagnostics } from "./diagnostic.ts";
import type { LogLevel } from "./log.ts";
import type { VariableTable } from "./variable.ts";

/** A typed place in a cycle where a module keeps what it declared: zones, upstreams, log files. */
export interface CycleKey<T> {
  readonly name: string;
  readonly initial: () => T;
}

export function cycleKey<T>(name: string, initial: () => T): CycleKey<T> {
  return { name, initial };
}

/** One loaded configuration, while it is compiled and while it serves. */
export class Cycle {
  readonly #kept = new Map<CycleKey<unknown>, unknown>();
  readonly #atStart: (() => void | Promise<void>)[] = [];
  readonly #atRetire: (() => void)[] = [];
  readonly #atEnd: (() => void | Promise<void>)[] = [];
  /** Requests, and whatever else still needs what the cycle has open. */
  #holders = 0;
  #retired: PromiseWithResolvers<void> | undefined;
  /** Writes to the main error log what concerns no request; the process that serves puts its own in. */
  log: (level: LogLevel, message: string) => void = () => undefined;

  /** What listeners are made of has changed while they serve: certificates. As `log`, of the process that serves. */
  relisten: () => void = () => undefined;

  constructor(
    /** Relative paths of the configuration start here; ends in "/". */
    readonly prefix: string,
    /** The main configuration file's folder, where `include` and certificates are looked for; ends in "/". */
    readonly confPrefix: string,
    readonly variables: VariableTable,
    readonly diagnostics: Diagnostics,
    /** The configuration is being judged, by the master or `resty check`; workers compile what was found good. */
    readonly validating: boolean = true,
    /** What `readFile` has read, by absolute path. */
    readonly files: Map<string, string> = new Map(),
  ) {}

  /**
   * The text of a file that is part of the configuration (a certificate, its key). The master reads it and hands it on:
   * a worker may no longer be allowed to.
   * @throws what reading throws.
   */
  readFile(path: string): string {
    const known = this.files.get(path);
    if (known !== undefined) return known;
    const text = readFileSync(path, "latin1");
    this.files.set(path, text);
    return text;
  }

  get<T>(key: CycleKey<T>): T {
    if (!this.#kept.has(key)) this.#kept.set(key, key.initial());
    return this.#kept.get(key) as T;
  }

  /** Runs in each worker before the first request of this cycle. */
  atStart(action: () => void | Promise<void>): void {
    this.#atStart.push(action);
  }

  /** Runs in each worker when another cycle takes over; requests of this one may still be under way. */
  atRetire(action: () => void): void {
    this.#atRetire.push(action);
  }

  /** Runs in each worker after the last request of this cycle, in reverse order. */
  atEnd(action: () => void | Promise<void>): void {
    this.#atEnd.push(action);
  }

  async start(): Promise<void> {
    for (const action of this.#atStart) await action();
  }

  /** Keeps the cycle from ending until `release`. */
  hold(): void {
    this.#holders++;
  }

  release(): void {
    if (--this.#holders === 0) this.#retired?.resolve();
  }

  /** No more requests will come: ends the cycle after the last of those there are. */
  async retire(): Promise<void> {
    if (this.#retired) return;
    this.#retired = Promise.withResolvers();
    for (const action of this.#atRetire) action();
    if (this.#holders > 0) await this.#retired.promise;
    await this.end();
  }

  async end(): Promise<void> {
    for (const action of this.#atEnd.reverse()) await action();
  }

  /** A path of the configuration made absolute, as nginx does for everything but includes and certificates. */
  path(path: string): string {
    return path.startsWith("/") ? path : this.prefix + path;
  }
}
