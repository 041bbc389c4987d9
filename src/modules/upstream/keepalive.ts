import type { Http1Connection } from "../../clients/http1.ts";

interface Idle {
  readonly connection: Http1Connection;
  readonly key: string;
  readonly timer: Timer;
}

export interface KeepaliveOptions {
  /** Idle connections kept; 0 keeps none. */
  readonly connections: number;
  readonly requests: number;
  readonly timeMs: number;
  readonly timeoutMs: number;
}

/** Idle connections of one upstream in this worker; the one used longest ago goes first when there are too many. */
export class KeepalivePool {
  #idle: Idle[] = [];
  readonly #openedMs = new WeakMap<Http1Connection, number>();

  constructor(private readonly options: KeepaliveOptions) {}

  /** The connection to `key` that became idle last. */
  take(key: string): Http1Connection | undefined {
    for (let i = this.#idle.length - 1; i >= 0; i--) {
      const idle = this.#idle[i]!;
      if (idle.key !== key) continue;
      this.#idle.splice(i, 1);
      clearTimeout(idle.timer);
      idle.connection.onIdleClose = undefined;
      if (!idle.connection.closed) return idle.connection;
    }
    return undefined;
  }

  opened(connection: Http1Connection): void {
    this.#openedMs.set(connection, Date.now());
  }

  give(key: string, connection: Http1Connection): void {
    const { connections, requests, timeMs, timeoutMs } = this.options;
    const age = Date.now() - (this.#openedMs.get(connection) ?? 0);
    if (connections === 0 || connection.requests >= requests || age > timeMs || connection.closed) return connection.close();
    const timer = setTimeout(() => this.#drop(connection), timeoutMs);
    timer.unref();
    connection.onIdleClose = () => this.#drop(connection);
    this.#idle.push({ connection, key, timer });
    if (this.#idle.length > connections) this.#drop(this.#idle[0]!.connection);
  }

  close(): void {
    for (const { connection } of [...this.#idle]) this.#drop(connection);
  }

  #drop(connection: Http1Connection): void {
    const at = this.#idle.findIndex((idle) => idle.connection === connection);
    if (at < 0) return;
    clearTimeout(this.#idle[at]!.timer);
    this.#idle.splice(at, 1);
    connection.onIdleClose = undefined;
    connection.close();
  }
}
