import { expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { signalMaster } from "../../../src/master/signal.ts";
import { connect, freePort, inet, isAlive, start, startFailing, unix, until } from "./harness.ts";

test("the pid file holds the started process, once all workers answer, and goes with it", async () => {
  await using master = await start();
  expect(await master.get()).toMatchObject({ name: "one" });
  const workers = await master.workers();
  expect(new Set(workers.map(({ pid }) => pid)).size).toBe(2);
  expect(readFileSync(`/proc/${workers[0]!.pid}/cmdline`, "latin1")).toStartWith("resty: worker process\0");
  expect(readFileSync(`/proc/${master.pid}/cmdline`, "latin1")).toStartWith("resty: master process");
  master.kill("SIGQUIT");
  expect(await master.process.exited).toBe(0);
  expect(existsSync(master.pidFile)).toBe(false);
  for (const { pid } of workers) {
    expect(isAlive(pid)).toBe(false);
    expect(master.log()).toContain(`[notice] ${master.pid}: worker process ${pid} exited with code 0`);
  }
  expect(master.log()).not.toContain("[alert]");
});

test("it starts with standard error closed", async () => {
  await using master = await start({}, { shell: "exec 2>&-" });
  expect(await master.get()).toMatchObject({ name: "one" });
});

test("SIGTERM does not wait for requests, SIGQUIT does", async () => {
  await using quick = await start({ workerProcesses: 1 });
  const lost = quick.get("/slow?ms=60000").catch(() => "lost");
  await quick.workers();
  quick.kill("SIGTERM");
  expect(await lost).toBe("lost");
  expect(await quick.process.exited).toBe(0);

  await using graceful = await start({ workerProcesses: 1 });
  const slow = graceful.get("/slow?ms=400");
  const [worker] = await graceful.workers();
  graceful.kill("SIGQUIT");
  expect(await slow).toMatchObject({ pid: worker!.pid });
  expect(await graceful.process.exited).toBe(0);
});

test("SIGQUIT closes the listening sockets while a request is finished", async () => {
  await using master = await start({ workerProcesses: 2 });
  const slow = master.get("/slow?ms=700");
  await master.workers();
  master.kill("SIGQUIT");
  await until("connections to be refused", () =>
    connect(master.port).then(
      ({ socket }) => void socket.end(),
      () => true,
    ),
  );
  expect(await slow).toMatchObject({ name: "one" });
});

test("SIGQUIT waits no longer than worker_shutdown_timeout", async () => {
  await using master = await start({ shutdownTimeoutMs: 200 });
  const lost = master.get("/slow?ms=60000").catch(() => "lost");
  await master.workers();
  master.kill("SIGQUIT");
  expect(await lost).toBe("lost");
  expect(await master.process.exited).toBe(0);
});

test("a worker whose event loop is stuck is killed by SIGTERM to the master", async () => {
  await using master = await start({ workerProcesses: 1 });
  const [worker] = await master.workers();
  const lost = master.get("/spin").catch(() => "lost");
  await until("the worker to spin", () => /^State:\s+R/m.test(readFileSync(`/proc/${worker!.pid}/status`, "latin1")));
  master.kill("SIGTERM");
  expect(await master.process.exited).toBe(0);
  expect(await lost).toBe("lost");
  expect(isAlive(worker!.pid)).toBe(false);
});

test("a second master with the pid file is refused, and the first goes on", async () => {
  await using master = await start();
  const second = await startFailing({ listens: [inet(await freePort())] }, { folder: master.folder });
  expect(second.code).toBe(1);
  expect(second.said).toContain(`another master, process ${master.pid}, runs with the pid file`);
  expect(readFileSync(master.pidFile, "utf8")).toBe(`${master.pid}\n`);
  expect(await master.get()).toMatchObject({ name: "one" });
});

test("of two masters started at once, one serves", async () => {
  await using one = await start({}, { wait: false });
  await using other = await start({ listens: one.settings.listens }, { wait: false, folder: one.folder });
  const code = await Promise.race([one.process.exited, other.process.exited]);
  expect(code).toBe(1);
  const survivor = one.process.exitCode === null ? one : other;
  expect(readFileSync(one.pidFile, "utf8")).toBe(`${survivor.pid}\n`);
  expect(await one.get()).toMatchObject({ name: "one" });
}, 10_000);

test("a second master on the port is refused, though its sockets could be shared", async () => {
  await using master = await start();
  const second = await startFailing({ listens: [inet(master.port)] });
  expect(second.code).toBe(1);
  expect(second.said).toContain(
    `resty: [emerg] bind() to 127.0.0.1:${master.port} failed (98: Address already in use): `,
  );
  expect(await master.get()).toMatchObject({ name: "one" });
}, 10_000);

test.skipIf(process.getuid!() !== 0 || Bun.which("setpriv") === null)(
  "a port below 1024 without the right: what to do is said",
  async () => {
    // Root, but without CAP_NET_BIND_SERVICE.
    const shell = 'set -- setpriv --bounding-set -net_bind_service --inh-caps -net_bind_service "$@"';
    const first = Number(readFileSync("/proc/sys/net/ipv4/ip_unprivileged_port_start", "latin1"));
    if (first === 0) return; // there is no such port here
    const { code, said } = await startFailing({ listens: [inet(81)] }, { shell });
    expect(code).toBe(1);
    expect(said).toStartWith("resty: [emerg] bind() to 127.0.0.1:81 failed (13: Permission denied): ports below 1024 ");
    for (const way of ["root", "CAP_NET_BIND_SERVICE", "net.ipv4.ip_unprivileged_port_start=81"])
      expect(said).toContain(way);
  },
);

test("a log that cannot be written ends the start", async () => {
  const { code, said } = await startFailing({ logFiles: ["/nowhere/error.log"] });
  expect([code, said]).toEqual([
    1,
    'resty: [emerg] open() "/nowhere/error.log" failed (2: No such file or directory)\n',
  ]);
});

test("a pid file that cannot be written ends the start", async () => {
  const { code, said } = await startFailing({ pidFile: "/nowhere/resty.pid" });
  expect([code, said]).toEqual([
    1,
    'resty: [emerg] open() "/nowhere/resty.pid" failed (2: No such file or directory)\n',
  ]);
});

test.each([
  ["of a process that is no more", "4194303\n"],
  ["whose number another program has by now", `${process.pid}\n`],
  ["with nonsense in it", "banana"],
])("a pid file left behind, %s, is in nobody's way", async (_what, content) => {
  await using first = await start();
  first.kill("SIGTERM");
  await first.process.exited;
  writeFileSync(first.pidFile, content);
  expect(signalMaster(first.pidFile, "stop").ok).toBe(false);
  await using second = await start({}, { folder: first.folder });
  expect(await second.get()).toMatchObject({ name: "one" });
});

test("a SIGKILL of the master leaves no worker, not even a stuck one", async () => {
  await using master = await start();
  const workers = await master.workers();
  void master.get("/spin").catch(() => {});
  await until("a worker to spin", () =>
    workers.some(({ pid }) => /^State:\s+R/m.test(readFileSync(`/proc/${pid}/status`, "latin1"))),
  );
  master.kill("SIGKILL");
  await until("all workers to be gone", () => !workers.some(({ pid }) => isAlive(pid)));
  await using next = await start({ listens: master.settings.listens }, { folder: master.folder });
  expect(await next.get()).toMatchObject({ name: "one" });
});

test("a unix socket: a stale file is replaced, a living one refused, and it goes at exit", async () => {
  await using master = await start();
  const path = join(master.folder, "a.sock");
  const stale = Bun.listen({ unix: path, socket: { data() {} } });
  const living = await startFailing({ listens: [unix(path)] });
  expect(living.said).toContain(`bind() to unix:${path} failed (98: Address already in use)`);
  stale.stop();
  if (!existsSync(path)) {
    // What a killed program leaves behind.
    const left = Bun.spawnSync([
      process.execPath,
      "-e",
      `Bun.listen({unix:${JSON.stringify(path)},socket:{data(){}}});process.kill(process.pid,9)`,
    ]);
    expect(left.signalCode).toBe("SIGKILL");
  }
  expect(existsSync(path)).toBe(true);
  await using other = await start({ listens: [unix(path)] });
  const answer = await fetch("http://localhost/", { unix: path });
  expect(await answer.json()).toMatchObject({ name: "one" });
  other.kill("SIGQUIT");
  await other.process.exited;
  expect(existsSync(path)).toBe(false);
}, 15_000);

test("daemon on: the starter returns when the daemon serves, which has left its session", async () => {
  await using starter = await start({ daemon: true }, { wait: false });
  expect(await starter.process.exited).toBe(0);
  const pid = Number(readFileSync(starter.pidFile, "utf8"));
  try {
    expect(await starter.get()).toMatchObject({ name: "one" });
    const session = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]!.split(" ")[3];
    expect(session).toBe(String(pid));
    expect(signalMaster(starter.pidFile, "quit")).toEqual({ ok: true, pid });
  } finally {
    await until("the daemon to be gone", () => !isAlive(pid)).catch(() => process.kill(pid, "SIGKILL"));
  }
});

test("daemon on: the starter says what went wrong", async () => {
  const refused = { name: "one", refuse: { text: "no such handler" } };
  const { code, said } = await startFailing({ daemon: true, behaviour: refused });
  expect(said).toBe("resty: [emerg] no such handler\n");
  expect(code).toBe(1);
});

test.each([
  ["missing", undefined, (file: string) => `open() "${file}" failed (2: No such file or directory)`],
  ["nonsense", "x1", (file: string) => `invalid PID number in "${file}"`],
  ["of nobody", "4194303", () => "kill(4194303, 15) failed (3: No such process)"],
])("-s with a pid file that is %s", async (_what, content, text) => {
  await using master = await start(); // for its folder
  const file = join(master.folder, "other.pid");
  if (content !== undefined) writeFileSync(file, content);
  expect(signalMaster(file, "stop")).toMatchObject({ ok: false, text: text(file) });
});
