import { expect, test } from "bun:test";
import { poolOf, type Sender } from "./redis_pool.ts";

/** Notes which of the senders got a command; its answer comes when the test says so. */
function fakes(count: number) {
  const taken: number[] = [];
  const senders = Array.from({ length: count }, (_, i) => ({ ready: true, pending: 0, i }));
  const pool = poolOf(
    senders.map((fake) => ({
      open: async () => undefined,
      get ready() {
        return fake.ready;
      },
      get pending() {
        return fake.pending;
      },
      get client(): never {
        throw new Error("not asked for");
      },
      async send() {
        taken.push(fake.i);
        fake.pending++;
        return null;
      },
      close: () => undefined,
    })) satisfies Sender[],
  );
  return { pool, senders, taken };
}

test("connections take turns", () => {
  const { pool, taken } = fakes(3);
  for (let i = 0; i < 6; i++) void pool.send([], "");
  expect(taken).toEqual([0, 1, 2, 0, 1, 2]);
  expect(pool.pending).toBe(6);
});

test("one with more to wait for, and one that is not there, are left out", () => {
  const { pool, senders, taken } = fakes(3);
  senders[1]!.pending = 10;
  for (let i = 0; i < 4; i++) void pool.send([], "");
  expect(taken).not.toContain(1);
  taken.length = 0;
  senders[0]!.ready = senders[2]!.ready = false;
  for (let i = 0; i < 3; i++) void pool.send([], "");
  expect(taken).toEqual([1, 1, 1]);
  expect(pool.ready).toBe(true);
  senders[1]!.ready = false;
  expect(pool.ready).toBe(false);
});

test("a pool of one is that one", () => {
  const { senders } = fakes(1);
  const one = senders[0] as unknown as Sender;
  expect(poolOf([one])).toBe(one);
});
