/** Starts the session service that the project ships, on a store of the test's. */
import { resolve } from "node:path";
import { connect, type Connection } from "./http.ts";
import { type Server, start, type StartOptions } from "./server.ts";
import { until } from "./wait.ts";

const handlers = resolve(import.meta.dir, "../../handlers");

export interface SessionOptions extends StartOptions {
  /** Without it, sessions are in shared memory. */
  redisUrl?: string | undefined;
  /** More parameters of the `redis` directive. */
  redis?: string;
  /** Size of the dictionary that sessions are in without a Redis. */
  dictBytes?: string;
  /** Directives in `http`, beside those of the service. */
  http?: string;
  /** Locations beside those of the service. */
  locations?: string;
}

export async function startSessions({
  redisUrl,
  redis = "",
  http = "",
  locations = "",
  dictBytes = "8m",
  ...options
}: SessionOptions = {}): Promise<SessionService> {
  const server = await start({
    workers: 1,
    ...options,
    http: `shared_dict sessions ${dictBytes}; shared_dict session_cache 4m;
      ${redisUrl === undefined ? "" : `redis main url=${redisUrl} ${redis};`} ${http}`,
    server: `handlers ${handlers}; location /api/ { add_header X-Worker $pid always; client_max_body_size 4m; }
      ${locations}`,
  });
  return new SessionService(server);
}

export interface Reply {
  readonly status: number;
  readonly type: string | undefined;
  readonly retryAfter: string | undefined;
  readonly worker: string | undefined;
  readonly text: string;
  // Tests read what they expect to be there.
  readonly json: any;
}

export class SessionService implements AsyncDisposable {
  constructor(readonly server: Server) {}

  /** One request over a connection of its own, or the one given. */
  async ask(
    target: string,
    options: { body?: string | Uint8Array; type?: string; method?: string; over?: Connection } = {},
  ): Promise<Reply> {
    const { body, type, over } = options;
    const connection = over ?? (await connect({ port: this.server.port() }));
    try {
      const method = options.method ?? (body === undefined ? "GET" : "POST");
      connection.request({
        method,
        path: `/api/session/${target}`,
        ...(body === undefined ? {} : { body }),
        ...(type === undefined ? {} : { headers: { "Content-Type": type } }),
      });
      const answer = await connection.answer(method);
      const mediaType = answer.header("Content-Type");
      return {
        status: answer.status,
        type: mediaType,
        retryAfter: answer.header("Retry-After"),
        worker: answer.header("X-Worker"),
        text: answer.body,
        json: mediaType === "application/json" && method !== "HEAD" ? JSON.parse(answer.body) : undefined,
      };
    } finally {
      if (!over) connection[Symbol.dispose]();
    }
  }

  /** Makes a session. @returns its id */
  async create(user = "ann", data = "first"): Promise<string> {
    const { status, json, text } = await this.ask(`create?user_id=${user}&user_data=${data}`);
    if (status !== 200) throw new Error(`create answered ${status} ${text}`);
    return json.session_id;
  }

  /** A connection to each worker. */
  async everyWorker(count: number): Promise<Connection[]> {
    const connections = new Map<string, Connection>();
    await until("a connection to every worker", async () => {
      const connection = await connect({ port: this.server.port() });
      const { worker } = await this.ask("validate", { over: connection });
      if (connections.has(worker!)) connection[Symbol.dispose]();
      else connections.set(worker!, connection);
      return connections.size === count;
    });
    return [...connections.values()];
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.server[Symbol.asyncDispose]();
  }
}
