/** A client that sends exactly the bytes it is told to and shows exactly those that came back. */
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";

export interface Answer {
  readonly version: string;
  readonly status: number;
  readonly reason: string;
  /** Names and values as they came, in their order. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Without the chunked coding. Text is UTF-8. */
  readonly body: string;
  readonly bytes: Uint8Array;
  /** Fields behind the last chunk. */
  readonly trailers: readonly (readonly [name: string, value: string])[];
  /** 1xx answers that came first. */
  readonly interim: readonly Answer[];
  /** All values of a header, joined by ", "; undefined when there is none. Names compare without case. */
  header(name: string): string | undefined;
}

export interface RawRequest {
  readonly method?: string;
  /** The request's target, sent as it is: one code unit is one byte. */
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | Uint8Array;
  readonly version?: string;
}

export interface ConnectOptions {
  readonly port?: number;
  readonly host?: string;
  readonly unix?: string;
  /** Trusts any certificate. `servername` is what SNI carries. */
  readonly tls?: boolean | { servername?: string; cert?: string; key?: string };
  /** For each single wait. */
  readonly timeoutMs?: number;
}

/** Opens a connection. @throws what connecting throws. */
export async function connect(options: ConnectOptions): Promise<Connection> {
  const where = options.unix ? { path: options.unix } : { host: options.host ?? "127.0.0.1", port: options.port! };
  const tls = options.tls === true ? {} : options.tls;
  const socket = tls
    ? connectTls({ ...where, ...tls, rejectUnauthorized: false })
    : connectTcp({ ...where, allowHalfOpen: true });
  await new Promise<void>((resolve, reject) => {
    socket.once(tls ? "secureConnect" : "connect", resolve);
    socket.once("error", reject);
  });
  return new Connection(socket, options.timeoutMs ?? 10_000);
}

