import { afterEach, expect, test } from "bun:test";
import { hasLibc } from "../std/libc.ts";
import { Spares } from "./spares.ts";
import type { WorkerProcess } from "./spawn.ts";

const taken: WorkerProcess[] = [];

function take(spares: Spares, env: Record<string, string>): WorkerProcess | undefined {
  const worker = spares.take(env);
  if (worker) taken.push(worker);
  return worker;
}

afterEach(async () => {
  for (const worker of taken) worker.kill();
  await Promise.all(taken.splice(0).map(({ exited }) => exited));
});

test.skipIf(!hasLibc)("one is taken by who wants just its environment", () => {
  const spares = new Spares(() => ["sleep", "60"]);
  expect(spares.take({})).toBeUndefined();
  spares.start(2, { A: "1" });
  expect(take(spares, { A: "2" })).toBeUndefined();
  expect(take(spares, { A: "1", B: "" })).toBeUndefined();
  const [first, second] = [take(spares, { A: "1" }), take(spares, { A: "1" })];
  expect(first!.pid).not.toBe(second!.pid);
  expect(take(spares, { A: "1" })).toBeUndefined();
});

test.skipIf(!hasLibc)("what nobody took is ended", async () => {
  let started = 0;
  const spares = new Spares(() => ["sleep", String(60 + started++)]);
  spares.start(3, {});
  const worker = take(spares, {})!;
  await spares.end();
  expect(started).toBe(3);
  expect(worker.isGone).toBe(false);
  expect(take(spares, {})).toBeUndefined();
});

test.skipIf(!hasLibc)("a program that cannot be started is nobody's, and no error yet", () => {
  const spares = new Spares(() => ["/nowhere/resty"]);
  spares.start(2, {});
  expect(take(spares, {})).toBeUndefined();
});
