import type { RedisClientOptions, RedisClusterType } from "redis";
import { retryPauseMs, StoreUnavailable, withTimeout } from "./errors.ts";
import {
  type ChannelHandlers,
  type LinkOptions,
  loadLibrary,
  type RedisChannel,
  RedisLink,
  type RedisReply,
  translate,
} from "./redis_link.ts";
import { type Link, poolOf, type Sender } from "./redis_pool.ts";

export interface ClusterOptions extends Omit<LinkOptions, "target" | "check" | "onReady"> {
  /** One of the nodes, from which the others are learned. */
  readonly target: () => RedisClientOptions;
  /** Connections to each node. */
  readonly pool: number;
}

/**
 * A cluster, through as many clients of node-redis as there are to be connections to a node. Messages come over a
 * connection of their own to one of the nodes, all of which pass them on to each other.
 */
export class Cluster implements Link {
  readonly #clients: readonly ClusterClient[];
  readonly #pool: Sender;
  readonly #listener: RedisLink;
  #next = 0;

  constructor(private readonly options: ClusterOptions) {
    this.#clients = Array.from({ length: options.pool }, () => new ClusterClient(options));
    this.#pool = poolOf(this.#clients);
    this.#listener = new RedisLink({
      ...options,
      label: `${options.label}, messages`,
      target: () => this.#anyNode(),
    });
  }

  open(): Promise<unknown> {
    return Promise.all([this.#pool.open(), this.#listener.open()]);
  }

  get ready(): boolean {
    return this.#pool.ready;
  }

  get pending(): number {
    return this.#pool.pending;
  }

  get client(): RedisClusterType {
    return this.#pool.client as RedisClusterType;
  }

  send(args: readonly string[], key: string): Promise<RedisReply> {
    return this.#pool.send(args, key);
  }

  subscribe(channel: string, handlers: ChannelHandlers): RedisChannel {
    return this.#listener.subscribe(channel, handlers);
  }

  close(): void {
    this.#listener.close();
    this.#pool.close();
  }

  #anyNode(): RedisClientOptions {
    const own = this.options.target();
    const nodes = this.#clients[0]!.nodes;
    const at = this.#next++;
    if (at === 0 || nodes.length === 0) return own;
    const { host, port } = nodes[at % nodes.length]!;
    return { ...own, socket: { ...own.socket, host, port } as NonNullable<RedisClientOptions["socket"]> };
  }
}

/** A client of node-redis, which follows slots that move and keeps watch over each node. */
class ClusterClient implements Sender {
  #client: RedisClusterType | undefined;
  #ready = false;
  #closed = false;
  #failures = 0;
  #pending = 0;
  #retry: Timer | undefined;
  readonly #answered = (reply: RedisReply): RedisReply => {
    this.#pending--;
    return reply;
  };
  readonly #failed = (error: unknown): never => {
    this.#pending--;
    translate(error);
  };

  constructor(private readonly options: ClusterOptions) {}

  open(): Promise<void> {
    return this.#connect();
  }

  get ready(): boolean {
    return this.#ready;
  }

  get pending(): number {
    return this.#pending;
  }

  /** The primaries that it knows of. */
  get nodes(): readonly { readonly host: string; readonly port: number }[] {
    return this.#client?.masters ?? [];
  }

  get client(): RedisClusterType {
    if (!this.#ready) throw new StoreUnavailable(`${this.options.label} is not connected`);
    return this.#client!;
  }

  send(args: readonly string[], key: string): Promise<RedisReply> {
    if (!this.#ready) return Promise.reject(new StoreUnavailable(`${this.options.label} is not connected`));
    this.#pending++;
    const reply = this.#client!.sendCommand(key === "" ? undefined : key, false, [
      ...args,
    ]) as unknown as Promise<RedisReply>;
    return reply.then(this.#answered, this.#failed);
  }

  close(): void {
    this.#closed = true;
    this.#ready = false;
    clearTimeout(this.#retry);
    this.#client?.destroy();
    this.#client = undefined;
  }

  async #connect(): Promise<void> {
    const { timeoutMs, queueMax, log, label, target } = this.options;
    try {
      const { createCluster } = await loadLibrary();
      if (this.#closed) return;
      const own = target();
      const socket = {
        ...own.socket,
        connectTimeout: timeoutMs,
        // A node that answers no PING for this long is taken for dead.
        socketTimeout: timeoutMs * 1.5,
        reconnectStrategy: (attempt: number) => retryPauseMs(attempt),
      };
      const client = createCluster({
        RESP: 3,
        rootNodes: [{ ...own, socket } as RedisClientOptions],
        defaults: {
          ...(own.username === undefined ? {} : { username: own.username }),
          ...(own.password === undefined ? {} : { password: own.password }),
          socket: withoutAddress(socket),
          pingInterval: timeoutMs / 2,
          maintNotifications: "disabled",
          disableOfflineQueue: true,
          commandsQueueMaxLength: queueMax,
        } as RedisClientOptions,
      }) as unknown as RedisClusterType;
      this.#client = client;
      client.on("error", (error: Error) => log("warn", `${label}: ${error.message || String(error)}`));
      client.on("node-error", (error: Error) => log("warn", `${label}, a node: ${error.message || String(error)}`));
      await withTimeout(client.connect(), timeoutMs * 4, "connecting");
      this.#ready = true;
      if (this.#failures > 0) log("notice", `${label} is connected again`);
      this.#failures = 0;
    } catch (error) {
      if (this.#closed) return;
      if (this.#failures++ === 0) log("error", `${label} is not reachable: ${(error as Error).message}`);
      try {
        this.#client?.destroy();
      } catch {
        // a client that never connected has nothing to destroy, and says so
      }
      this.#client = undefined;
      this.#retry = setTimeout(() => void this.#connect(), retryPauseMs(this.#failures));
      this.#retry.unref();
    }
  }
}

function withoutAddress(socket: object): object {
  const { host: _host, port: _port, ...rest } = socket as { host?: string; port?: number };
  return rest;
}
