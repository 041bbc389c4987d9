import type { Report } from "../report/report.ts";
import { type Memory, memory, type Service } from "./processes.ts";

/** Figures that are no CPU time; each pair is resty's and the peer's. */
export interface Extras {
  workerMemory: [Memory, Memory];
  connectionBytes: [number, number];
  tenThousandP99Ms: [number, number];
  startMs: [number, number];
  reload: [ReloadLoss, ReloadLoss];
  /** Requests a second that each generator got out of nginx; one entry a pair. */
  generators: { bench: number; wrk: number }[];
}

export interface ReloadLoss {
  keptAlive: { requests: number; failed: number };
  opened: { requests: number; failed: number };
}

/** What a connection costs that was used once and then idles. The server has been under load before. */
export async function connectionMemory(service: Service, url: string, count: number): Promise<number> {
  const { hostname, port, pathname } = new URL(url);
  const worker = service.busiest();
  const request = `GET ${pathname} HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`;
  const sockets: { end(): void }[] = [];
  const before = await settled(worker);
  while (sockets.length < count) {
    const answered = Promise.withResolvers<void>();
    const socket = await Bun.connect({
      hostname,
      port: Number(port),
      socket: {
        data: () => answered.resolve(),
        error: (_, error) => answered.reject(error),
        close: () => answered.reject(new Error(`${service.name} closed an idle connection`)),
      },
    });
    socket.write(request);
    await answered.promise;
    sockets.push(socket);
  }
  const after = await settled(worker);
  for (const socket of sockets) socket.end();
  return (after - before) / count;
}

/** Memory of a process that has had the time to collect garbage: the lowest of five looks, a second apart. */
async function settled(pid: number): Promise<number> {
  let lowest = Infinity;
  for (let look = 0; look < 5; look++) {
    await Bun.sleep(1000);
    lowest = Math.min(lowest, memory(pid).own);
  }
  return lowest;
}

/** From the start of the process to its first answer: the median of five. */
export async function startMs(service: Service): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < 5; i++) {
    await service.stop();
    const beganMs = performance.now();
    await service.begin();
    times.push(performance.now() - beganMs);
  }
  return times.sort((a, b) => a - b)[2]!;
}

/** Twenty reloads, one a second, under a rate that leaves room; with and without keep-alive. */
export async function reloadLoss(service: Service, load: (args: string[]) => Promise<Report>): Promise<ReloadLoss> {
  const run = async (rate: string, ...more: string[]): Promise<{ requests: number; failed: number }> => {
    let reloads = 0;
    const timer = setInterval(() => {
      if (reloads++ < 20) service.signal("SIGHUP");
    }, 1000);
    try {
      const report = await load(["--ramp", "0", "--warmup", "0", "-d", "21s", "-R", rate, "-c", "64", ...more]);
      return { requests: report.totals.answers + report.totals.errors, failed: report.totals.errors };
    } finally {
      clearInterval(timer);
    }
  };
  return { keptAlive: await run("5000"), opened: await run("2000", "--no-keepalive") };
}