export class Connection implements Disposable {
  #received = Buffer.alloc(0);
  #ended = false;
  #error: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(
    readonly socket: Socket,
    private readonly timeoutMs: number,
  ) {
    socket.removeAllListeners("error");
    socket.on("data", (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#wake?.();
    });
    socket.on("error", (error) => {
      this.#error = error;
      this.#finish();
    });
    socket.on("end", () => this.#finish());
    socket.on("close", () => this.#finish());
  }

  #finish(): void {
    this.#ended = true;
    this.#wake?.();
  }

  /** Latin-1: one code unit is one byte. */
  write(data: string | Uint8Array): void {
    this.socket.write(typeof data === "string" ? Buffer.from(data, "latin1") : data);
  }

  /** Sends FIN; the other direction stays open. */
  end(): void {
    this.socket.end();
  }

  /** Has the server closed, or reset, the connection? */
  get closed(): boolean {
    return this.#ended;
  }

  /** Why the connection broke, if it did not end with FIN. */
  get error(): Error | undefined {
    return this.#error;
  }

  /** What has come and was not taken by `answer` or `untilText`. */
  get received(): string {
    return this.#received.toString("latin1");
  }

  /** Sends a request; Host is "localhost" unless given, Content-Length that of the body. */
  request({ method = "GET", path = "/", headers = {}, body, version = "1.1" }: RawRequest): void {
    const bytes = body === undefined ? undefined : typeof body === "string" ? Buffer.from(body) : Buffer.from(body);
    const names = new Set(Object.keys(headers).map((name) => name.toLowerCase()));
    let head = `${method} ${path} HTTP/${version}\r\n`;
    if (!names.has("host")) head += "Host: localhost\r\n";
    for (const [name, values] of Object.entries(headers))
      for (const value of typeof values === "string" ? [values] : values) head += `${name}: ${value}\r\n`;
    if (bytes && !names.has("content-length") && !names.has("transfer-encoding"))
      head += `Content-Length: ${bytes.length}\r\n`;
    head += "\r\n";
    const start = Buffer.from(head, "latin1");
    this.write(bytes ? Buffer.concat([start, bytes]) : start);
  }

  /**
   * Waits for a whole answer and takes it. `method` is that of its request: an answer to HEAD has no body.
   * @throws Error when the connection ends or nothing comes before it is whole.
   */
  async answer(method = "GET"): Promise<Answer> {
    const interim: Answer[] = [];
    for (;;) {
      const end = await this.#find(Buffer.from("\r\n\r\n"), "the end of an answer's head");
      const head = parseHead(this.#take(end + 4).toString("latin1"));
      if (head.status < 200 && head.status !== 101) {
        interim.push(makeAnswer(head, Buffer.alloc(0), [], []));
        continue;
      }
      const { bytes, trailers } = await this.#body(head, method);
      return makeAnswer(head, bytes, trailers, interim);
    }
  }

  async #body(head: Head, method: string): Promise<{ bytes: Buffer; trailers: [string, string][] }> {
    if (method === "HEAD" || head.status === 204 || head.status === 304 || head.status === 101)
      return { bytes: Buffer.alloc(0), trailers: [] };
    const value = (name: string) => head.headers.find(([n]) => n.toLowerCase() === name)?.[1];
    if (value("transfer-encoding")?.toLowerCase() === "chunked") return this.#chunks();
    const length = value("content-length");
    if (length !== undefined) {
      await this.until(() => this.#received.length >= Number(length), `${length} bytes of a body`);
      return { bytes: this.#take(Number(length)), trailers: [] };
    }
    await this.until(() => this.#ended, "the end of a body without length", true);
    return { bytes: this.#take(this.#received.length), trailers: [] };
  }

  async #chunks(): Promise<{ bytes: Buffer; trailers: [string, string][] }> {
    const parts: Buffer[] = [];
    for (;;) {
      const line = await this.#line();
      const size = Number.parseInt(line, 16);
      if (Number.isNaN(size)) throw new Error(`not the size of a chunk: ${JSON.stringify(line)}`);
      if (size === 0) break;
      await this.until(() => this.#received.length >= size + 2, `a chunk of ${size} bytes`);
      parts.push(this.#take(size));
      if (this.#take(2).toString() !== "\r\n") throw new Error("no line end behind a chunk");
    }
    const trailers: [string, string][] = [];
    for (let line = await this.#line(); line !== ""; line = await this.#line()) trailers.push(parseField(line));
    return { bytes: Buffer.concat(parts), trailers };
  }

  async #line(): Promise<string> {
    const end = await this.#find(Buffer.from("\r\n"), "the end of a line");
    return this.#take(end + 2)
      .toString("latin1")
      .slice(0, -2);
  }

  /** Waits for a pattern in what comes, and takes it with all before it. */
  async untilText(pattern: string | RegExp): Promise<string> {
    let end = -1;
    await this.until(() => {
      const text = this.#received.toString("latin1");
      if (typeof pattern === "string") end = text.includes(pattern) ? text.indexOf(pattern) + pattern.length : -1;
      else {
        const match = pattern.exec(text);
        end = match ? match.index + match[0].length : -1;
      }
      return end >= 0;
    }, String(pattern));
    return this.#take(end).toString("latin1");
  }

  /** Waits until the server closes and gives all that came (Latin-1); a reset ends it too, see `error`. */
  async rest(): Promise<string> {
    await this.until(() => this.#ended, "the end of the connection", true);
    return this.#take(this.#received.length).toString("latin1");
  }

  async #find(pattern: Buffer, what: string): Promise<number> {
    await this.until(() => this.#received.includes(pattern), what);
    return this.#received.indexOf(pattern);
  }

  /** Waits until `check` holds, which is asked again when something came. @throws Error */
  async until(check: () => boolean, what: string, endIsFine = false): Promise<void> {
    const deadline = Date.now() + this.timeoutMs;
    while (!check()) {
      const show = () => JSON.stringify(this.#received.subarray(0, 500).toString("latin1"));
      if (this.#ended && !endIsFine) {
        const how = this.#error ? `broke (${this.#error.message})` : "was closed";
        throw new Error(`the connection ${how} before ${what}; received: ${show()}`);
      }
      const left = deadline - Date.now();
      if (left <= 0) throw new Error(`waited ${this.timeoutMs} ms for ${what}; received: ${show()}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#wake = undefined;
    }
  }

  #take(count: number): Buffer {
    const taken = this.#received.subarray(0, count);
    this.#received = this.#received.subarray(count);
    return taken;
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}

interface Head {
  version: string;
  status: number;
  reason: string;
  headers: [string, string][];
}

function parseHead(text: string): Head {
  const [first, ...fields] = text.slice(0, -4).split("\r\n");
  const line = /^HTTP\/(\d\.\d) (\d{3}) ?(.*)$/.exec(first!);
  if (!line) throw new Error(`not a status line: ${JSON.stringify(first)}`);
  return { version: line[1]!, status: Number(line[2]), reason: line[3]!, headers: fields.map(parseField) };
}

function parseField(line: string): [string, string] {
  const colon = line.indexOf(":");
  if (colon <= 0) throw new Error(`not a header field: ${JSON.stringify(line)}`);
  return [line.slice(0, colon), line.slice(colon + 1).trim()];
}

function makeAnswer(head: Head, bytes: Buffer, trailers: [string, string][], interim: Answer[]): Answer {
  const header = (name: string) => {
    const values = head.headers.filter(([n]) => n.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
    return values.length > 0 ? values.join(", ") : undefined;
  };
  return { ...head, bytes, body: bytes.toString(), trailers, interim, header };
}
