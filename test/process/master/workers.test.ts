import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { connect, isAlive, load, start, startFailing, until } from "./harness.ts";

const request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

test("connections queued for a worker that is killed are answered by the next one", async () => {
  await using master = await start({ workerProcesses: 1 });
  const [worker] = await master.workers();
  process.kill(worker!.pid, "SIGSTOP");
  const queued = await Promise.all(Array.from({ length: 50 }, () => connect(master.port)));
  for (const { socket } of queued) socket.write(request);
  process.kill(worker!.pid, "SIGKILL");
  for (const { closed } of queued) expect(await closed).toContain('"slot":0');
  expect(master.log()).toContain(`[alert] ${master.pid}: worker process ${worker!.pid} exited on signal 9`);
});

test("kill -9 of workers under load loses only what they were answering", async () => {
  await using master = await start();
  const clients = load(master.port, 16);
  for (let kills = 0; kills < 5; kills++) {
    const answered = clients.counts.answered;
    await until("some answers", () => clients.counts.answered > answered + 500);
    const { pid } = await master.workers().then((workers) => workers[kills % 2]!);
    process.kill(pid, "SIGKILL");
    await until("the worker to be gone", () => !isAlive(pid));
  }
  const { answered, lost } = await clients.stop();
  expect(answered).toBeGreaterThan(2500);
  expect(lost).toBeLessThanOrEqual(5 * 16);
});

test("SIGTERM to a worker: it exits with code 0 and is replaced", async () => {
  await using master = await start({ workerProcesses: 1 });
  const [worker] = await master.workers();
  process.kill(worker!.pid, "SIGTERM");
  await master.logged(`worker process ${worker!.pid} exited with code 0`);
  const [next] = await master.workers();
  expect(next!.pid).not.toBe(worker!.pid);
});

test("signals a terminal sends to all processes of the group are the master's business", async () => {
  await using master = await start();
  const workers = await master.workers();
  for (const { pid } of workers) for (const name of ["SIGHUP", "SIGWINCH"] as const) process.kill(pid, name);
  expect((await master.workers()).map(({ pid }) => pid)).toEqual(workers.map(({ pid }) => pid));
});

test("workers that die at once: the master gives up and says so", async () => {
  const { code, said, log } = await startFailing({ behaviour: { name: "one", crash: true } });
  expect(code).toBe(1);
  expect(said).toBe("resty: [emerg] worker processes do not come up: the last of 3 exited with code 7\n");
  expect(log).toContain("[emerg]");
});

test("a worker that says why it cannot serve ends the start", async () => {
  const refuse = { text: "handlers/a.ts:3:7: Unexpected end of file", slot: 1 };
  const { code, said } = await startFailing({ behaviour: { name: "one", refuse } });
  expect([code, said]).toEqual([1, `resty: [emerg] ${refuse.text}\n`]);
});

test("a worker that dies at once after a good start is retried ever later, then serves again", async () => {
  await using master = await start({ workerProcesses: 1 });
  // The same generation is sent to replacements, so what ends them has to come from outside.
  const seen = new Set<number>();
  while (seen.size < 5) {
    const { pid } = await until("an answer", () => master.get().catch(() => undefined));
    if (!seen.has(pid)) process.kill(pid, "SIGKILL");
    seen.add(pid);
  }
  expect(await master.get()).toMatchObject({ name: "one" });
});

test("a worker that stops answering is replaced after worker_stall_timeout", async () => {
  await using master = await start({ workerProcesses: 1, workerStallTimeoutMs: 400 });
  const [worker] = await master.workers();
  void master.get("/spin").catch(() => {});
  await master.logged(`[alert] ${master.pid}: worker process ${worker!.pid} has not answered for 400 ms`);
  const [next] = await master.workers();
  expect(next!.pid).not.toBe(worker!.pid);
});

test("a worker that asks for a successor goes when that serves, and nothing is lost", async () => {
  await using master = await start();
  const clients = load(master.port);
  for (let times = 0; times < 4; times++) {
    const { pid, slot } = await master.get("/renew");
    await master.logged(`worker process ${pid} exited with code 0`);
    const workers = await master.workers();
    expect(workers[slot]!.pid).not.toBe(pid);
  }
  expect((await clients.stop()).lost).toBe(0);
});

