import type { RedisClientOptions, RedisClientType } from "redis";
import { asHost } from "../std/host_context.ts";
import { retryPauseMs, type StoreLog, StoreRefused, StoreUnavailable, withTimeout } from "./errors.ts";

/** What Redis answers: RESP3, maps as objects without prototype. */
export type RedisReply = string | number | boolean | null | RedisReply[] | { [field: string]: RedisReply };

export interface LinkOptions {
  /** As messages call it: `redis "main"`. */
  readonly label: string;
  /** How long a reply may take before the connection counts as dead. */
  readonly timeoutMs: number;
  /** Commands that may wait for a reply at once; more fail at once. */
  readonly queueMax: number;
  readonly log: StoreLog;
  /** Where to connect to, found out anew for each attempt: after a failover it is another server. */
  readonly target: () => RedisClientOptions | Promise<RedisClientOptions>;
  /** Refuses a server that is not the one wanted, by throwing. */
  readonly check?: (client: RedisClientType) => Promise<void>;
  readonly onReady?: () => void;
}

/** Messages of one channel, and how sure it is that none is missing. */
export interface RedisChannel {
  /**
   * All that was published before this moment has been delivered, in milliseconds since 1970. It stops while the
   * connection is cut.
   */
  readonly completeUntilMs: number;
  close(): void;
}

export interface ChannelHandlers {
  onMessage(message: string): void;
  /** The subscription has begun, or begun again: what was published before may have been missed. */
  onGap(): void;
}

interface Channel extends ChannelHandlers {
  readonly name: string;
  completeUntilMs: number;
  /** The client that has subscribed to it. */
  client: RedisClientType | undefined;
}

/**
 * One connection that is kept up. Commands of one turn of the event loop leave in one write; while the server is away
 * they fail at once instead of piling up; a connection that is open but answers nothing is noticed and replaced.
 */
