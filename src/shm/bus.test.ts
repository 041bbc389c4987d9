import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openBus } from "./bus.ts";
import type { Value } from "./value.ts";

const directory = mkdtempSync(join(tmpdir(), "resty-bus-"));
afterAll(() => rmSync(directory, { recursive: true }));

let files = 0;
const fresh = (sizeBytes = 4096) => {
  const path = join(directory, `bus${files++}`);
  return { publisher: openBus({ path, sizeBytes }), subscriber: openBus({ path, sizeBytes }) };
};

async function until(done: () => boolean): Promise<void> {
  while (!done()) await Bun.sleep(1);
}

test("every kind of value arrives, in order, at those who have subscribed to its topic", async () => {
  const { publisher, subscriber } = fresh();
  const got: Value[] = [];
  await subscriber.subscribe("topic", (value, topic, sender) => {
    expect([topic, sender]).toEqual(["topic", process.pid]);
    got.push(value);
  });
  const sent: Value[] = [
    "text",
    "",
    "日本\ud800",
    "é",
    1.5,
    NaN,
    true,
    false,
    new Uint8Array([1, 2]),
    { a: [new Date(0)] },
  ];
  expect(publisher.publish("other", "not for us")).toBe(true);
  for (const value of sent) expect(publisher.publish("topic", value)).toBe(true);
  await until(() => got.length === sent.length);
  expect(got).toEqual(sent);
});

test("a subscriber that does not read makes publishers wait, and nothing is lost", async () => {
  const { publisher, subscriber } = fresh();
  const got: Value[] = [];
  await subscriber.subscribe("t", (value) => got.push(value));
  let sent = 0;
  while (publisher.publish("t", `${sent} ${"x".repeat(100)}`) === true) sent++;
  expect(sent).toBeGreaterThan(20);
  expect(publisher.stats().unreadBytes).toBeGreaterThan(3800);
  expect(await publisher.publishWhenRoom("t", `${sent++} last`)).toBe(true);
  await until(() => got.length === sent);
  expect(got.map((value) => Number((value as string).split(" ")[0]))).toEqual([...Array(sent).keys()]);
});

test("one that may lose messages is told how much it lost, and goes on with new ones", async () => {
  const { publisher, subscriber } = fresh();
  const got: Value[] = [];
  let lost = 0;
  await subscriber.subscribe("t", (value) => got.push(value), { mayLose: true, lost: (bytes) => (lost += bytes) });
  for (let i = 0; i < 500; i++) expect(publisher.publish("t", "x".repeat(100))).toBe(true);
  await until(() => lost > 0);
  expect(publisher.publish("t", "new")).toBe(true);
  await until(() => got.includes("new"));
  expect(got.length).toBeLessThan(500);
});

test("a message can take half of the bus", () => {
  const { publisher } = fresh();
  expect(publisher.publish("t", "x".repeat(2000))).toBe(true);
  expect(publisher.publish("t", "x".repeat(2100))).toBe("too large");
  expect(publisher.publish("t".repeat(1025), "x")).toBe("too large");
  expect(publisher.publish("t", () => 1)).toBe("bad value type");
});

test("a handler that has unsubscribed hears no more", async () => {
  const { publisher, subscriber } = fresh();
  const first: Value[] = [];
  const second: Value[] = [];
  const subscription = await subscriber.subscribe("t", (value) => first.push(value));
  await subscriber.subscribe("t", (value) => second.push(value));
  subscription.unsubscribe();
  publisher.publish("t", 1);
  await until(() => second.length === 1);
  expect(first).toEqual([]);
});

test("subscribers that were killed hold nobody up", async () => {
  const path = join(directory, "killed");
  const bus = openBus({ path, sizeBytes: 4096 });
  const code = `
    const { openBus } = await import(${JSON.stringify(join(import.meta.dir, "bus.ts"))});
    const bus = openBus({ path: ${JSON.stringify(path)}, sizeBytes: 4096 });
    await bus.subscribe("t", () => {});
    bus.publish("ready", 1);
    for (;;) Bun.sleepSync(1000);`;
  let ready = false;
  await bus.subscribe("ready", () => (ready = true));
  const child = Bun.spawn({ cmd: [process.execPath, "-e", code], stdio: ["ignore", "inherit", "inherit"] });
  await until(() => ready);
  const send = () => bus.publishWhenRoom("t", "x".repeat(1500), 0.05);
  while ((await send()) === true);
  child.kill("SIGKILL");
  await child.exited;
  for (let i = 0; i < 10; i++) expect(await send()).toBe(true);
  await bus.close();
});

test("what a handler throws is told, and the other handlers get the message", async () => {
  const path = join(directory, "throws");
  const errors: unknown[] = [];
  const bus = openBus({ path, sizeBytes: 4096, failed: (error) => errors.push(error) });
  const got: Value[] = [];
  await bus.subscribe("t", () => {
    throw new Error("thrown by a handler");
  });
  await bus.subscribe("t", (value) => got.push(value));
  bus.publish("t", 1);
  await until(() => got.length === 1);
  expect(errors.map(String)).toEqual(["Error: thrown by a handler"]);
});
