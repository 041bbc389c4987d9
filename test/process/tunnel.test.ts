import { expect, test } from "bun:test";
import { createServer, type Socket } from "node:net";
import { start, until } from "../lib/index.ts";

test("a client that ends a tunnel with FIN ends the upstream's side too", async () => {
  let upstream: Socket | undefined;
  let ended = false;
  const listener = createServer((socket) => {
    upstream = socket;
    socket.once("data", () => {
      socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: upgrade\r\n\r\n");
      socket.on("data", (chunk) => socket.write(chunk));
    });
    socket.on("end", () => (ended = true));
    socket.on("error", () => (ended = true));
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  try {
    const { port } = listener.address() as { port: number };
    await using server = await start({
      server: `location / {
        proxy_pass http://127.0.0.1:${port};
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection upgrade;
      }`,
    });
    using connection = await server.connect();
    connection.write("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n");
    expect((await connection.answer()).status).toBe(101);
    connection.write("\x00hello\xff");
    expect(await connection.untilText("\xff")).toBe("\x00hello\xff");
    connection.end();
    await until("the end at the upstream", () => ended);
    expect(await connection.rest()).toBe("");
  } finally {
    upstream?.destroy();
    listener.close();
  }
});
