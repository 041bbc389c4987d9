// Question: what does a request cost resty, beside Debian's nginx with its Lua module doing the same work?
//
// One worker each, both pinned to core 0; load and Redis on core 1; access logs on in both. What is compared is CPU
// time per request of all the server's processes, in alternating pairs, because throughput and latency of two
// processes that share a machine say more about the machine. Left out: TLS, upstreams, several workers, disks.
//
//   bun bench/peer/run.ts [--pairs 5] [--seconds 3] [--only TEXT] [--resty ./resty] [--out bench/RESULTS.md]
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import type { Report } from "../report/report.ts";
import { describeMachine } from "../machine.ts";
import { connectionMemory, reloadLoss, startMs, type Extras } from "./extras.ts";
import { freePort, memory, Service } from "./processes.ts";
import { writeResults, type Row } from "./results.ts";
import { workloads, type Variant, type Workload } from "./workloads.ts";

const SERVER_CORE = 0;
const LOAD_CORE = 1;
const root = resolve(import.meta.dir, "../..");

const { values: options } = parseArgs({
  options: {
    pairs: { type: "string", default: "5" },
    seconds: { type: "string", default: "3" },
    only: { type: "string" },
    resty: { type: "string", default: join(root, "resty") },
    out: { type: "string", default: join(root, "bench/RESULTS.md") },
  },
});

/** A server with a port for each variant of its session service. */
interface Contender {
  service: Service;
  ports: Record<Variant, number>;
  version: string;
}

const folder = mkdtempSync(join(tmpdir(), "resty-peer-"));
// Started as root, nginx serves as somebody who may not look into it.
chmodSync(folder, 0o755);
const services: Service[] = [];

async function main(): Promise<void> {
  for (const needed of ["nginx", "redis-server", "taskset"]) {
    if (!Bun.which(needed))
      throw new Error(`${needed} is missing: apt-get install nginx libnginx-mod-http-lua redis-server`);
  }
  if (availableParallelism() < 2) throw new Error("server and load need a core each");
  makeFiles();
  const redisPort = freePort();
  const redis = ["redis-server", "--port", String(redisPort), "--save", "", "--appendonly", "no", "--dir", folder];
  await begin("redis-server", LOAD_CORE, redis, `redis://127.0.0.1:${redisPort}`);
  process.env["REDIS_URL"] = `redis://127.0.0.1:${redisPort}`;
  const upstreamPort = freePort();
  const upstream = fill("upstream.conf", "upstream.conf", { PREFIX: folder, PORT_UPSTREAM: upstreamPort });
  const upstreamUrl = `http://127.0.0.1:${upstreamPort}/`;
  await begin("upstream", LOAD_CORE, nginxCommand(upstream), upstreamUrl);
  const needs = { REDIS: redisPort, PORT_UPSTREAM: upstreamPort };
  const peer = await startPeer(needs);
  const resty = await startResty(needs);

  const rows: Row[] = [];
  for (const workload of workloads) {
    if (options.only !== undefined && !workload.name.includes(options.only)) continue;
    rows.push(await compare(workload, resty, peer));
  }
  const extras = options.only === undefined ? await measureExtras(resty, peer) : undefined;
  const text = writeResults({
    rows,
    extras,
    machine: describeMachine(),
    versions: [resty.version, peer.version],
    pairs: Number(options.pairs),
    seconds: Number(options.seconds),
  });
  writeFileSync(options.out, text);
  console.log(`wrote ${options.out}`);
}

function nginxCommand(file: string): string[] {
  return ["nginx", "-c", file, "-p", folder, "-e", join(folder, "error.log")];
}

async function begin(name: string, core: number, command: readonly string[], url: string): Promise<Service> {
  const service = new Service(name, core, command, url);
  services.push(service);
  await service.begin();
  return service;
}

function makeFiles(): void {
  const files = join(folder, "static");
  mkdirSync(files);
  writeFileSync(join(files, "1k.html"), "x".repeat(1024));
  writeFileSync(join(files, "1m.bin"), Buffer.alloc(1024 * 1024, "x"));
}

/** Copies a configuration into the scratch folder with what is in capitals filled in. */
function fill(source: string, target: string, values: Record<string, string | number>): string {
  let text = readFileSync(join(import.meta.dir, source), "utf8");
  for (const [name, value] of Object.entries(values)) text = text.replaceAll(name, String(value));
  const file = join(folder, target);
  writeFileSync(file, text);
  return file;
}

async function startPeer(needs: Record<string, number>): Promise<Contender> {
  const ports = { connect: freePort(), pool: freePort(), cache: freePort() };
  fill("nginx-session.conf", "session.conf", {});
  const values = { PREFIX: folder, SOURCE: import.meta.dir, ...needs, ...portValues(ports) };
  const file = fill("nginx.conf", "nginx.conf", values);
  const service = await begin("nginx", SERVER_CORE, nginxCommand(file), `http://127.0.0.1:${ports.pool}/hello`);
  const said = Bun.spawnSync(["nginx", "-v"]).stderr.toString();
  const debian = Bun.spawnSync(["dpkg-query", "-W", "-f", "${Version}", "libnginx-mod-http-lua"]).stdout.toString();
  return { service, ports, version: `${said.trim().replace("nginx version: ", "")}, lua module ${debian}` };
}

