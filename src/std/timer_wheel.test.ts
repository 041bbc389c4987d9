import { expect, test } from "bun:test";
import { type Timed, TimerWheel } from "./timer_wheel.ts";

function entry(deadlineMs: number, onDeadline: () => void): Timed {
  return { deadlineMs, lookMs: Number.POSITIVE_INFINITY, onDeadline };
}

test("a deadline is reached within a quarter of a second after it", async () => {
  const wheel = new TimerWheel();
  const { promise, resolve } = Promise.withResolvers<number>();
  const dueMs = Date.now() + 100;
  wheel.watch(entry(dueMs, () => resolve(Date.now())));
  const lateMs = (await promise) - dueMs;
  expect(lateMs).toBeGreaterThanOrEqual(0);
  expect(lateMs).toBeLessThan(750);
});

test("a deadline that was moved later is looked at again, one that was forgotten is not", async () => {
  const wheel = new TimerWheel();
  const reached: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const later = entry(Date.now() + 50, () => {
    reached.push("later");
    resolve();
  });
  const forgotten = entry(Date.now() + 50, () => reached.push("forgotten"));
  wheel.watch(later);
  wheel.watch(forgotten);
  const movedMs = (later.deadlineMs = Date.now() + 600);
  wheel.forget(forgotten);
  await promise;
  expect(Date.now()).toBeGreaterThanOrEqual(movedMs);
  expect(reached).toEqual(["later"]);
});

test("one that is moved nearer is watched from there", async () => {
  const wheel = new TimerWheel();
  const { promise, resolve } = Promise.withResolvers<void>();
  const far = entry(Date.now() + 3_600_000, resolve);
  wheel.watch(far);
  expect(far.lookMs).toBeLessThan(far.deadlineMs);
  far.deadlineMs = Date.now() + 50;
  wheel.watch(far);
  await promise;
});
