import type { UpstreamConnection } from "../../clients/connection.ts";

export interface KeepaliveOptions {
  /** Idle connections kept; 0 keeps none. */
  readonly connections: number;
  readonly requests: number;
  readonly timeMs: number;
  readonly timeoutMs: number;
}

interface Idle {
  readonly key: string;
  readonly connection: UpstreamConnection;
}

/** Idle connections of one upstream in this worker; the one used longest ago goes first when there are too many. */
export class KeepalivePool {
  readonly #idle: Idle[] = [];
  #closed = false;

  constructor(private readonly options: KeepaliveOptions) {}

  /** The connection to `key` that became idle last. */
  take(key: string): UpstreamConnection | undefined {
    for (let i = this.#idle.length - 1; i >= 0; i--) {
      const idle = this.#idle[i]!;
      if (idle.key !== key) continue;
      if (i === this.#idle.length - 1) this.#idle.pop();
      else this.#idle.splice(i, 1);
      const { connection } = idle;
      connection.onIdleClose = undefined;
      if (!connection.closed) return connection;
    }
    return undefined;
  }

  give(key: string, connection: UpstreamConnection): void {
    const { connections, requests, timeMs, timeoutMs } = this.options;
    if (this.#closed || connections === 0 || connection.requests >= requests || connection.closed)
      return connection.close();
    connection.limit(timeoutMs);
    if (connection.deadlineMs - timeoutMs - connection.openedMs > timeMs) return connection.close();
    connection.onIdleClose = () => this.#drop(connection);
    this.#idle.push({ key, connection });
    if (this.#idle.length > connections) this.#drop(this.#idle[0]!.connection);
  }

  close(): void {
    this.#closed = true;
    for (const { connection } of [...this.#idle]) this.#drop(connection);
  }

  #drop(connection: UpstreamConnection): void {
    const at = this.#idle.findIndex((idle) => idle.connection === connection);
    if (at < 0) return;
    this.#idle.splice(at, 1);
    connection.onIdleClose = undefined;
    connection.close();
  }
}
