import { expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort, inet, isAlive, load, type RunningMaster, start, unix, until } from "./harness.ts";

function pidIn(file: string): number {
  try {
    return Number(readFileSync(file, "utf8"));
  } catch {
    return 0;
  }
}

/** Sends SIGUSR2 and waits for the new master's pid file. */
async function upgrade(master: RunningMaster): Promise<number> {
  master.kill("SIGUSR2");
  return until(`a new master:\n${master.log()}`, () => {
    const pid = pidIn(master.pidFile);
    return pid !== 0 && pid !== master.pid && pid;
  });
}

test("SIGUSR2: a new master takes all sockets over, and nothing is lost when the old one leaves", async () => {
  const listens = await Promise.all(Array.from({ length: 12 }, async () => inet(await freePort())));
  await using master = await start({ workerProcesses: 3, listens });
  const path = join(master.folder, "a.sock");
  await master.reload({ listens: [...listens, unix(path)] });
  const clients = load(master.port);
  const before = await master.workers();
  master.write({ workerProcesses: 2, behaviour: { name: "two" } });
  const pid = await upgrade(master);
  try {
    expect(pidIn(`${master.pidFile}.oldbin`)).toBe(master.pid);
    master.kill("SIGQUIT");
    expect(await master.process.exited).toBe(0);
    expect(existsSync(`${master.pidFile}.oldbin`)).toBe(false);
    for (const worker of before) expect(isAlive(worker.pid)).toBe(false);
    for (const { port } of listens) expect(await master.get("/", port)).toMatchObject({ name: "two" });
    const answer = await fetch("http://localhost/", { unix: path });
    expect(await answer.json()).toMatchObject({ name: "two" });
    const { answered } = clients.counts;
    await until("more answers", () => clients.counts.answered > answered + 300);
    expect((await clients.stop()).lost).toBe(0);
    // It is a master like any other now.
    master.write({ workerProcesses: 4, behaviour: { name: "three" } });
    process.kill(pid, "SIGHUP");
    await until("the new configuration", async () => (await master.get()).name === "three");
    expect((await master.workers()).length).toBe(4);
  } finally {
    process.kill(pid, "SIGQUIT");
    await until("the new master to be gone", () => !isAlive(pid));
  }
  expect([existsSync(master.pidFile), existsSync(path)]).toEqual([false, false]);
}, 20_000);

test("the way back: SIGQUIT to the new master leaves the old one as it was", async () => {
  await using master = await start();
  const path = join(master.folder, "a.sock");
  await master.reload({ listens: [...master.settings.listens, unix(path)] });
  const clients = load(master.port);
  const pid = await upgrade(master);
  process.kill(pid, "SIGQUIT");
  await until("the new master to be gone", () => !isAlive(pid));
  await until("the pid file to be back", () => pidIn(master.pidFile) === master.pid);
  expect(existsSync(path)).toBe(true);
  expect((await clients.stop()).lost).toBe(0);
  expect(await master.workers()).toHaveLength(2);
});

test("a new master that does not start changes nothing", async () => {
  await using master = await start();
  writeFileSync(
    join(master.folder, "settings.json"),
    JSON.stringify({ ...master.settings, user: { uid: -9, gid: -9 } }),
  );
  master.kill("SIGUSR2");
  await master.logged(/new master process \d+ exited with code 1/);
  await until("the pid file to be back", () => pidIn(master.pidFile) === master.pid);
  expect(await master.workers()).toHaveLength(2);
});
