/**
 * Puts a listening socket that somebody else opened under a server of Bun's. `Bun.serve` only ever serves a socket it
 * bound itself; here it binds one nobody uses, and the descriptor of that is made to mean the given socket. So the
 * master owns the sockets, and connections that wait in their queues outlive any worker.
 */
import { readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { hasLibc } from "../std/libc.ts";
import {
  closeDescriptor,
  EPOLLEXCLUSIVE,
  EPOLLIN,
  epollAdd,
  epollRemove,
  isListening,
  isReadable,
  replaceDescriptor,
  setNonBlocking,
} from "../std/posix_socket.ts";
import type { WorkerListener } from "./contract.ts";

/** The part of Bun's options that says where a server listens. */
export type ServeBinding =
  { hostname: string; port: number; reusePort?: boolean; ipv6Only?: boolean } | { unix: string };

/** As much of a server as listening needs. */
export interface Stoppable {
  stop(closeActiveConnections?: boolean): Promise<void>;
}

/** How the event loop watches the listening socket of an adopted server. */
interface Watch {
  fd: number;
  epoll: number;
  data: bigint;
}

const watches = new WeakMap<Stoppable, Watch>();
const paused = new WeakSet<Stoppable>();

/** For a server whose listening socket is going to be replaced. */
const nowhere: ServeBinding = { hostname: "127.0.0.1", port: 0 };

/**
 * Makes a server and has it accept from `inherited`, which stays open and the caller's. The server's own `port` and
 * `url` keep saying what it was made with.
 * @param make Calls `Bun.serve` with the given binding, which nobody else will ever see.
 * @throws Error when the server's socket cannot be found, which is a change of Bun's; SystemError when a call fails.
 */
export function adoptListener<S extends Stoppable>(inherited: number, make: (binding: ServeBinding) => S): S {
  const before = new Set(openDescriptors().filter(isListening));
  const server = make(nowhere);
  try {
    const fd = openDescriptors().find((candidate) => !before.has(candidate) && isListening(candidate));
    if (fd === undefined) throw new Error("the server opened no listening socket");
    const watch = { fd, ...watcherOf(fd) };
    setNonBlocking(inherited);
    replaceDescriptor(inherited, fd); // closes the server's own socket, and so removes it from the epoll instance
    epollAdd(watch.epoll, fd, EPOLLIN | EPOLLEXCLUSIVE, watch.data);
    watches.set(server, watch);
  } catch (error) {
    void server.stop(true);
    throw error;
  }
  return server;
}

/**
 * Leaves new connections in the queue, for other workers or for later: when this process has as many as it may. With a
 * full descriptor table, Bun would try to accept again and again. No effect on a server that was not adopted.
 */
export function pauseAccepting(server: Stoppable): void {
  const watch = watches.get(server);
  if (watch === undefined || paused.has(server)) return;
  epollRemove(watch.epoll, watch.fd);
  paused.add(server);
}

/** Ends `pauseAccepting`. */
export function resumeAccepting(server: Stoppable): void {
  const watch = watches.get(server);
  if (watch === undefined || !paused.delete(server)) return;
  epollAdd(watch.epoll, watch.fd, EPOLLIN | EPOLLEXCLUSIVE, watch.data);
}

/** Serves one address of a generation, on every platform: the master's socket where there is one, else its own. */
export function listenOn<S extends Stoppable>(listener: WorkerListener, make: (binding: ServeBinding) => S): S {
  if (listener.fd !== null) return adoptListener(listener.fd, make);
  const { family, address, port, ipv6only } = listener.spec;
  if (family === "unix") {
    rmSync(address, { force: true }); // the master has seen that no other program listens there
    return make({ unix: address });
  }
  return make({ hostname: address, port, reusePort: true, ...(family === "inet6" && { ipv6Only: ipv6only }) });
}

/**
 * Gives an address up: accepts those who were already waiting, closes the socket, and stops the server.
 * @param maxWaitMs Under constant load the queue is never empty; then it ends here.
 * @returns When the connections that the server had have ended, as `server.stop(false)`.
 */
export async function stopListening(listener: WorkerListener, server: Stoppable, maxWaitMs = 100): Promise<void> {
  resumeAccepting(server);
  const { fd } = listener;
  if (fd !== null) {
    listener.fd = null;
    const deadline = performance.now() + maxWaitMs;
    while (isReadable(fd) && performance.now() < deadline) await Bun.sleep(1);
    closeDescriptor(fd);
  }
  await server.stop(false);
}

function openDescriptors(): number[] {
  if (!hasLibc) throw new Error("listening sockets can only be adopted on Linux");
  return readdirSync("/proc/self/fd").map(Number);
}

/** Finds the epoll instance that watches `fd`, and the data its events carry: a pointer of the event loop's. */
function watcherOf(fd: number): { epoll: number; data: bigint } {
  const entry = new RegExp(`^tfd:\\s+${fd}\\s+events:\\s+\\S+\\s+data:\\s+([0-9a-f]+)`, "m");
  for (const epoll of openDescriptors()) {
    try {
      if (readlinkSync(`/proc/self/fd/${epoll}`) !== "anon_inode:[eventpoll]") continue;
      const found = entry.exec(readFileSync(`/proc/self/fdinfo/${epoll}`, "latin1"));
      if (found) return { epoll, data: BigInt(`0x${found[1]}`) };
    } catch {
      continue; // closed since it was listed: the directory's own descriptor is one of these
    }
  }
  throw new Error(`no event loop watches the listening socket ${fd}`);
}
