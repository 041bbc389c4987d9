import { expect, test } from "bun:test";
import { block, start } from "../lib/index.ts";

block("the figures of this server, as text and as variables", {
  server: `
    location = /status { stub_status; }
    location = /old { stub_status on; }
    location = /vars { return 200 "$connections_active $connections_reading $connections_writing $connections_waiting"; }
  `,
  steps: [
    {
      get: "/status",
      status: 200,
      headersOut: { "Content-Type": "text/plain" },
      body: "Active connections: 1 \nserver accepts handled requests\n 1 1 1 \nReading: 0 Writing: 1 Waiting: 0 \n",
    },
    { head: "/status", status: 200, body: "" },
    { post: "/status", status: 405 },
    { get: "/old", status: 200, body: /^Active connections: \d+ \nserver accepts handled requests\n 4 4 4 \n/ },
    { get: "/vars", body: /^\d+ 0 1 \d+$/ },
  ],
});

test("all workers count together", async () => {
  await using server = await start({ workers: 2, server: "location = /status { stub_status; }" });
  const connections = await Promise.all(Array.from({ length: 8 }, () => server.connect()));
  for (const connection of connections) {
    connection.request({ path: "/status" });
    await connection.answer();
  }
  const { body } = await server.exchange({ path: "/status", headers: { Connection: "close" } });
  expect(body).toStartWith("Active connections: 9 \nserver accepts handled requests\n 9 9 9 \n");
  for (const connection of connections) connection[Symbol.dispose]();
});