test("while a worker is not replaced yet, new connections go to the others", async () => {
  await using master = await start({ workerProcesses: 3 });
  // Killed again and again, so that the pause before the next one grows.
  for (let kills = 0; kills < 4; kills++) {
    const slot = await until("slot 1", async () => {
      const answer = await master.get().catch(() => undefined);
      return answer?.slot === 1 && answer;
    });
    process.kill(slot.pid, "SIGKILL");
    await master.logged(`worker process ${slot.pid} exited on signal 9`);
  }
  const began = performance.now();
  const answers = await Promise.all(Array.from({ length: 60 }, () => master.get()));
  expect(performance.now() - began).toBeLessThan(200); // the pause is 400 ms now
  expect(new Set(answers.map(({ slot }) => slot))).toEqual(new Set([0, 2]));
  expect(await master.workers()).toHaveLength(3);
});

test("SIGUSR1 has all of them open their logs again", async () => {
  await using master = await start();
  const workers = await master.workers();
  master.kill("SIGUSR1");
  await master.logged("master reopened");
  for (const { pid } of workers) await master.logged(`worker ${pid} reopened`);
});

test("SIGWINCH has the workers leave gracefully, SIGHUP brings new ones", async () => {
  await using master = await start({ workerProcesses: 1 });
  const slow = master.get("/slow?ms=300");
  const [worker] = await master.workers();
  master.kill("SIGWINCH");
  expect(await slow).toMatchObject({ pid: worker!.pid });
  await until("the worker to be gone", () => !isAlive(worker!.pid));
  expect(isAlive(master.pid)).toBe(true);
  const waiting = master.get(); // the master still has the socket
  await master.reload({});
  expect((await waiting).pid).not.toBe(worker!.pid);
});

test.skipIf(process.getuid!() !== 0)("workers run as the user of the configuration, for good", async () => {
  const user = { name: "nobody", uid: 65534, gid: 65534 };
  await using master = await start({ user });
  const [worker] = await master.workers();
  expect(worker).toMatchObject({ uid: user.uid, gid: user.gid, groups: [user.gid] });
  const status = readFileSync(`/proc/${worker!.pid}/status`, "latin1");
  expect(status).toMatch(/^Uid:\t65534\t65534\t65534\t65534$/m);
  expect(status).toMatch(/^CapEff:\t0+$/m);
  // A killed master still takes workers of another user with it.
  master.kill("SIGKILL");
  await until("the worker to be gone", () => !isAlive(worker!.pid));
});

test.skipIf(process.getuid!() !== 0)("a user whom the system will not have stops the start", async () => {
  const { code, said } = await startFailing({ user: { name: "nobody", uid: 65534, gid: -5 } });
  expect(code).toBe(1);
  expect(said).toContain("setgid(-5) failed");
});

test("limits, priority and CPUs are the worker's", async () => {
  await using master = await start({
    workerProcesses: 1,
    rlimitNofile: 1000,
    workerConnections: 900,
    rlimitCore: 0,
    priority: 5,
    cpuAffinity: [[0]],
    env: { MARK: "here", BUN_OPTIONS: "--inspect" },
  });
  const [worker] = await master.workers();
  expect(worker!.mark).toBe("here");
  const file = (name: string) => readFileSync(`/proc/${worker!.pid}/${name}`, "latin1");
  expect(file("limits")).toMatch(/^Max open files +1000 +1000 /m);
  expect(file("limits")).toMatch(/^Max core file size +0 +0 /m);
  expect(file("stat").split(") ")[1]!.split(" ")[16]).toBe("5");
  expect(file("status")).toMatch(/^Cpus_allowed_list:\t0$/m);
});

test("a limit of open files below worker_connections is raised, else told", async () => {
  await using master = await start({ workerConnections: 3000 }, { shell: "ulimit -n 1024" });
  const [worker] = await master.workers();
  const limit = /^Max open files +(\d+)/m.exec(readFileSync(`/proc/${worker!.pid}/limits`, "latin1"))![1];
  // Even root may be without the right, CAP_SYS_RESOURCE, as in a container.
  if (Number(limit) < 3000) expect(master.log()).toContain("[warn]");
  else expect(master.log()).not.toContain("[warn]");

  await using told = await start({ workerConnections: 3000, rlimitNofile: 1024 });
  expect(told.log()).toContain("3000 worker_connections exceed open file resource limit: 1024; raise it to ");
});

test("a limit that nobody may have is said once, by the master", async () => {
  await using master = await start({ rlimitNofile: 2 ** 31 });
  await master.workers();
  expect(master.log().match(/setrlimit/g)).toHaveLength(1);
  expect(master.log()).toMatch(/\[warn\] .*setrlimit\(RLIMIT_NOFILE, 2147483648\) failed .*, it stays at \d+/);
});
