import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { closeDescriptor, openListener, setOption, SO_REUSEPORT, SOL_SOCKET } from "../../../src/std/posix_socket.ts";
import { freePort, inet, start, until } from "./harness.ts";

test.each(["with SO_REUSEPORT", "without"])("a socket of systemd's (LISTEN_FDS) is served, %s", async (how) => {
  const port = await freePort();
  const at = { family: "inet", address: "127.0.0.1", port } as const;
  const fd = openListener(at, { backlog: 16 }, "first");
  if (how === "without") setOption(fd, SOL_SOCKET, SO_REUSEPORT, 0);
  // The number of the process is only known to the shell that becomes the master.
  const shell = "export LISTEN_PID=$$ LISTEN_FDS=1";
  await using master = await start({ listens: [inet(port)] }, { inherit: [fd], shell });
  closeDescriptor(fd);
  // Of two workers with one socket the system may well wake the same one always.
  if (how === "without") expect(await master.get()).toMatchObject({ name: "one" });
  else expect(await master.workers()).toHaveLength(2);
  master.kill("SIGQUIT");
  expect(await master.process.exited).toBe(0);
});

test("systemd is told when it serves, and when it stops", async () => {
  await using other = await start(); // for its folder
  const path = join(other.folder, "notify.sock");
  const receiver = Bun.spawn(["socat", "-u", `UNIX-RECV:${path}`, "-"], { stdout: "pipe", stderr: "ignore" });
  await until("the receiver", () => existsSync(path));
  await using master = await start({}, { env: { NOTIFY_SOCKET: path } });
  master.kill("SIGQUIT");
  await master.process.exited;
  receiver.kill("SIGTERM");
  expect(await new Response(receiver.stdout).text()).toBe(`READY=1\nMAINPID=${master.pid}STOPPING=1`);
});
