/** Starts a real master with real workers in a folder of its own, and stops them with the test. */
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { runtimeArgv } from "../../src/cli/self.ts";
import { type FileContent, makeFolder, removeFolder, writeFiles } from "./folder.ts";
import { type Answer, connect, type Connection, type ConnectOptions, type RawRequest } from "./http.ts";
import { freePort, until } from "./wait.ts";

const entry = resolve(import.meta.dir, "../../src/main.ts");

/**
 * Texts may hold `%port%`, `%port_a%`, …: each name is a free port, the same throughout; and `%dir%`, the folder.
 * `%port%` is where the helper's own server listens.
 */
export interface StartOptions {
  /** The whole nginx.conf, instead of `main`, `events`, `http` and `server`. Its pid file has to be logs/resty.pid. */
  conf?: string;
  /** Directives of the main context. */
  main?: string;
  events?: string;
  http?: string;
  /** What stands in a server; it listens on `%port%` unless it says otherwise. */
  server?: string;
  /** `worker_processes`. */
  workers?: number;
  /** Files in html/, the default root; "/conf/x" is from the folder itself. */
  files?: Readonly<Record<string, FileContent>>;
  /** Files in handlers/. */
  handlers?: Readonly<Record<string, string>>;
  /** Added to the environment of the master. */
  env?: Readonly<Record<string, string>>;
  /** More words of the command line. */
  args?: readonly string[];
  /** What error.log may say at [alert] or [emerg] and the test still pass. */
  allow?: readonly RegExp[];
}

const temporaryPaths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];

/** RESTY_BIN names the executable to test, which may be a real nginx too; without it, the sources run. */
function command(folder: string, args: readonly string[]): string[] {
  const executable = process.env.RESTY_BIN;
  const ofNginx = ["-p", `${folder}/`, "-c", "conf/nginx.conf", "-e", "logs/error.log"];
  if (!executable) return [process.execPath, ...runtimeArgv, entry, ...ofNginx, ...args];
  return [resolve(executable), ...ofNginx, ...args];
}

/** Is the executable under test nginx itself? Tests of what only resty has ask this to be skipped. */
export const isNginx = basename(process.env.RESTY_BIN ?? "") === "nginx";

export class Server implements AsyncDisposable {
  readonly #ports = new Map<string, number>();
  #stopped = false;

  private constructor(
    readonly folder: string,
    private options: StartOptions,
  ) {}

  process!: Bun.Subprocess;

  /** Writes the configuration and starts a master, without waiting for it. */
  static async launch(options: StartOptions): Promise<Server> {
    const server = new Server(makeFolder("test"), options);
    for (const folder of ["conf", "logs", "html", "handlers"]) mkdirSync(join(server.folder, folder));
    await server.write(options);
    const output = openSync(server.path("logs/stderr"), "w");
    server.process = Bun.spawn({
      cmd: command(server.folder, options.args ?? []),
      cwd: server.folder,
      stdio: ["ignore", output, output],
      env: { ...(process.env as Record<string, string>), ...options.env },
    });
    closeSync(output);
    return server;
  }

  get pid(): number {
    return this.process.pid;
  }

