import { expect, test } from "bun:test";
import { hasLibc } from "../std/libc.ts";
import { boundAddress } from "../std/posix_socket.ts";
import type { ListenSpec } from "./contract.ts";
import { Listeners } from "./listeners.ts";

const spec = (port: number): ListenSpec => {
  const address = "127.0.0.1";
  return { key: "a", family: "inet", address, port, backlog: 511, ipv6only: true, reuseport: false };
};

/** Two sockets of one address, opened for two slots. */
async function two(): Promise<{ listeners: Listeners; at: ListenSpec }> {
  const probe = new Listeners(() => undefined);
  await probe.open([spec(0)], 1);
  const { port } = boundAddress(probe.descriptor("a", 0)!)!;
  probe.close();
  const listeners = new Listeners(() => undefined);
  (await listeners.open([spec(port)], 2)).commit();
  return { listeners, at: spec(port) };
}

const slots = (listeners: Listeners) => [0, 1].map((slot) => listeners.descriptor("a", slot) !== null);

// Where there is no libc, workers bind for themselves and the master holds no sockets.
test.skipIf(!hasLibc)("sockets of slots that are no more are closed, but not under the next generation", async () => {
  const { listeners, at } = await two();
  try {
    (await listeners.open([at], 1)).commit();
    // The workers of the second slot are still emptying their queues, and the next generation has two slots again.
    const opening = await listeners.open([at], 2);
    listeners.shrink(1);
    expect(slots(listeners)).toEqual([true, true]);
    opening.rollback();
    listeners.shrink(1);
    expect(slots(listeners)).toEqual([true, false]);
  } finally {
    listeners.close();
  }
});
