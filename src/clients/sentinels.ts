import type { RedisClientOptions, RedisClientType } from "redis";
import { StoreUnavailable } from "./errors.ts";
import type { Link } from "./redis_cluster.ts";
import { type ChannelHandlers, type LinkOptions, type RedisChannel, RedisLink, type RedisReply } from "./redis_link.ts";

interface Address {
  readonly host: string;
  readonly port: number;
}

export interface SentinelOptions extends Omit<LinkOptions, "target" | "check" | "onReady"> {
  readonly sentinels: readonly Address[];
  /** The name under which Sentinels know the primary. */
  readonly master: string;
  readonly target: (primary: Address) => RedisClientOptions;
}

/**
 * The primary that Sentinels name, and its successor after a failover. node-redis has such a client too, but it comes
 * back from a failover without telling that a subscription has missed messages, which a cache has to know.
 */
export class Sentinels implements Link {
  readonly #link: RedisLink;
  /** A connection to one Sentinel, which tells of failovers. */
  readonly #watch: RedisLink;
  readonly #options: SentinelOptions;
  #next = 0;
  #primary: Address | undefined;

  constructor(options: SentinelOptions) {
    this.#options = options;
    const { label, master, sentinels } = options;
    this.#watch = new RedisLink({
      ...options,
      label: `sentinel of ${label}`,
      target: () => {
        const { host, port } = sentinels[this.#next++ % sentinels.length]!;
        return { socket: { host, port } };
      },
      // Something may have happened while no Sentinel was listened to.
      onReady: () =>
        void this.#ask().then(
          (primary) => this.#follow(primary),
          () => undefined,
        ),
    });
    this.#watch.subscribe("+switch-master", {
      onMessage: (message) => {
        const [name, , , host, port] = message.split(" ");
        if (name === master && host !== undefined) this.#follow({ host, port: Number(port) });
      },
      onGap: () => undefined,
    });
    this.#link = new RedisLink({
      ...options,
      target: async () => {
        this.#primary = await this.#ask();
        return options.target(this.#primary);
      },
      check: isPrimary,
      onReady: () => undefined,
    });
  }

  async open(): Promise<void> {
    await this.#watch.open(); // which knows where the primary is
    await this.#link.open();
  }

  get ready(): boolean {
    return this.#link.ready;
  }

  get client(): RedisClientType {
    return this.#link.client;
  }

  async send(args: readonly string[]): Promise<RedisReply> {
    try {
      return await this.#link.send(args);
    } catch (error) {
      // A primary that was set back to a replica: the next attempt finds its successor.
      if ((error as { code?: string }).code === "READONLY") this.#link.replace("it is no longer the primary");
      throw error;
    }
  }

  subscribe(channel: string, handlers: ChannelHandlers): RedisChannel {
    return this.#link.subscribe(channel, handlers);
  }

  close(): void {
    this.#link.close();
    this.#watch.close();
  }

  #follow({ host, port }: Address): void {
    if (this.#primary && this.#link.ready && (this.#primary.host !== host || this.#primary.port !== port))
      this.#link.replace(`the primary is now ${host}:${port}`);
  }

  async #ask(): Promise<Address> {
    const reply = await this.#watch.send(["SENTINEL", "GET-MASTER-ADDR-BY-NAME", this.#options.master]);
    if (!Array.isArray(reply)) throw new StoreUnavailable(`no Sentinel knows a primary "${this.#options.master}"`);
    return { host: String(reply[0]), port: Number(reply[1]) };
  }
}

async function isPrimary(client: RedisClientType): Promise<void> {
  const role = await client.sendCommand<RedisReply[]>(["ROLE"]);
  if (role[0] !== "master") throw new StoreUnavailable("the server that Sentinel names is not the primary yet");
}
