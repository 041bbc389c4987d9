import { readFileSync } from "node:fs";
import type { RedisClientOptions, RedisClientType, RedisClusterType } from "redis";
import { type StoreLog, StoreRefused, StoreUnavailable } from "./errors.ts";
import { Cluster } from "./redis_cluster.ts";
import { type ChannelHandlers, type RedisChannel, RedisLink, type RedisReply } from "./redis_link.ts";
import { type Link, poolOf, type Sender } from "./redis_pool.ts";
import { Sentinels } from "./sentinels.ts";
import { connectOptions, type StoreTls } from "./store_tls.ts";

export type { ChannelHandlers, RedisChannel, RedisReply };

/** `redis NAME …` of the configuration. */
export interface RedisOptions {
  readonly name: string;
  /** `redis://[user:password@]host:port/database`, `rediss://` for TLS. Of a cluster: any of its nodes. */
  readonly url: string;
  /**
   * Host and port of each Sentinel; then `url` gives database and credentials only, and `master` the name to ask for.
   */
  readonly sentinels: readonly { readonly host: string; readonly port: number }[];
  readonly master: string;
  readonly cluster: boolean;
  /** How long a reply may take before the connection counts as dead. */
  readonly timeoutMs: number;
  /** Commands that may wait for a reply at once; more fail at once. */
  readonly queueMax: number;
  /** Connections of a worker, to each node of a cluster. */
  readonly pool: number;
  readonly tls: StoreTls | undefined;
  /** Whether Sentinels are spoken to as `tls` says. */
  readonly sentinelTls: boolean;
  readonly sentinelPasswordFile: string | undefined;
  /** A file whose first line is the password, for those who keep secrets out of configurations. */
  readonly passwordFile: string | undefined;
}

/** Lua that Redis runs: it is sent once, and called by its SHA-1 from then on. */
export class RedisScript {
  readonly sha1: string;

  constructor(readonly source: string) {
    this.sha1 = new Bun.CryptoHasher("sha1").update(source).digest("hex");
  }
}

/** One Redis for all handlers of a worker: a server, the primary that Sentinels name, or a cluster. */
export class Redis {
  readonly #link: Sender;
  readonly #messages: Pick<Link, "subscribe">;

  constructor(
    readonly options: RedisOptions,
    log: StoreLog,
  ) {
    const { name, timeoutMs, queueMax, sentinels, master, cluster, pool } = options;
    const common = { label: `redis "${name}"`, timeoutMs, queueMax, log };
    if (cluster) this.#link = this.#messages = new Cluster({ ...common, pool, target: () => serverOptions(options) });
    else if (sentinels.length > 0)
      this.#link = this.#messages = new Sentinels({
        ...common,
        sentinels,
        master,
        pool,
        target: (at) => serverOptions(options, at),
        sentinel: (at) => sentinelOptions(options, at),
      });
    else {
      const links = Array.from(
        { length: pool },
        () => new RedisLink({ ...common, target: () => serverOptions(options) }),
      );
      this.#link = poolOf(links);
      this.#messages = links[0]!;
    }
  }

  /** Connects, and goes on trying until `close`. Resolves after the first attempt, whatever became of it. */
  async open(): Promise<void> {
    await this.#link.open();
  }

  get ready(): boolean {
    return this.#link.ready;
  }

  /**
   * node-redis's client, for any command; of a cluster, its cluster client. Ask for it anew each time: after a loss it
   * is another one.
   * @throws StoreUnavailable when there is no connection now.
   */
  get client(): RedisClientType {
    return this.#link.client as RedisClientType;
  }

  get cluster(): RedisClusterType {
    if (!this.options.cluster) throw new TypeError(`redis "${this.options.name}" is no cluster`);
    return this.#link.client as RedisClusterType;
  }

  /**
   * Sends one command, as words. Commands of one turn of the event loop leave in one write.
   * @param key The key it is about, which says where in a cluster it goes; "" for any node.
   * @throws StoreUnavailable, StoreRefused
   */
  send(key: string, args: readonly string[]): Promise<RedisReply> {
    return this.#link.send(args, key);
  }

  /**
   * Runs a script; whatever it does is done as one.
   * @param keys All in one slot, where there is a cluster.
   * @throws StoreUnavailable, StoreRefused
   */
  async run(script: RedisScript, keys: readonly string[], args: readonly string[]): Promise<RedisReply> {
    const rest = [String(keys.length), ...keys, ...args];
    const key = keys[0] ?? "";
    try {
      return await this.#link.send(["EVALSHA", script.sha1, ...rest], key);
    } catch (error) {
      if (!(error instanceof StoreRefused) || error.code !== "NOSCRIPT") throw error;
      return this.#link.send(["EVAL", script.source, ...rest], key);
    }
  }

  /** Messages of a channel, from now on and after each reconnection again. */
  subscribe(channel: string, handlers: ChannelHandlers): RedisChannel {
    return this.#messages.subscribe(channel, handlers);
  }

  /** `INFO` as fields by name. Of a cluster: of one of its nodes. @throws StoreUnavailable, StoreRefused */
  async info(): Promise<Record<string, string>> {
    const fields: Record<string, string> = {};
    for (const line of String(await this.send("", ["INFO"])).split("\r\n")) {
      const colon = line.indexOf(":");
      if (colon > 0 && !line.startsWith("#")) fields[line.slice(0, colon)] = line.slice(colon + 1);
    }
    return fields;
  }

  close(): void {
    this.#link.close();
  }
}

interface Address {
  readonly host: string;
  readonly port: number;
}

/** How node-redis is told of the server in `url`, or of the one `at` another address with the same credentials. */
function serverOptions({ url, tls, passwordFile }: RedisOptions, at?: Address): RedisClientOptions {
  const { hostname, port, username, password, pathname } = new URL(url);
  const host = at?.host ?? hostname.replace(/^\[|\]$/g, "");
  const secret = passwordFile === undefined ? decodeURIComponent(password) : firstLine(readSecret(passwordFile));
  return {
    socket: socketOptions({ host, port: at?.port ?? (Number(port) || 6379) }, tls),
    ...(username === "" ? {} : { username: decodeURIComponent(username) }),
    ...(secret === "" ? {} : { password: secret }),
    ...(pathname.length > 1 ? { database: Number(pathname.slice(1)) } : {}),
  };
}

function sentinelOptions({ tls, sentinelTls, sentinelPasswordFile }: RedisOptions, at: Address): RedisClientOptions {
  return {
    socket: socketOptions(at, sentinelTls ? tls : undefined),
    ...(sentinelPasswordFile === undefined ? {} : { password: firstLine(readSecret(sentinelPasswordFile)) }),
  };
}

function socketOptions(at: Address, tls: StoreTls | undefined): NonNullable<RedisClientOptions["socket"]> {
  return tls ? { ...at, ...connectOptions(tls), tls: true } : { ...at };
}

const firstLine = (text: string): string => text.split("\n")[0]!.trim();

function readSecret(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new StoreUnavailable((error as Error).message, { cause: error });
  }
}
