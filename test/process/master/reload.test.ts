import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { connect, freePort, inet, isAlive, load, start, unix, until } from "./harness.ts";

test("a reload reaches all workers without replacing one, and connections live through it", async () => {
  await using master = await start();
  const workers = await master.workers();
  const { socket, closed } = await connect(master.port);
  socket.write("GET /first HTTP/1.1\r\nHost: a\r\n\r\n");
  await master.reload({ behaviour: { name: "two" } });
  expect(await master.workers()).toEqual(workers.map((worker) => ({ ...worker, name: "two" })));
  socket.write("GET /second HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  expect(await closed).toMatch(/200 OK[^]+200 OK[^]+"two"/);
});

test("a configuration that does not load changes nothing", async () => {
  await using master = await start();
  const before = await master.workers();
  await master.reload("{ banana");
  expect(master.log()).toContain("[emerg]");
  expect(await master.workers()).toEqual(before);
});

test("a generation that one worker refuses is served by none", async () => {
  await using master = await start({ workerProcesses: 3 });
  const before = await master.workers();
  const port = await freePort();
  const listens = [...master.settings.listens, inet(port)];
  await master.reload({ listens, behaviour: { name: "two", refuse: { text: "handlers/a.ts: no", slot: 1 } } });
  expect(master.log()).toContain(`[emerg] ${master.pid}: handlers/a.ts: no\n`);
  expect(await master.workers()).toEqual(before);
  expect(connect(port)).rejects.toThrow();
  await master.reload({ listens, behaviour: { name: "three" } });
  expect(await master.workers()).toEqual(before.map((worker) => ({ ...worker, name: "three" })));
  expect(await master.get("/", port)).toMatchObject({ name: "three" });
});

test("a generation that workers die of is not served, and the old one is served again", async () => {
  await using master = await start();
  const before = await master.workers();
  await master.reload({ behaviour: { name: "two", crash: true } });
  expect(master.log()).toMatch(/\[emerg\] \d+: worker process \d+ died while it prepared the new configuration/);
  await until("the workers that died to be gone", () => !before.some(({ pid }) => isAlive(pid)));
  for (const worker of await master.workers()) expect(worker.name).toBe("one");
});

test("a worker that is stuck does not keep the others from a reload, and is replaced by it", async () => {
  await using master = await start();
  void master.get("/spin").catch(() => {});
  // Some of these reach the stuck one, and wait for it.
  const answer = () => Promise.race([master.get().catch(() => undefined), Bun.sleep(500).then(() => undefined)]);
  await until("one that is stuck", async () => (await answer()) === undefined);
  const { pid } = await until("an answer of the other", answer);
  await master.reload({ behaviour: { name: "two" } });
  await master.logged(/\[alert\] \d+: worker process \d+ does not answer and is replaced/);
  const workers = await master.workers();
  expect(workers.map(({ name }) => name)).toEqual(["two", "two"]);
  expect(workers.map((worker) => worker.pid)).toContain(pid);
}, 20_000);

test("SIGHUP while it is starting is a reload afterwards", async () => {
  await using master = await start({}, { wait: false });
  await master.logged("start worker processes");
  master.write({ behaviour: { name: "two" } });
  master.kill("SIGHUP");
  await master.logged("generation 2 serves");
  for (const worker of await master.workers()) expect(worker.name).toBe("two");
});

test("master_process off has one worker", async () => {
  await using master = await start({ masterProcess: false, workerProcesses: 3 });
  expect(master.log().match(/start worker process \d/g)).toHaveLength(1);
});

test("reloads leave no descriptor open, in the master or in a worker", async () => {
  await using master = await start({ workerProcesses: 1 });
  const [worker] = await master.workers();
  const open = () => [master.pid, worker!.pid].map((pid) => readdirSync(`/proc/${pid}/fd`).length);
  const turn = async (port: number) => {
    await master.reload({ listens: [master.settings.listens[0]!, inet(port), unix(join(master.folder, `${port}`))] });
    await master.reload({ listens: [master.settings.listens[0]!], behaviour: { name: "x", refuse: { text: "no" } } });
    await master.reload({ behaviour: { name: "y" }, listens: [master.settings.listens[0]!] });
  };
  await turn(await freePort());
  await until("the old server to be gone", () => open()[1]! < 40);
  const before = open();
  for (let times = 0; times < 5; times++) await turn(await freePort());
  await until(`as few as ${before}, not ${open()}`, () => open().every((count, at) => count <= before[at]!));
});

test("an address that is in use stops a reload, not the server", async () => {
  await using master = await start();
  const port = await freePort();
  using _other = Bun.listen({ hostname: "127.0.0.1", port, socket: { data() {} } });
  await master.reload({ listens: [...master.settings.listens, inet(port)], behaviour: { name: "two" } });
  expect(master.log()).toContain(`bind() to 127.0.0.1:${port} failed (98: Address already in use): another program`);
  expect(await master.get()).toMatchObject({ name: "one" });
}, 10_000);

test("new addresses are served, old ones refused after those who wait are answered", async () => {
  await using master = await start();
  const [old, port] = [master.port, await freePort()];
  const slow = master.get("/slow?ms=300");
  await master.reload({ listens: [inet(port)], behaviour: { name: "two" } });
  expect(await master.get()).toMatchObject({ name: "two" });
  await until("the old address to be refused", () =>
    connect(old).then(
      ({ socket }) => void socket.end(),
      () => true,
    ),
  );
  expect(await slow).toMatchObject({ slot: expect.any(Number) });
});

test("an address may change to one that contains it", async () => {
  await using master = await start();
  const { port } = master;
  const any = { ...inet(port), key: `0.0.0.0:${port}`, address: "0.0.0.0" };
  await master.reload({ listens: [any], behaviour: { name: "two" } });
  expect(await master.get("/", port)).toMatchObject({ name: "two" });
  await master.reload({ listens: [inet(port)], behaviour: { name: "three" } });
  expect(await master.get("/", port)).toMatchObject({ name: "three" });
});

test.each([
  ["the same workers", (turn: number) => ({ behaviour: { name: `${turn}` } })],
  ["more and fewer workers", (turn: number) => ({ workerProcesses: turn % 2 ? 4 : 1 })],
  ["other processes", (turn: number) => ({ env: { MARK: `${turn}` } })],
])(
  "reloads under load lose nothing: %s",
  async (_what, change) => {
    await using master = await start();
    const clients = load(master.port);
    for (let turn = 1; turn <= 6; turn++) {
      const { answered } = clients.counts;
      await master.reload(change(turn));
      await until("answers", () => clients.counts.answered > answered + 300);
    }
    const { lost } = await clients.stop();
    expect(lost).toBe(0);
  },
  20_000,
);

test("what a living process cannot change brings new processes; they must come up before the old ones go", async () => {
  await using master = await start();
  const before = await master.workers();
  await master.reload({ env: { MARK: "x" }, behaviour: { name: "bad", refuse: { text: "cannot" } } });
  expect(await master.workers()).toEqual(before);
  await master.reload({ env: { MARK: "y" }, behaviour: { name: "two" } });
  await until("the old workers to be gone", () => !before.some(({ pid }) => isAlive(pid)));
  for (const worker of await master.workers()) expect(worker).toMatchObject({ mark: "y", name: "two" });
});

test("many SIGHUPs at once end in the last configuration", async () => {
  await using master = await start();
  for (let turn = 1; turn <= 20; turn++) {
    master.write({ behaviour: { name: `turn ${turn}` } });
    master.kill("SIGHUP");
  }
  await until("the last one", async () => (await master.get()).name === "turn 20");
  for (const worker of await master.workers()) expect(worker.name).toBe("turn 20");
});

test("SIGQUIT during a reload still ends the server", async () => {
  await using master = await start();
  master.write({ workerProcesses: 4 });
  master.kill("SIGHUP");
  master.kill("SIGQUIT");
  expect(await master.process.exited).toBe(0);
});
