import type { RedisClientType, RedisClusterType } from "redis";
import type { ChannelHandlers, RedisChannel, RedisReply } from "./redis_link.ts";

/** What takes commands: one connection, a client of a cluster, or several of these. */
export interface Sender {
  open(): Promise<unknown>;
  readonly ready: boolean;
  /** Commands whose answers have not come yet. */
  readonly pending: number;
  /** @throws StoreUnavailable when there is no connection now. */
  readonly client: RedisClientType | RedisClusterType;
  send(args: readonly string[], key: string): Promise<RedisReply>;
  close(): void;
}

/** What one server, Sentinels and a cluster have in common. */
export interface Link extends Sender {
  subscribe(channel: string, handlers: ChannelHandlers): RedisChannel;
}

/**
 * Several connections behind one. They take turns; one that has more to wait for than the next one, because a large or
 * slow answer is under way on it, is left out.
 */
export class SenderPool implements Sender {
  #next = 0;

  constructor(private readonly senders: readonly Sender[]) {}

  open(): Promise<unknown> {
    return Promise.all(this.senders.map((sender) => sender.open()));
  }

  get ready(): boolean {
    return this.senders.some(({ ready }) => ready);
  }

  get pending(): number {
    return this.senders.reduce((sum, { pending }) => sum + pending, 0);
  }

  get client(): RedisClientType | RedisClusterType {
    return this.#pick().client;
  }

  send(args: readonly string[], key: string): Promise<RedisReply> {
    return this.#pick().send(args, key);
  }

  close(): void {
    for (const sender of this.senders) sender.close();
  }

  #pick(): Sender {
    const { senders } = this;
    const count = senders.length;
    const first = this.#next++ % count;
    let best = senders[first]!;
    for (let i = 1; i < count; i++) {
      const other = senders[(first + i) % count]!;
      if (other.ready && (!best.ready || other.pending < best.pending)) best = other;
    }
    return best;
  }
}

/** Of one, the one itself. */
export function poolOf(senders: readonly Sender[]): Sender {
  return senders.length === 1 ? senders[0]! : new SenderPool(senders);
}
