/**
 * A master and workers with nothing behind them but a server that says who answers: what the process side is tested
 * with. `standin.ts FILE` runs the master; FILE holds its settings as JSON, read again on each reload.
 */
import { appendFileSync, readFileSync } from "node:fs";
import { listenOn, stopListening } from "../../../src/master/adopt.ts";
import type { MasterSettings, WorkerListener } from "../../../src/master/contract.ts";
import { runMaster } from "../../../src/master/master.ts";
import { runWorker } from "../../../src/master/worker.ts";

/** What the snapshot of a generation can ask of a stand-in worker. */
export interface Behaviour {
  name: string;
  /** Refuses to prepare the generation, in that slot, or in all. */
  refuse?: { text: string; slot?: number };
  /** Dies while it prepares. */
  crash?: boolean;
}

export type StandinFile = MasterSettings & { behaviour: Behaviour };

const [, script, role] = process.argv;

if (role === "worker") {
  const servers = new Map<WorkerListener, Bun.Server<undefined>>();
  let serving = "";
  let inWork = 0;
  let slotNumber = -1;
  let logFile = "";
  const answer = async (request: Request): Promise<Response> => {
    const url = new URL(request.url);
    inWork++;
    try {
      if (url.pathname === "/slow") await Bun.sleep(Number(url.searchParams.get("ms")));
      if (url.pathname === "/renew") master.renew();
      if (url.pathname === "/spin") for (;;);
      const who = { pid: process.pid, slot: slotNumber, name: serving, uid: process.getuid!(), gid: process.getgid!() };
      return Response.json({ ...who, groups: process.getgroups!(), mark: process.env.MARK });
    } finally {
      inWork--;
    }
  };
  const master = runWorker({
    onGeneration({ listeners, snapshot, slot, settings }) {
      const behaviour = snapshot as Behaviour;
      slotNumber = slot;
      logFile = settings.logFiles[0]!;
      if (behaviour.crash) process.exit(7);
      if (behaviour.refuse && (behaviour.refuse.slot ?? slot) === slot) throw new Error(behaviour.refuse.text);
      return {
        activate() {
          serving = behaviour.name;
          for (const listener of listeners)
            if (!servers.has(listener))
              servers.set(
                listener,
                listenOn(listener, (binding) => Bun.serve({ ...binding, fetch: answer, idleTimeout: 0 } as never)),
              );
          for (const [listener, server] of servers)
            if (!listeners.includes(listener)) {
              servers.delete(listener);
              void stopListening(listener, server);
            }
        },
      };
    },
    async onQuit() {
      await Promise.race([
        Promise.all([...servers].map(([listener, server]) => stopListening(listener, server))),
        // Connections that are kept alive do not count, requests do; also one that was accepted and is not read yet.
        (async () => {
          for (let quiet = 0; quiet < 100; quiet = inWork > 0 ? 0 : quiet + 1) await Bun.sleep(10);
        })(),
      ]);
    },
    onReopen: () => appendFileSync(logFile, `worker ${process.pid} reopened\n`),
  });
} else {
  const file = role!;
  const settings = JSON.parse(readFileSync(file, "utf8")) as StandinFile;
  let log = settings.logFiles[0]!;
  process.exitCode = await runMaster({
    async load() {
      try {
        const { behaviour, ...loaded } = JSON.parse(readFileSync(file, "utf8")) as StandinFile;
        return { ok: true, settings: loaded, snapshot: behaviour };
      } catch (error) {
        return { ok: false, text: `resty: [emerg] ${(error as Error).message} in ${file}` };
      }
    },
    workerArgv: () => [process.execPath, script!, "worker"],
    selfArgv: [process.execPath, script!, file],
    log(level, message) {
      try {
        appendFileSync(log, `[${level}] ${process.pid}: ${message}\n`);
      } catch {
        return; // a test of just that
      }
    },
    onSettings: (now) => (log = now.logFiles[0]!),
    reopenLogs: () => appendFileSync(log, "master reopened\n"),
  });
}
