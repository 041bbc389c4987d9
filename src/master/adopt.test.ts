import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasLibc } from "../std/libc.ts";
import { boundAddress, closeDescriptor, isOpen, isReadable, openListener } from "../std/posix_socket.ts";
import { adoptListener, pauseAccepting, resumeAccepting, type ServeBinding, stopListening } from "./adopt.ts";
import type { ListenSpec } from "./contract.ts";

// Sockets are adopted through libc alone; without it workers bind for themselves, and the tests here have no subject.
const loopback = { family: "inet", address: "127.0.0.1", port: 0 } as const;
const folder = mkdtempSync(join(tmpdir(), "resty-adopt-"));
afterAll(() => rmSync(folder, { recursive: true }));

function serve(text: string, more: object = {}) {
  return (binding: ServeBinding) => Bun.serve({ ...binding, ...more, fetch: () => new Response(text) } as never);
}

/** What the internals of Bun hand over for `onNodeHTTPRequest`; see the raw adapter. */
function serveRaw(text: string) {
  const onNodeHTTPRequest = (...[, , , , handle]: [unknown, unknown, unknown, unknown, RawHandle]) =>
    handle.writeHeadAndEnd(200, "OK", ["Content-Length", String(text.length)], text);
  return (binding: ServeBinding) => Bun.serve({ ...binding, onNodeHTTPRequest } as never);
}

interface RawHandle {
  writeHeadAndEnd(status: number, reason: string, headers: string[], body: string): void;
}

/** A listening socket of the system's choice, and its URL. */
function listening(): { fd: number; url: string } {
  const fd = openListener(loopback, { backlog: 16 }, "first");
  return { fd, url: `127.0.0.1:${boundAddress(fd)!.port}/` };
}

async function read(url: string): Promise<string> {
  const response = await fetch(url, { headers: { connection: "close" }, tls: { rejectUnauthorized: false } });
  return response.text();
}

async function connectTo(port: number) {
  const { promise: received, resolve } = Promise.withResolvers<string>();
  let text = "";
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: { data: (_socket, data) => void (text += data.toString()), close: () => resolve(text) },
  });
  return { socket, received };
}

// Sockets are adopted through the C library, which only Linux has in the form that is called here.
test.skipIf(!hasLibc)("a server of either mode answers on a socket it did not bind", async () => {
  for (const make of [serve("fetch"), serveRaw("raw!!")]) {
    const { fd, url } = listening();
    const server = adoptListener(fd, make);
    expect(await read(`http://${url}`)).toHaveLength(5);
    await server.stop(true);
    closeDescriptor(fd);
  }
});

test.skipIf(!hasLibc)("TLS with HTTP/2 too", async () => {
  const [key, cert] = ["key.pem", "cert.pem"].map((name) => join(folder, name));
  const made = Bun.spawnSync(
    ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"].concat([
      "-keyout",
      key!,
      "-out",
      cert!,
      "-subj",
      "/CN=a.test",
      "-days",
      "2",
    ]),
  );
  expect(made.exitCode).toBe(0);
  const { fd, url } = listening();
  const tls = { key: Bun.file(key!), cert: Bun.file(cert!) };
  const server = adoptListener(fd, serve("secret", { tls, http2: true }));
  expect(await read(`https://${url}`)).toBe("secret");
  await server.stop(true);
  closeDescriptor(fd);
});

test.skipIf(!hasLibc)("a unix socket", async () => {
  const path = join(folder, "a.sock");
  const fd = openListener({ family: "unix", address: path, port: 0 }, { backlog: 16 }, "first");
  const server = adoptListener(fd, serve("unix"));
  expect(await (await fetch("http://localhost/", { unix: path })).text()).toBe("unix");
  await server.stop(true);
  closeDescriptor(fd);
});

test.skipIf(!hasLibc)("one server after the other has the socket, and connections wait in between", async () => {
  const { fd, url } = listening();
  const first = adoptListener(fd, serve("first"));
  expect(await read(`http://${url}`)).toBe("first");
  await first.stop(false);
  const waiting = read(`http://${url}`);
  while (!isReadable(fd)) await Bun.sleep(1);
  const second = adoptListener(fd, serve("second"));
  expect(await waiting).toBe("second");
  await second.stop(true);
  closeDescriptor(fd);
});

test.skipIf(!hasLibc)("stopListening answers those who wait, and then nobody", async () => {
  const { fd, url } = listening();
  const listener = { spec: { key: url } as ListenSpec, fd: fd as number | null };
  const server = adoptListener(fd, serve("last"));
  const port = boundAddress(fd)!.port;
  const request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  const clients = await Promise.all(Array.from({ length: 20 }, () => connectTo(port)));
  for (const { socket } of clients) socket.write(request);
  await stopListening(listener, server);
  for (const { received } of clients) expect(await received).toEndWith("last");
  expect([listener.fd, isOpen(fd)]).toEqual([null, false]);
  expect(read(`http://${url}`)).rejects.toThrow();
});

test.skipIf(!hasLibc)("a paused server leaves connections in the queue", async () => {
  const { fd, url } = listening();
  const server = adoptListener(fd, serve("late"));
  pauseAccepting(server);
  pauseAccepting(server);
  let answered = false;
  const waiting = read(`http://${url}`).finally(() => (answered = true));
  while (!isReadable(fd)) await Bun.sleep(1);
  await Bun.sleep(20); // long enough for an event loop that watches the socket
  expect([answered, isReadable(fd)]).toEqual([false, true]);
  resumeAccepting(server);
  expect(await waiting).toBe("late");
  await server.stop(true);
  closeDescriptor(fd);
});

test.skipIf(!hasLibc)("when Bun's own server cannot be made, the socket stays the caller's", () => {
  const { fd } = listening();
  const fail = () => {
    throw new Error("no certificate");
  };
  expect(() => adoptListener(fd, fail)).toThrow("no certificate");
  expect(isOpen(fd)).toBe(true);
  closeDescriptor(fd);
});
