/** Real servers of the distribution, each in a folder of its own on free ports, stopped with the test. */
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Authority, Certificate } from "./certificates.ts";
import { type FileContent, makeFolder, removeFolder, writeFiles } from "./folder.ts";
import { connect } from "./http.ts";
import { freePort, until } from "./wait.ts";

/** Some live where only root's PATH looks. */
const searchPath = `${process.env.PATH}:/usr/sbin:/usr/local/sbin:/sbin`;

/** @throws Error that names the package, when the program is not there. */
function program(name: string, fromPackage: string): string {
  const path = Bun.which(name, { PATH: searchPath });
  if (!path) throw new Error(`${name} is missing: "make test" installs it, or the package ${fromPackage} has it`);
  return path;
}

export class Service implements AsyncDisposable {
  process: Bun.Subprocess;

  constructor(
    readonly folder: string,
    readonly port: number,
    private readonly argv: readonly string[],
    private readonly ownsFolder = true,
  ) {
    this.process = this.#spawn();
  }

  #spawn(): Bun.Subprocess {
    const output = openSync(join(this.folder, "output"), "a");
    const child = Bun.spawn({ cmd: [...this.argv], cwd: this.folder, stdio: ["ignore", output, output] });
    closeSync(output);
    return child;
  }

  /** What it wrote to its standard output and error. */
  output(): string {
    return readFileSync(join(this.folder, "output"), "utf8");
  }

  /** Waits until `answers`. @throws Error when the process ends instead. */
  async ready(answers: () => Promise<boolean>): Promise<this> {
    try {
      await until(
        () => `${this.argv[0]}:\n${this.output()}`,
        async () => {
          if (this.process.exitCode !== null) throw new Error(`${this.argv[0]} ended:\n${this.output()}`);
          return answers().catch(() => false);
        },
        30_000,
      );
    } catch (error) {
      await this[Symbol.asyncDispose]();
      throw error;
    }
    return this;
  }

  /** Ends it at once, as a crash does; `start` brings it back with its port and data. */
  async kill(): Promise<void> {
    this.process.kill("SIGKILL");
    await this.process.exited;
  }

  async start(answers: () => Promise<boolean>): Promise<void> {
    this.process = this.#spawn();
    await this.ready(answers);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      this.process.kill("SIGTERM");
      if (!(await Promise.race([this.process.exited.then(() => true), Bun.sleep(10_000)]))) await this.kill();
    }
    if (this.ownsFolder) removeFolder(this.folder);
  }
}

export class Redis extends Service {
  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Sends one command; gives the answer as RESP text. */
  command(...words: string[]): Promise<string> {
    return redisCommand(this.port, ...words);
  }

  restart(): Promise<void> {
    return this.start(() => answersPing(this.port));
  }
}

async function redisCommand(port: number, ...words: string[]): Promise<string> {
  using connection = await connect({ port });
  const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
  connection.write(Buffer.from(`*${words.length}\r\n${parts.join("")}`));
  await connection.until(() => respEnd(connection.received, 0) > 0, `the answer to ${words[0]}`);
  return Buffer.from(connection.received, "latin1").toString();
}

/** Where the value of RESP that begins at `start` ends; -1 when it is not whole yet. */
function respEnd(text: string, start: number): number {
  const lineEnd = text.indexOf("\r\n", start);
  if (lineEnd < 0) return -1;
  const count = Number(text.slice(start + 1, lineEnd));
  let end = lineEnd + 2;
  if (text[start] === "$" && count >= 0) return end + count + 2 <= text.length ? end + count + 2 : -1;
  if (text[start] === "*") for (let i = 0; i < count && end >= 0; i++) end = respEnd(text, end);
  return end;
}

async function answersPing(port: number): Promise<boolean> {
  return (await redisCommand(port, "PING")) === "+PONG\r\n";
}

/** @param options More words of redis-server's command line, as `["--maxmemory", "1mb"]`. */
export async function redis(options: readonly string[] = []): Promise<Redis> {
  const port = await freePort();
  const folder = makeFolder("redis");
  const fixed = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--appendonly", "no"];
  const server = new Redis(folder, port, [program("redis-server", "redis-server"), ...fixed, ...options]);
  return server.ready(() => answersPing(port));
}

/** Words of redis-server's command line that have it speak TLS too. */
export function redisTls(
  authority: Authority,
  { cert, key }: Certificate,
  port: number,
  clients: "no" | "yes" = "no",
): string[] {
  const files = ["--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", authority.ca];
  return ["--tls-port", String(port), ...files, "--tls-auth-clients", clients];
}

