import type { RedisClientOptions, RedisClientType } from "redis";
import { StoreUnavailable } from "./errors.ts";
import { type ChannelHandlers, type LinkOptions, type RedisChannel, RedisLink, type RedisReply } from "./redis_link.ts";
import { type Link, poolOf, type Sender } from "./redis_pool.ts";

interface Address {
  readonly host: string;
  readonly port: number;
}

export interface SentinelOptions extends Omit<LinkOptions, "target" | "check" | "onReady"> {
  readonly sentinels: readonly Address[];
  /** The name under which Sentinels know the primary. */
  readonly master: string;
  readonly target: (primary: Address) => RedisClientOptions;
  /** How a Sentinel itself is spoken to. */
  readonly sentinel: (at: Address) => RedisClientOptions;
  /** Connections to the primary. */
  readonly pool: number;
}

/** A connection, and which primary it was made to. */
interface Following {
  readonly link: RedisLink;
  primary: Address | undefined;
}

/**
 * The primary that Sentinels name, and its successor after a failover. node-redis has such a client too, but it comes
 * back from a failover without telling that a subscription has missed messages, which a cache has to know.
 */
export class Sentinels implements Link {
  readonly #all: readonly Following[];
  readonly #pool: Sender;
  /** A connection to one Sentinel, which tells of failovers. */
  readonly #watch: RedisLink;
  readonly #options: SentinelOptions;
  #next = 0;

  constructor(options: SentinelOptions) {
    this.#options = options;
    const { label, master, sentinels } = options;
    this.#watch = new RedisLink({
      ...options,
      label: `sentinel of ${label}`,
      target: () => options.sentinel(sentinels[this.#next++ % sentinels.length]!),
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
    this.#all = Array.from({ length: options.pool }, () => this.#follower());
    this.#pool = poolOf(this.#all.map(({ link }) => link));
  }

  #follower(): Following {
    const options = this.#options;
    const following: Following = {
      primary: undefined,
      link: new RedisLink({
        ...options,
        target: async () => options.target((following.primary = await this.#ask())),
        check: isPrimary,
      }),
    };
    return following;
  }

  async open(): Promise<void> {
    await this.#watch.open(); // which knows where the primary is
    await this.#pool.open();
  }

  get ready(): boolean {
    return this.#pool.ready;
  }

  get pending(): number {
    return this.#pool.pending;
  }

  get client(): RedisClientType {
    return this.#pool.client as RedisClientType;
  }

  async send(args: readonly string[]): Promise<RedisReply> {
    try {
      return await this.#pool.send(args, "");
    } catch (error) {
      // A primary that was set back to a replica: the next attempt finds its successor.
      if ((error as { code?: string }).code === "READONLY")
        for (const { link } of this.#all) if (link.ready) link.replace("it is no longer the primary");
      throw error;
    }
  }

  subscribe(channel: string, handlers: ChannelHandlers): RedisChannel {
    return this.#all[0]!.link.subscribe(channel, handlers);
  }

  close(): void {
    this.#pool.close();
    this.#watch.close();
  }

  #follow({ host, port }: Address): void {
    for (const { link, primary } of this.#all)
      if (primary && link.ready && (primary.host !== host || primary.port !== port))
        link.replace(`the primary is now ${host}:${port}`);
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
