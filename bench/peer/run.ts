// Question: what does a request cost resty, beside Debian's nginx with its Lua module doing the same work?
//
// One worker each, both pinned to core 0; load and Redis on core 1; access logs on in both. What is compared is CPU
// time per request of all the server's processes, in alternating pairs, because throughput and latency of two
// processes that share a machine say more about the machine. Left out: TLS, upstreams, several workers, disks.
//
//   bun bench/peer/run.ts [--pairs 5] [--seconds 3] [--only TEXT|extras] [--resty ./resty] [--out bench/RESULTS.md]
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, loadavg, tmpdir } from "node:os";
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

/** Where a variant of a server's session service is. */
interface Place {
  service: Service;
  url: string;
  /** The same over TLS, with HTTP/2. */
  tlsUrl: string;
}

/** One of the two that are compared. */
interface Contender {
  places: Record<Variant, Place>;
  version: string;
}

/** What else ran on the machine: the average of the last minute. */
const beganWith = loadavg()[0]!;
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
  const extras = ["extras", undefined].includes(options.only) ? await measureExtras(resty, peer) : undefined;
  const text = writeResults({
    rows,
    extras,
    machine: describeMachine(),
    loadAverage: beganWith,
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
  const made = Bun.spawnSync([
    ...["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"],
    ...["-subj", "/CN=localhost", "-keyout", join(folder, "tls.key"), "-out", join(folder, "tls.crt")],
  ]);
  if (made.exitCode !== 0) throw new Error(`openssl: ${made.stderr.toString()}`);
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
  const PORT_TLS = freePort();
  fill("nginx-session.conf", "session.conf", {});
  const { connect: PORT_CONNECT, pool: PORT_POOL, cache: PORT_CACHE } = ports;
  const values = { PREFIX: folder, SOURCE: import.meta.dir, ...needs, PORT_TLS, PORT_CONNECT, PORT_POOL, PORT_CACHE };
  const url = (variant: Variant): string => `http://127.0.0.1:${ports[variant]}`;
  const service = await begin(
    "nginx",
    SERVER_CORE,
    nginxCommand(fill("nginx.conf", "nginx.conf", values)),
    url("pool"),
  );
  const said = Bun.spawnSync(["nginx", "-v"]).stderr.toString();
  const debian = Bun.spawnSync(["dpkg-query", "-W", "-f", "${Version}", "libnginx-mod-http-lua"]).stdout.toString();
  const place = (variant: Variant): Place => ({
    service,
    url: url(variant),
    tlsUrl: `https://127.0.0.1:${PORT_TLS}`,
  });
  return {
    places: { connect: place("connect"), pool: place("pool"), cache: place("cache") },
    version: `${said.trim().replace("nginx version: ", "")}, lua module ${debian}`,
  };
}

/** The cache of the session service is for a whole configuration: so there are two servers, one without it. */
async function startResty(needs: Record<string, number>): Promise<Contender> {
  const program = existsSync(options.resty) ? [resolve(options.resty)] : [process.execPath, join(root, "src/main.ts")];
  const place = async (name: string, SESSION_CACHE: string): Promise<Place> => {
    mkdirSync(join(folder, name, "conf"), { recursive: true });
    const port = freePort();
    const tlsPort = freePort();
    const values = { PREFIX: join(folder, name), SOURCE: import.meta.dir, ROOT: root, FILES: folder, SESSION_CACHE };
    fill("resty.conf", `${name}/conf/nginx.conf`, { ...values, ...needs, PORT_TLS: tlsPort, PORT: port });
    const url = `http://127.0.0.1:${port}`;
    const command = [...program, "serve", join(folder, name, "conf")];
    const service = await begin(name, SERVER_CORE, command, url);
    return { service, url, tlsUrl: `https://127.0.0.1:${tlsPort}` };
  };
  const pool = await place("resty", "off");
  const said = Bun.spawnSync([...program, "-v"]);
  const version = (said.stderr.toString() + said.stdout.toString()).trim().split("\n")[0]!;
  return {
    places: { connect: pool, pool, cache: await place("resty-cache", "300s") },
    version: version.replace(/^.*version: /, ""),
  };
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
async function measure(place: Place, workload: Workload): Promise<number> {
  const { service, url } = place;
  if (workload.http2) return measureHttp2(place, workload);
  const common = ["--ramp", "0", "--warmup", "0"];
  await load(url, [...common, "-d", "1s", ...workload.load]);
  const before = service.cpuSeconds();
  const report = await load(url, [...common, "-d", `${options.seconds}s`, ...workload.load]);
  const used = service.cpuSeconds() - before;
  if (report.totals.errors > 0) {
    throw new Error(`${service.name}, ${workload.name}: ${JSON.stringify(report.errorDetails)}`);
  }
  // The sessions that were made first cost about what a request does, and are a hundredth of all.
  const made = workload.load.includes("--sessions") ? 1000 : 0;
  return (used * 1e6) / (report.totals.answers + made) / workload.operations;
}

/** As `measure`, with h2load: 8 connections with 32 streams each. */
async function measureHttp2({ service, tlsUrl }: Place, workload: Workload): Promise<number> {
  if (!Bun.which("h2load")) throw new Error("h2load is missing: apt-get install nghttp2-client");
  const send = async (seconds: string): Promise<number> => {
    const args = workload.load.map((arg) => arg.replace("URL", tlsUrl));
    const child = Bun.spawn(["taskset", "-c", String(LOAD_CORE), "h2load", "-D", seconds, ...args]);
    const said = await new Response(child.stdout).text();
    const counts = /(\d+) succeeded, (\d+) failed, (\d+) errored/.exec(said);
    if (!counts || counts[2] !== "0" || counts[3] !== "0")
      throw new Error(`${service.name}, ${workload.name}: ${said}`);
    return Number(counts[1]);
  };
  await send("1");
  const before = service.cpuSeconds();
  const answers = await send(options.seconds);
  return ((service.cpuSeconds() - before) * 1e6) / answers;
}

async function compare(workload: Workload, resty: Contender, peer: Contender): Promise<Row> {
  const row: Row = { workload, resty: [], peer: [], problem: undefined };
  const ours = resty.places[workload.variant];
  const theirs = peer.places[workload.peerVariant ?? workload.variant];
  try {
    for (let pair = 0; pair < Number(options.pairs); pair++) {
      // Who goes first changes, so that a machine that grows slower favours nobody.
      if (pair % 2 === 0) row.resty.push(await measure(ours, workload));
      row.peer.push(await measure(theirs, workload));
      if (pair % 2 === 1) row.resty.push(await measure(ours, workload));
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

/** Sessions validated by Redis, 4 000 a second over 10 000 connections: the median of three pairs. */
async function tenThousandP99Ms(ours: Place, theirs: Place): Promise<[number, number]> {
  const sessions = ["--scenario", "session", "--sessions", "1000", "--mix", "validate"];
  const args = [...sessions, "-c", "10000", "--ramp", "5s", "--warmup", "1s", "-d", "5s", "-R", "4000", "URL"];
  const p99 = async ({ service, url }: Place): Promise<number> => {
    const { latency, totals, errorDetails } = await load(url, args);
    if (totals.errors > 0) console.log(`${service.name}, 10 000 connections: ${JSON.stringify(errorDetails)}`);
    return latency.p99Ms;
  };
  const pairs: [number, number][] = [];
  for (let pair = 0; pair < 3; pair++) pairs.push([await p99(ours), await p99(theirs)]);
  const median = (values: number[]): number => values.sort((a, b) => a - b)[1]!;
  return [median(pairs.map(([own]) => own)), median(pairs.map(([, other]) => other))];
}

async function measureExtras(resty: Contender, peer: Contender): Promise<Extras> {
  const both = async <T>(take: (service: Service, url: string) => Promise<T>): Promise<[T, T]> => {
    const ours = resty.places.pool;
    const theirs = peer.places.pool;
    return [await take(ours.service, `${ours.url}/hello`), await take(theirs.service, `${theirs.url}/hello`)];
  };
  return {
    generators: await compareGenerators(`${peer.places.pool.url}/plain`),
    workerMemory: await both(async (service, url) => {
      await load(url, ["-d", "5s", "URL"]);
      return memory(service.busiest());
    }),
    connectionBytes: await both((service, url) => connectionMemory(service, url, 9000)),
    tenThousandP99Ms: await tenThousandP99Ms(resty.places.pool, peer.places.pool),
    reload: await both((service, url) => reloadLoss(service, (args) => load(url, [...args, "URL"]))),
    startMs: await both((service) => startMs(service)),
  };
}

async function stopAll(): Promise<void> {
  await Promise.all(services.map((service) => service.stop()));
  rmSync(folder, { recursive: true, force: true });
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(signal, () => void stopAll().then(() => process.exit(130)));
}
try {
  await main();
} finally {
  await stopAll();
}