export interface Sentinel extends AsyncDisposable {
  /** The name under which Sentinel knows the primary. */
  readonly name: string;
  readonly port: number;
  /** Where it speaks TLS, if it does. */
  readonly tlsPort: number;
  readonly primary: Redis;
  readonly replica: Redis;
}

/**
 * A primary, a replica, and one Sentinel that makes the replica primary 500 ms after the primary is gone.
 * @param tls Has all three speak TLS with each other, and name the ports where they do.
 */
export async function redisSentinel(tls?: (port: number) => string[]): Promise<Sentinel> {
  const stack = new AsyncDisposableStack();
  try {
    const [primaryPort, replicaPort, tlsPort] = [await freePort(), await freePort(), await freePort()];
    const secured = (at: number) => (tls ? [...tls(at), "--tls-replication", "yes"] : []);
    const primary = stack.use(await redis(secured(primaryPort)));
    const monitored = String(tls ? primaryPort : primary.port);
    const replica = stack.use(await redis(["--replicaof", "127.0.0.1", monitored, ...secured(replicaPort)]));
    const folder = makeFolder("sentinel");
    const port = await freePort();
    const lines = [
      `port ${port}`,
      "bind 127.0.0.1",
      `sentinel monitor sessions 127.0.0.1 ${monitored} 1`,
      "sentinel down-after-milliseconds sessions 500",
      "sentinel failover-timeout sessions 2000",
    ];
    writeFiles(folder, { "sentinel.conf": `${lines.join("\n")}\n` });
    const argv = [
      program("redis-server", "redis-server"),
      join(folder, "sentinel.conf"),
      ...secured(tlsPort),
      "--sentinel",
    ];
    stack.use(await new Redis(folder, port, argv).ready(() => answersPing(port)));
    await until(
      () => "Sentinel to see the replica",
      async () => /num-slaves\r\n\$1\r\n1/.test(await redisCommand(port, "SENTINEL", "MASTER", "sessions")),
      20_000,
    );
    const owned = stack.move();
    return { name: "sessions", port, tlsPort, primary, replica, [Symbol.asyncDispose]: () => owned.disposeAsync() };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

export interface Cluster extends AsyncDisposable {
  readonly nodes: readonly Redis[];
  /** Where they speak TLS, if they do. */
  readonly tlsPorts: readonly number[];
}

const clusterSlots = 16_384;

/**
 * Three primaries that share the slots of a cluster.
 * @param tls Has them speak TLS with each other, and name the ports where they do.
 */
export async function redisCluster(tls?: (port: number) => string[]): Promise<Cluster> {
  const stack = new AsyncDisposableStack();
  try {
    const nodes: Redis[] = [];
    // The usual bus port, 10 000 above the other, may be anybody's.
    const busPorts: string[] = [];
    const tlsPorts: number[] = [];
    for (let i = 0; i < 3; i++) {
      const bus = String(await freePort());
      busPorts.push(bus);
      const options = ["--cluster-enabled", "yes", "--cluster-port", bus, "--cluster-node-timeout", "2000"];
      if (tls) {
        const port = await freePort();
        tlsPorts.push(port);
        options.push(...tls(port), "--tls-cluster", "yes");
      }
      nodes.push(stack.use(await redis(options)));
    }
    const share = Math.ceil(clusterSlots / nodes.length);
    for (const [i, node] of nodes.entries()) {
      const last = Math.min((i + 1) * share, clusterSlots) - 1;
      await node.command("CLUSTER", "ADDSLOTSRANGE", String(i * share), String(last));
      await node.command("CLUSTER", "SET-CONFIG-EPOCH", String(i + 1));
      const met = String(tlsPorts[0] ?? nodes[0]!.port);
      if (i > 0) await node.command("CLUSTER", "MEET", "127.0.0.1", met, busPorts[0]!);
    }
    for (const node of nodes)
      await until(
        () => "a node to see the whole cluster",
        async () => /cluster_state:ok[^]*cluster_known_nodes:3/.test(await node.command("CLUSTER", "INFO")),
        20_000,
      );
    const owned = stack.move();
    return { nodes, tlsPorts, [Symbol.asyncDispose]: () => owned.disposeAsync() };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

export class MariaDb extends Service {
  readonly user = "resty";
  readonly password = "resty";
  readonly database = "resty";

  get url(): string {
    return this.urlOf(this.user);
  }

  /** @param user "plain" has no rights over the server, for which its restrictions are. */
  urlOf(user: string): string {
    return `mysql://${user}:${this.password}@127.0.0.1:${this.port}/${this.database}`;
  }
}

/**
 * A new server with the empty database `resty`, in which the user `resty` may do everything.
 * @param options More words of its command line.
 */
export async function mariadb(options: readonly string[] = []): Promise<MariaDb> {
  const folder = makeFolder("mariadb");
  const port = await freePort();
  const data = join(folder, "data");
  const asRoot = process.getuid?.() === 0 ? ["--user=root"] : [];
  try {
    const install = Bun.spawnSync({
      cmd: [
        program("mariadb-install-db", "mariadb-server"),
        "--no-defaults",
        `--datadir=${data}`,
        "--auth-root-authentication-method=normal",
        "--skip-test-db",
        ...asRoot,
      ],
      stdio: ["ignore", "pipe", "pipe"],
    });
    if (install.exitCode !== 0) throw new Error(`mariadb-install-db failed:\n${install.stdout}${install.stderr}`);
    const account = "'resty'@'127.0.0.1'";
    const plain = "'plain'@'127.0.0.1'";
    writeFiles(folder, {
      "init.sql": [
        "CREATE DATABASE IF NOT EXISTS resty;",
        `CREATE USER IF NOT EXISTS ${account} IDENTIFIED BY 'resty';`,
        `GRANT ALL ON *.* TO ${account};`,
        `CREATE USER IF NOT EXISTS ${plain} IDENTIFIED BY 'resty';`,
        `GRANT ALL ON resty.* TO ${plain};`,
        "",
      ].join("\n"),
    });
    const server = new MariaDb(folder, port, [
      program("mariadbd", "mariadb-server"),
      "--no-defaults",
      `--datadir=${data}`,
      `--port=${port}`,
      "--bind-address=127.0.0.1",
      `--socket=${join(folder, "socket")}`,
      `--pid-file=${join(folder, "pid")}`,
      `--init-file=${join(folder, "init.sql")}`,
      "--skip-name-resolve",
      "--innodb-buffer-pool-size=16M",
      "--innodb-log-file-size=8M",
      "--innodb-flush-log-at-trx-commit=0",
      ...options,
      ...asRoot,
    ]);
    return await server.ready(async () => {
      using connection = await connect({ port, timeoutMs: 1000 });
      // The server speaks first: its version stands in the greeting.
      return (await connection.untilText(/MariaDB/)) !== "";
    });
  } catch (error) {
    removeFolder(folder);
    throw error;
  }
}

export class Nginx extends Service {
  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  errorLog(): string {
    return readFileSync(join(this.folder, "logs/error.log"), "utf8");
  }
}

/**
 * The distribution's nginx, as an upstream or as the measure of what is right.
 * @param options.conf The whole nginx.conf; or `http`, `server` and `main` as parts. `%port%` is where it listens,
 *   `%dir%` its folder.
 */
export async function nginx(options: {
  conf?: string;
  main?: string;
  http?: string;
  server?: string;
  files?: Readonly<Record<string, FileContent>>;
}): Promise<Nginx> {
  const folder = makeFolder("nginx");
  const port = await freePort();
  for (const name of ["conf", "logs", "html"]) mkdirSync(join(folder, name));
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((kind) => `${kind}_temp_path ${folder}/${kind};`)
    .join("\n    ");
  const server =
    options.server === undefined ? "" : `server {\n        listen 127.0.0.1:%port%;\n${options.server}\n    }`;
  const text =
    options.conf ??
    `daemon off;
pid logs/nginx.pid;
error_log logs/error.log info;
${options.main ?? ""}
events { worker_connections 1024; }
http {
    access_log logs/access.log;
    ${temporary}
${options.http ?? ""}
    ${server}
}
`;
  writeFiles(folder, {
    "conf/nginx.conf": text.replaceAll("%port%", String(port)).replaceAll("%dir%", folder),
    ...Object.fromEntries(Object.entries(options.files ?? {}).map(([name, file]) => [`html/${name}`, file])),
  });
  const argv = ["-p", `${folder}/`, "-c", "conf/nginx.conf", "-e", "logs/error.log"];
  const service = new Nginx(folder, port, [program("nginx", "nginx"), ...argv]);
  return service.ready(async () => {
    if (!existsSync(join(folder, "logs/nginx.pid"))) return false;
    using _connection = await connect({ port, timeoutMs: 1000 });
    return true;
  });
}