export class RedisLink {
  #client: RedisClientType | undefined;
  #ready = false;
  #closed = false;
  #failures = 0;
  #watchdog: Timer | undefined;
  #retry: Timer | undefined;
  #pending = 0;
  readonly #channels = new Set<Channel>();
  readonly #answered = (reply: RedisReply): RedisReply => {
    this.#pending--;
    return reply;
  };
  readonly #failed = (error: unknown): never => {
    this.#pending--;
    translate(error);
  };

  constructor(private readonly options: LinkOptions) {}

  /**
   * Connects, and goes on trying until `close`. Resolves after the first attempt, whatever became of it: so that the
   * first request finds the connection that there can be.
   */
  open(): Promise<void> {
    this.#watchdog = setInterval(() => void this.#watch(), Math.max(50, this.options.timeoutMs / 2));
    this.#watchdog.unref();
    return this.#connect();
  }

  get ready(): boolean {
    return this.#ready;
  }

  /** Commands whose answers have not come yet. */
  get pending(): number {
    return this.#pending;
  }

  /** node-redis's client. @throws StoreUnavailable when there is no connection now. */
  get client(): RedisClientType {
    if (!this.#ready) throw this.#unavailable();
    return this.#client!;
  }

  #unavailable(): StoreUnavailable {
    return new StoreUnavailable(`${this.options.label} is not connected`);
  }

  /** @throws StoreUnavailable, StoreRefused */
  send(args: readonly string[]): Promise<RedisReply> {
    if (!this.#ready) return Promise.reject(this.#unavailable());
    this.#pending++;
    return this.#client!.sendCommand<RedisReply>(args).then(this.#answered, this.#failed);
  }

  subscribe(name: string, handlers: ChannelHandlers): RedisChannel {
    const channel: Channel = {
      name,
      completeUntilMs: 0,
      client: undefined,
      onMessage: handlers.onMessage,
      onGap: handlers.onGap,
    };
    this.#channels.add(channel);
    if (this.#ready) asHost(() => void this.#listen(channel, this.#client!));
    return {
      get completeUntilMs() {
        return channel.completeUntilMs;
      },
      close: () => this.#unsubscribe(channel),
    };
  }

  /** Gives the connection up for another one, to where `target` says now. */
  replace(reason: string): void {
    const client = this.#client;
    if (client) asHost(() => this.#lost(client, new Error(reason)));
  }

  close(): void {
    this.#closed = true;
    this.#ready = false;
    clearInterval(this.#watchdog);
    clearTimeout(this.#retry);
    this.#discard();
  }

  async #connect(): Promise<void> {
    const { label, timeoutMs, queueMax, log, target, check, onReady } = this.options;
    let client: RedisClientType | undefined;
    try {
      const { createClient } = await loadLibrary();
      const own = await target();
      if (this.#closed) return;
      client = createClient({
        ...own,
        RESP: 3,
        // Reconnecting is done here, so that nothing waits in a queue of the library's meanwhile.
        socket: { connectTimeout: timeoutMs, noDelay: true, ...own.socket, reconnectStrategy: false as const },
        maintNotifications: "disabled",
        disableOfflineQueue: true,
        commandsQueueMaxLength: queueMax,
      } as RedisClientOptions) as unknown as RedisClientType;
      const current = client;
      this.#client = current;
      current.on("error", (error: Error) => this.#lost(current, error));
      await withTimeout(current.connect(), timeoutMs * 2, "connecting");
      await withTimeout(current.ping(), timeoutMs, "PING");
      await check?.(current);
      if (this.#client !== current) return;
      this.#ready = true;
      if (this.#failures > 0) log("notice", `${label} is connected again`);
      this.#failures = 0;
      for (const channel of this.#channels) void this.#listen(channel, current);
      onReady?.();
    } catch (error) {
      this.#lost(client, error as Error);
    }
  }

  #lost(client: RedisClientType | undefined, error: Error): void {
    if (this.#client !== client || this.#closed) return;
    if (this.#ready || this.#failures === 0)
      this.options.log("error", `${this.options.label} is not reachable: ${error.message || String(error)}`);
    this.#ready = false;
    this.#discard();
    this.#retry = setTimeout(() => void this.#connect(), this.#failures === 0 ? 0 : retryPauseMs(this.#failures));
    this.#failures++;
    this.#retry.unref();
  }

  #discard(): void {
    const client = this.#client;
    this.#client = undefined;
    try {
      client?.destroy();
    } catch {
      return; // a client that never connected has nothing to destroy, and says so
    }
  }

  /** A stopped server or a dead link answers nothing and closes nothing: only a question finds out. */
  async #watch(): Promise<void> {
    const client = this.#client;
    if (!this.#ready || !client) return;
    const asked = [...this.#channels].filter((channel) => channel.client === client);
    const sentMs = Date.now();
    try {
      await withTimeout(client.ping(), this.options.timeoutMs, "PING");
      // One connection, one order: what was published before the server saw the question came before its answer.
      if (this.#client === client) for (const channel of asked) channel.completeUntilMs = sentMs;
    } catch (error) {
      this.#lost(client, error as Error);
    }
  }

  async #listen(channel: Channel, client: RedisClientType): Promise<void> {
    try {
      const sentMs = Date.now();
      await client.subscribe(channel.name, (message) => channel.onMessage(message));
      if (this.#client !== client || !this.#channels.has(channel)) return;
      channel.onGap();
      channel.client = client;
      channel.completeUntilMs = sentMs;
    } catch (error) {
      this.#lost(client, error as Error);
    }
  }

  #unsubscribe(channel: Channel): void {
    this.#channels.delete(channel);
    const { client } = channel;
    if (!client || client !== this.#client) return;
    if (![...this.#channels].some(({ name }) => name === channel.name))
      client.unsubscribe(channel.name).catch((error: Error) => this.#lost(client, error));
  }
}

let library: typeof import("redis") | undefined;

/** node-redis costs 27 ms of start (Bun 1.4.5): only who has a Redis waits for it. */
export async function loadLibrary(): Promise<typeof import("redis")> {
  return (library ??= await import("redis"));
}

/** What the server says of itself, and not of the command: asking again later may help. */
const passing = new Set(["LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "BUSY", "UNBLOCKED", "MOVED", "ASK"]);

/** @throws StoreUnavailable, StoreRefused */
export function translate(error: unknown): never {
  const { message } = error as Error;
  if (!library || !(error instanceof library.ErrorReply))
    throw new StoreUnavailable(message || String(error), { cause: error });
  const code = /^[A-Z][A-Z0-9]*(?= )/.exec(message)?.[0] ?? "ERR";
  if (passing.has(code)) throw new StoreUnavailable(message, { cause: error });
  throw new StoreRefused(code, message, { cause: error });
}
