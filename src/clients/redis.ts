import { readFileSync } from "node:fs";
import type { RedisClientType } from "redis";

/** `redis NAME …` of the configuration. */
export interface RedisOptions {
  readonly name: string;
  /** `redis://[user:password@]host:port/database`, `rediss://` for TLS. Of a cluster: any of its nodes. */
  readonly url: string;
  /** Host and port of each Sentinel; then `url` gives database and credentials only, and `master` the name to ask for. */
  readonly sentinels: readonly { readonly host: string; readonly port: number }[];
  readonly master: string;
  readonly cluster: boolean;
  /** How long a reply may take before the connection counts as dead. */
  readonly timeoutMs: number;
  /** Commands that may wait for a reply at once; more fail at once. */
  readonly queueMax: number;
  /** A file whose first line is the password, for those who keep secrets out of configurations. */
  readonly passwordFile: string | undefined;
}

/** The store cannot be asked now; asking again later may help. */
export class StoreUnavailable extends Error {
  override readonly name = "StoreUnavailable";
}

type Log = (level: "notice" | "warn" | "error", message: string) => void;

/** What single server, Sentinel and cluster have in common here. */
interface AnyClient {
  connect(): Promise<unknown>;
  destroy(): void | Promise<unknown>;
  on(event: string, listener: (error: Error) => void): unknown;
}

/** The longest pause between two attempts to connect. */
const retryMsMax = 2000;

/**
 * One Redis for all handlers of a worker. Commands of one turn of the event loop leave in one write; while the server
 * is away they fail at once instead of piling up; a connection that is open but answers nothing is noticed and replaced.
 */
export class Redis {
  #client: AnyClient | undefined;
  #ready = false;
  #closed = false;
  #attempts = 0;
  #watchdog: Timer | undefined;
  #retry: Timer | undefined;

  constructor(
    readonly options: RedisOptions,
    private readonly log: Log,
  ) {}

  /** Starts connecting, and goes on trying for ever. */
  open(): void {
    void this.#connect();
    this.#watchdog = setInterval(() => void this.#watch(), Math.max(100, this.options.timeoutMs / 2));
    this.#watchdog.unref();
  }

  get ready(): boolean {
    return this.#ready;
  }

  /** node-redis's client, for any command. @throws StoreUnavailable when there is no connection now. */
  get client(): RedisClientType {
    if (!this.#ready) throw new StoreUnavailable(`redis "${this.options.name}" is not connected`);
    return this.#client as unknown as RedisClientType;
  }

  close(): void {
    this.#closed = true;
    this.#ready = false;
    clearInterval(this.#watchdog);
    clearTimeout(this.#retry);
    this.#discard();
  }

  async #connect(): Promise<void> {
    // The library costs 27 ms of start (Bun 1.4.5): only who has a Redis waits for it.
    const library = await import("redis");
    if (this.#closed) return;
    const client = this.#make(library);
    this.#client = client;
    client.on("error", (error) => this.#lost(client, error));
    try {
      await withTimeout(client.connect(), this.options.timeoutMs * 2, "connecting");
      if (this.#client !== client) return;
      await this.#ping();
      this.#ready = true;
      if (this.#attempts > 0) this.log("notice", `redis "${this.options.name}" is connected again`);
      this.#attempts = 0;
    } catch (error) {
      this.#lost(client, error as Error);
    }
  }

  #make({ createClient, createCluster, createSentinel }: typeof import("redis")): AnyClient {
    const { url, sentinels, master, cluster, queueMax, timeoutMs, passwordFile } = this.options;
    const password = passwordFile === undefined ? undefined : readFileSync(passwordFile, "utf8").split("\n")[0]!.trim();
    // Reconnecting is done here, so that nothing waits in a queue of the library's meanwhile.
    const socket = { connectTimeout: timeoutMs, reconnectStrategy: false as const, noDelay: true };
    const common = {
      url,
      socket,
      disableOfflineQueue: true,
      commandsQueueMaxLength: queueMax,
      ...(password === undefined ? {} : { password }),
    };
    if (cluster) return createCluster({ rootNodes: [{ url }], defaults: common }) as unknown as AnyClient;
    if (sentinels.length > 0) {
      const { url: _, ...nodeClientOptions } = common;
      return createSentinel({
        name: master,
        sentinelRootNodes: [...sentinels],
        nodeClientOptions,
      }) as unknown as AnyClient;
    }
    return createClient(common) as unknown as AnyClient;
  }

  #lost(client: AnyClient, error: Error): void {
    if (this.#client !== client || this.#closed) return;
    if (this.#ready || this.#attempts === 0)
      this.log("error", `redis "${this.options.name}" is not reachable: ${error.message || String(error)}`);
    this.#ready = false;
    this.#discard();
    this.#attempts++;
    // Jitter keeps the workers of many machines from coming back in step.
    const pauseMs = Math.min(retryMsMax, 50 * 2 ** Math.min(this.#attempts, 10)) * (0.5 + Math.random() / 2);
    this.#retry = setTimeout(() => void this.#connect(), pauseMs);
    this.#retry.unref();
  }

  #discard(): void {
    const client = this.#client;
    this.#client = undefined;
    if (!client) return;
    try {
      void Promise.resolve(client.destroy()).catch(() => undefined);
    } catch {
      return; // a client that never connected has nothing to destroy, and says so
    }
  }

  /** A stopped server or a dead link answers nothing and closes nothing: only a question finds out. */
  async #watch(): Promise<void> {
    const client = this.#client;
    if (!this.#ready || !client) return;
    try {
      await this.#ping();
    } catch (error) {
      this.#lost(client, error as Error);
    }
  }

  #ping(): Promise<unknown> {
    const { cluster, timeoutMs } = this.options;
    // A cluster's client has no PING of its own; it keeps watch over its nodes itself.
    const client = this.#client as unknown as RedisClientType;
    return cluster ? Promise.resolve() : withTimeout(client.ping(), timeoutMs, "PING");
  }
}

async function withTimeout<T>(work: Promise<T>, ms: number, what: string): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new StoreUnavailable(`${what} took longer than ${ms} ms`)), ms);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}