async function startResty(needs: Record<string, number>): Promise<Contender> {
  const ports = { connect: freePort(), pool: freePort(), cache: freePort() };
  const prefix = join(folder, "resty");
  mkdirSync(join(prefix, "conf"), { recursive: true });
  const values = { PREFIX: folder, SOURCE: import.meta.dir, ROOT: root, ...needs, ...portValues(ports) };
  fill("resty.conf", "resty/conf/nginx.conf", values);
  const program = existsSync(options.resty) ? [resolve(options.resty)] : [process.execPath, join(root, "src/main.ts")];
  const command = [...program, "serve", join(prefix, "conf")];
  const service = await begin("resty", SERVER_CORE, command, `http://127.0.0.1:${ports.pool}/hello`);
  const said = Bun.spawnSync([...program, "-v"]);
  const version = (said.stderr.toString() + said.stdout.toString()).trim().split("\n")[0]!;
  return { service, ports, version: version.replace(/^.*version: /, "") };
}

function portValues(ports: Record<Variant, number>): Record<string, number> {
  return { PORT_CONNECT: ports.connect, PORT_POOL: ports.pool, PORT_CACHE: ports.cache };
}

/** Runs the load generator on its own core and reads what it found. */
async function load(url: string, args: readonly string[]): Promise<Report> {
  const filled = args.map((arg) => arg.replace("URL", url));
  const child = Bun.spawn(
    [...["taskset", "-c", String(LOAD_CORE), process.execPath, join(root, "bench/main.ts")], ...filled, "--json", "-"],
    { stdin: "ignore", stdout: "pipe", stderr: "pipe" },
  );
  const [text, said] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  if (text === "") throw new Error(`resty bench ${filled.join(" ")}: ${said}`);
  return JSON.parse(text) as Report;
}

/** @returns CPU microseconds per operation. */
async function measure(contender: Contender, workload: Workload, variant: Variant): Promise<number> {
  const url = `http://127.0.0.1:${contender.ports[variant]}`;
  const common = ["--ramp", "0", "--warmup", "0"];
  await load(url, [...common, "-d", "1s", ...workload.load]);
  const before = contender.service.cpuSeconds();
  const report = await load(url, [...common, "-d", `${options.seconds}s`, ...workload.load]);
  const used = contender.service.cpuSeconds() - before;
  if (report.totals.errors > 0) {
    throw new Error(`${contender.service.name}, ${workload.name}: ${JSON.stringify(report.errorDetails)}`);
  }
  // The sessions that were made first cost about what a request does, and are a hundredth of all.
  const made = workload.load.includes("--sessions") ? 1000 : 0;
  return (used * 1e6) / (report.totals.answers + made) / workload.operations;
}

async function compare(workload: Workload, resty: Contender, peer: Contender): Promise<Row> {
  const row: Row = { workload, resty: [], peer: [], problem: undefined };
  const variant = workload.peerVariant ?? workload.variant;
  try {
    for (let pair = 0; pair < Number(options.pairs); pair++) {
      // Who goes first changes, so that a machine that grows slower favours nobody.
      if (pair % 2 === 0) row.resty.push(await measure(resty, workload, workload.variant));
      row.peer.push(await measure(peer, workload, variant));
      if (pair % 2 === 1) row.resty.push(await measure(resty, workload, workload.variant));
    }
  } catch (error) {
    row.problem = (error as Error).message;
  }
  const show = (values: number[]): string => values.map((value) => value.toFixed(2)).join(" ");
  console.log(`${workload.name}: resty ${show(row.resty)}  peer ${show(row.peer)} µs ${row.problem ?? ""}`);
  return row;
}

/** The load generator against wrk, one sending thread each, nginx doing as little as it can. */
async function compareGenerators(url: string): Promise<{ bench: number; wrk: number }[]> {
  const seconds = options.seconds;
  const pairs: { bench: number; wrk: number }[] = [];
  if (!Bun.which("wrk")) return pairs;
  for (let pair = 0; pair < Number(options.pairs); pair++) {
    const { totals } = await load(url, ["--ramp", "0", "--warmup", "500ms", "-d", `${seconds}s`, "-c", "64", url]);
    const child = Bun.spawn(["taskset", "-c", String(LOAD_CORE), "wrk", "-t1", "-c64", `-d${seconds}s`, url]);
    const said = await new Response(child.stdout).text();
    pairs.push({ bench: totals.requestsPerSecond, wrk: Number(/Requests\/sec:\s*([\d.]+)/.exec(said)![1]) });
  }
  return pairs;
}

async function measureExtras(resty: Contender, peer: Contender): Promise<Extras> {
  const both = async <T>(take: (one: Contender) => Promise<T>): Promise<[T, T]> => [
    await take(resty),
    await take(peer),
  ];
  const url = (one: Contender): string => `http://127.0.0.1:${one.ports.pool}/hello`;
  const many = ["-c", "10000", "--ramp", "5s", "--warmup", "1s", "-d", "5s", "-R", "8000"];
  return {
    generators: await compareGenerators(`http://127.0.0.1:${peer.ports.pool}/plain`),
    workerBytes: await both(async (one) => memory(one.service.busiest()).resident),
    connectionBytes: await both((one) => connectionMemory(one.service, url(one), 5000)),
    tenThousandP99Ms: await both(async (one) => (await load(url(one), [...many, url(one)])).latency.p99Ms),
    reload: await both((one) => reloadLoss(one.service, (args) => load(url(one), [...args, url(one)]))),
    startMs: await both((one) => startMs(one.service)),
  };
}

try {
  await main();
} finally {
  await Promise.all(services.map((service) => service.stop()));
  rmSync(folder, { recursive: true, force: true });
}
