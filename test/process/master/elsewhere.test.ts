import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { freePort, inet, isAlive, start, startFailing, unix, until } from "./harness.ts";

const elsewhere = { standin: "standin_elsewhere.ts" };

test("without the system calls of Linux, workers bind for themselves", async () => {
  await using master = await start({}, elsewhere);
  const path = join(master.folder, "a.sock");
  const [workers, port] = [await master.workers(), await freePort()];
  expect(workers).toHaveLength(2);
  await master.reload({ listens: [inet(master.port), inet(port), unix(path)], behaviour: { name: "two" } });
  expect(await master.get("/", port)).toMatchObject({ name: "two" });
  const answer = await fetch("http://localhost/", { unix: path });
  expect(await answer.json()).toMatchObject({ name: "two", slot: 0 });
  process.kill(workers[0]!.pid, "SIGKILL");
  await until("a replacement", async () => {
    const answer = await master.get().catch(() => undefined);
    return answer?.slot === 0 && answer.pid !== workers[0]!.pid;
  });
  const second = await startFailing({ listens: [unix(path)] }, { ...elsewhere, folder: master.folder });
  expect(second.code).toBe(1);
  master.kill("SIGQUIT");
  expect(await master.process.exited).toBe(0);
  expect(existsSync(path)).toBe(false);
});

test("a SIGKILL of the master ends workers that can still hear of it", async () => {
  await using master = await start({}, elsewhere);
  const workers = await master.workers();
  master.kill("SIGKILL");
  await until("the workers to be gone", () => !workers.some(({ pid }) => isAlive(pid)));
});