  /** Where the helper's own server listens, or what `%port_NAME%` stands for. */
  port(name?: string): number {
    const word = name === undefined ? "port" : `port_${name}`;
    const port = this.#ports.get(word);
    if (port === undefined) throw new Error(`no %${word}% in the configuration`);
    return port;
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  url(path = "/", port?: string): string {
    return `http://127.0.0.1:${this.port(port)}${path}`;
  }

  /** Fills in ports and the folder. */
  async fill(text: string): Promise<string> {
    for (const [, word] of text.matchAll(/%(port(?:_\w+)?)%/g))
      if (!this.#ports.has(word!)) this.#ports.set(word!, await freePort());
    return text
      .replace(/%(port(?:_\w+)?)%/g, (_, word: string) => String(this.#ports.get(word)))
      .replaceAll("%dir%", this.folder);
  }

  /** Writes the configuration and files of `options`, which stand in place of those of before. */
  async write(options: StartOptions): Promise<void> {
    const { files = {}, handlers = {} } = options;
    for (const [name, file] of Object.entries(files)) {
      const inFolder = name.startsWith("/") ? name.slice(1) : `html/${name}`;
      const filled = typeof file === "string" ? await this.fill(file) : file;
      writeFiles(this.folder, { [inFolder]: filled });
    }
    for (const [name, text] of Object.entries(handlers))
      writeFiles(this.folder, { [`handlers/${name}`]: await this.fill(text) });
    writeFileSync(this.path("conf/nginx.conf"), await this.fill(options.conf ?? configuration(options)));
  }

  /** Replaces parts of the configuration, sends SIGHUP and waits until the master is done with it. */
  async reload(change: StartOptions = {}): Promise<void> {
    this.options = { ...this.options, ...change };
    await this.write(this.options);
    const ends = () => this.errorLog().match(/generation \d+ serves|\[emerg\]/g)?.length ?? 0;
    const before = ends();
    this.kill("SIGHUP");
    await until(
      () => `the end of the reload; ${this.#said()}`,
      () => ends() > before,
    );
  }

  kill(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal);
  }

  /** The processes of the workers, those that are about to end included. */
  workers(): number[] {
    const children = readOr(`/proc/${this.pid}/task/${this.pid}/children`);
    return children.split(" ").filter(Boolean).map(Number);
  }

  get(path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(this.url(path), { redirect: "manual", ...init });
  }

  request(path: string, init: RequestInit & { port?: string }): Promise<Response> {
    return fetch(this.url(path, init.port), { redirect: "manual", ...init });
  }

  connect(options: Omit<ConnectOptions, "port"> & { port?: string } = {}): Promise<Connection> {
    return connect({ ...options, port: this.port(options.port) });
  }

  /** Sends one request with exactly this target and these headers over a connection of its own. */
  async exchange(request: RawRequest, options: Omit<ConnectOptions, "port"> & { port?: string } = {}): Promise<Answer> {
    using connection = await this.connect(options);
    connection.request(request);
    return await connection.answer(request.method);
  }

  /** Sends bytes (Latin-1), and gives all that comes until the server closes. */
  async raw(data: string | Uint8Array, port?: string): Promise<string> {
    using connection = await this.connect(port === undefined ? {} : { port });
    connection.write(data);
    return await connection.rest();
  }

  errorLog(): string {
    return readOr(this.path("logs/error.log"));
  }

  accessLog(): string {
    return readOr(this.path("logs/access.log"));
  }

  /** What the master wrote to its standard output and error. */
  output(): string {
    return readOr(this.path("logs/stderr"));
  }

  /** Waits until error.log has the pattern; gives the log. */
  logged(pattern: string | RegExp): Promise<string> {
    return this.#has("error.log", () => this.errorLog(), pattern);
  }

  /** Waits until access.log has the pattern; gives the log. */
  accessed(pattern: string | RegExp): Promise<string> {
    return this.#has("access.log", () => this.accessLog(), pattern);
  }

  async #has(name: string, read: () => string, pattern: string | RegExp): Promise<string> {
    await until(
      () => `${pattern} in ${name}:\n${read()}`,
      () => matches(read(), pattern),
    );
    return read();
  }

  #said(): string {
    return `${this.output()}\nerror.log:\n${this.errorLog()}`;
  }

  /** Waits for the pid file, which the master writes when it serves. @throws Error when it ends instead. */
  async ready(): Promise<void> {
    const pidFile = this.path("logs/resty.pid");
    await until(
      () => `the pid file; ${this.#said()}`,
      () => {
        if (this.process.exitCode !== null) throw new Error(`ended with ${this.process.exitCode}: ${this.#said()}`);
        return readOr(pidFile).trim() === String(this.pid);
      },
      20_000,
    );
  }

  /** Ends the master and waits for it: with grace, then without. */
  async stop(signal: NodeJS.Signals = "SIGQUIT"): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    for (const next of [signal, "SIGTERM", "SIGKILL"] as const) {
      if (this.process.exitCode !== null || this.process.signalCode !== null) return;
      this.kill(next);
      if (await Promise.race([this.process.exited.then(() => true), Bun.sleep(5000)])) break;
    }
    if (this.process.signalCode === "SIGKILL") throw new Error(`the master did not end; ${this.#said()}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    const { allow = [] } = this.options;
    const bad = this.errorLog()
      .split("\n")
      .filter((line) => /\[(alert|emerg)\]/.test(line) && !allow.some((pattern) => pattern.test(line)));
    removeFolder(this.folder);
    if (bad.length > 0) throw new Error(`error.log has:\n${bad.join("\n")}`);
  }
}

/** Starts a server and waits until it serves. */
export async function start(options: StartOptions): Promise<Server> {
  const server = await Server.launch(options);
  try {
    await server.ready();
  } catch (error) {
    await server.stop("SIGTERM");
    removeFolder(server.folder);
    throw error;
  }
  return server;
}

/** For a start that has to fail: its exit code and what it said. */
export async function startFailing(options: StartOptions): Promise<{ code: number; said: string; log: string }> {
  const server = await Server.launch(options);
  try {
    const pidFile = server.path("logs/resty.pid");
    await until("the end of a start that has to fail", () => {
      if (readOr(pidFile) !== "") throw new Error("the server started, though it should not");
      return server.process.exitCode !== null;
    });
    return { code: server.process.exitCode!, said: server.output(), log: server.errorLog() };
  } finally {
    await server.stop("SIGTERM");
    removeFolder(server.folder);
  }
}

export function matches(text: string, pattern: string | RegExp): boolean {
  return typeof pattern === "string" ? text.includes(pattern) : pattern.test(text);
}

function configuration({ main = "", events = "", http = "", server, workers = 1 }: StartOptions): string {
  const listen = server !== undefined && !/(^|[\s;{}])listen\s/.test(server) ? "listen 127.0.0.1:%port%;" : "";
  const accessLog = /\baccess_log\s/.test(http) ? "" : "access_log logs/access.log;";
  const errorLog = /\berror_log\s/.test(main) ? "" : "error_log logs/error.log info;";
  const temporary = isNginx ? temporaryPaths.map((kind) => `${kind}_temp_path temp_${kind};`).join(" ") : "";
  return `daemon off;
worker_processes ${workers};
pid logs/resty.pid;
${errorLog}
${main}
events {
    ${/worker_connections/.test(events) ? "" : "worker_connections 512;"}
    ${events}
}
http {
    ${accessLog} ${temporary}
${http}
${server === undefined ? "" : `    server {\n        ${listen}\n${server}\n    }`}
}
`;
}

function readOr(path: string, missing = ""): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return missing;
  }
}
