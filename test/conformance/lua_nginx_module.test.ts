// The examples of lua-nginx-module's documentation in TypeScript. Each is asked for twice on a connection to each of
// two workers.
import { expect, test } from "bun:test";
import { type Connection, isNginx, type Server, start } from "../lib/index.ts";
import { functions } from "./lua_examples_api.ts";
import { examples, type Row } from "./lua_examples.ts";

const rows = [...examples, ...functions];

async function ask(connection: Connection, { get, send, headersIn }: Row) {
  const method = send === undefined ? "GET" : "POST";
  connection.request({
    method,
    path: get,
    ...(send === undefined ? {} : { body: send }),
    ...(headersIn ? { headers: headersIn } : {}),
  });
  return await connection.answer(method);
}

/** Connections until there is one to each worker. */
async function connectToAll(server: Server, workers: number): Promise<Map<string, Connection>> {
  const found = new Map<string, Connection>();
  while (found.size < workers) {
    const connection = await server.connect();
    connection.request({ method: "GET", path: "/which-worker" });
    const worker = (await connection.answer("GET")).body;
    if (found.has(worker)) connection[Symbol.dispose]();
    else found.set(worker, connection);
  }
  return found;
}

test.skipIf(isNginx)(
  "the examples of the documentation do what it says",
  async () => {
    await using server = await start({
      workers: 2,
      http: "shared_dict dogs 1m;",
      server: `location = /which-worker { content_by_ts_block { return ngx.worker.id(); } }
        ${rows.map((row) => row.server).join("\n")}`,
      handlers: { "_hello.ts": 'export default () => "hello from a file";\n' },
      files: { "body.txt": "from a file" },
    });
    const failed: string[] = [];
    for (const [worker, connection] of await connectToAll(server, 2)) {
      for (const round of [1, 2])
        for (const row of rows) {
          const answer = await ask(connection, row);
          const found = { status: answer.status, body: answer.body, headers: {} as Record<string, string | undefined> };
          for (const name of Object.keys(row.headers ?? {})) found.headers[name] = answer.header(name);
          const body = row.body instanceof RegExp ? expect.stringMatching(row.body) : row.body;
          try {
            expect(found).toEqual({ status: row.status ?? 200, body: body as string, headers: row.headers ?? {} });
          } catch (error) {
            failed.push(`${row.section}, worker ${worker}, round ${round}: ${(error as Error).message}`);
          }
        }
      connection[Symbol.dispose]();
    }
    expect(failed.join("\n\n")).toBe("");
  },
  60_000,
);
