import { expect, test } from "bun:test";
import { createConnection, createServer, type Socket } from "node:net";
import { start, until } from "../lib/index.ts";

const passingTo = (port: number): string => `location / {
  proxy_pass http://127.0.0.1:${port};
  proxy_http_version 1.1;
  proxy_set_header Upgrade $http_upgrade;
  proxy_set_header Connection upgrade;
}`;

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
    await using server = await start({ server: passingTo(port) });
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

/** Waits until `socket` can pass on no more of what was written, and says how much it still holds. */
async function standstill(socket: Socket): Promise<number> {
  let before = -1;
  let times = 0;
  await until("what was sent to stand still", async () => {
    const waiting = socket.writableLength;
    times = waiting > 0 && waiting === before ? times + 1 : 0;
    before = waiting;
    await Bun.sleep(20);
    return times === 25;
  });
  return before;
}

/** More than the systems between the two hold back: 32 MB and more for each socket. */
const total = 80 * 1024 * 1024;

test("neither side of a tunnel is read faster than the other one takes it", async () => {
  const sockets: Socket[] = [];
  const received = { upstream: 0, client: 0 };
  const listener = createServer((socket) => {
    sockets.push(socket);
    socket.once("data", () => {
      socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: bulk\r\nConnection: upgrade\r\n\r\n");
      socket.write(Buffer.alloc(total, "x"));
      socket.pause();
      socket.on("data", (chunk) => (received.upstream += chunk.length));
      socket.pause();
    });
    socket.on("error", () => undefined);
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  try {
    const { port } = listener.address() as { port: number };
    await using server = await start({ server: passingTo(port) });
    const client = createConnection(server.port(), "127.0.0.1");
    sockets.push(client);
    client.on("error", () => undefined);
    client.on("data", (chunk) => (received.client += chunk.length));
    client.write("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: bulk\r\nConnection: Upgrade\r\n\r\n");
    const upstream = await until("the upstream", () => sockets[1]);
    await until("the answer", () => received.client > 0);
    client.pause();
    client.write(Buffer.alloc(total, "y"));
    expect(await standstill(upstream)).toBeGreaterThan(0);
    expect(await standstill(client)).toBeGreaterThan(0);
    upstream.resume();
    client.resume();
    await until("all that the client sent", () => received.upstream === total, 20_000);
    await until("all that the upstream sent", () => received.client > total, 20_000);
    client.destroy(); // the server's graceful end would wait for it
  } finally {
    for (const socket of sockets) socket.destroy();
    listener.close();
  }
}, 60_000);
