import type { Sink } from "../core/body.ts";
import type { SubrequestAnswer, SubrequestOptions } from "../core/engine.ts";
import type { Chunk, Connection, Exchange } from "../core/exchange.ts";
import { HeaderList } from "../core/header_list.ts";
import { DECLINED, DONE, ERROR, OK, type Verdict } from "../core/phase.ts";
import { Request } from "../core/request.ts";
import { core } from "../modules/core/core.ts";
import type { HttpEngine } from "./engine.ts";
import { answerStatus } from "./error_page.ts";
import { walk } from "./walk.ts";

/** How deep requests may nest, as in nginx. */
const depthMax = 50;

/** Where a subrequest's answer goes: to its parent instead of to a socket. */
class InnerExchange implements Exchange {
  readonly httpVersion: number;
  readonly requestLength = 0;
  readonly isPipelined = false;
  readonly keepalive = true;
  readonly hasBody: boolean;
  bodyBytesSent = 0;
  readonly collected: Uint8Array[] = [];
  #pending: void | Promise<void> = undefined;

  constructor(
    readonly parent: Request,
    readonly method: string,
    readonly target: string,
    private readonly headers: string[],
    body: Uint8Array | undefined,
    private readonly sink: Sink | undefined,
    private readonly onHead: () => void,
    private readonly afterwards: boolean,
  ) {
    this.httpVersion = parent.exchange.httpVersion;
    if (afterwards) this.bodyBytesSent = parent.exchange.bodyBytesSent;
    this.hasBody = body !== undefined && body.length > 0;
  }

  get connection(): Connection {
    return this.parent.exchange.connection;
  }

  get bytesSent(): number {
    return this.afterwards ? this.parent.exchange.bytesSent : this.bodyBytesSent;
  }

  get aborted(): boolean {
    return !this.afterwards && this.parent.exchange.aborted;
  }

  takeHeaders(): string[] {
    return this.headers;
  }

  head(): void {
    this.onHead();
  }

  whole(_status: number, _reason: string, _headers: string[], body: Chunk | undefined): void {
    this.onHead();
    if (body !== undefined) this.write(body);
    this.end();
  }

  interim(): void {}

  write(chunk: Chunk): boolean {
    const bytes = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
    this.bodyBytesSent += bytes.length;
    if (!this.sink) {
      this.collected.push(bytes);
      return true;
    }
    this.#pending = this.sink(bytes, false);
    return !this.#pending;
  }

  async drained(): Promise<void> {
    await this.#pending;
  }

  end(): void {
    this.#pending = this.sink?.("", true);
  }

  abort(): void {}

  onAbort(callback: () => void): void {
    if (!this.afterwards) this.parent.exchange.onAbort(callback);
  }

  readBody(): void {
    throw new Error("a subrequest's body is given to it whole");
  }

  pauseBody(): void {}
  resumeBody(): void {}
  limits(): void {}
  finished(): void {}

  /** Waits for what the parent's sink has not yet taken. */
  settled(): Promise<void> {
    return this.drained();
  }
}

/** Runs a request of the configuration's own inside another one and hands its answer to it. */
export async function runSubrequest(
  engine: HttpEngine,
  parent: Request,
  options: SubrequestOptions,
): Promise<SubrequestAnswer> {
  let depth = 0;
  for (let r: Request | undefined = parent; r; r = r.parent) depth++;
  if (depth > depthMax) throw new Error(`subrequests nested more than ${depthMax} deep at "${options.uri}"`);

  const { method = "GET", afterwards = false } = options;
  const named = options.uri.startsWith("@") ? options.uri : undefined;
  const target = options.args === undefined ? options.uri : `${options.uri}?${options.args}`;
  const exchange: InnerExchange = new InnerExchange(
    parent,
    method,
    target,
    headersFor(parent, options),
    options.body,
    options.onChunk,
    () => options.onHead?.(request.response, request),
    afterwards,
  );
  const startMs = afterwards ? parent.startMs : Date.now();
  const request: Request = new Request(engine, parent.plan, parent.listener, exchange, parent, startMs);
  request.server = parent.server;
  request.location = parent.server.base;
  request.host = parent.host;
  request.uri = named === undefined ? options.uri : parent.uri;
  request.args = options.args ?? "";
  request.hasArgs = options.args !== undefined;
  request.internal = true;
  request.headerOnly ||= options.headerOnly ?? false;
  if (options.body) request.body.replace(options.body);
  const { variables = "shared" } = options;
  if (variables === "shared") request.values = parent.values;
  else if (variables === "copied") request.values = [...parent.values];

  options.onRequest?.(request);
  await conclude(engine, request, named);
  if (request.endPending) exchange.end();
  await exchange.settled();
  return { request, status: request.response.status, head: request.response, body: Buffer.concat(exchange.collected) };
}

/** @param named The location to run, where the URI does not say it. */
async function conclude(engine: HttpEngine, request: Request, named: string | undefined): Promise<void> {
  const run = () => (named === undefined ? engine.start(request) : engine.redirectNamed(request, named));
  let verdict = await attempt(engine, request, run);
  while (verdict !== DONE && verdict !== OK && verdict !== ERROR) {
    const status = verdict === DECLINED ? 404 : verdict;
    verdict = await attempt(engine, request, () => answerStatus(request, status));
  }
  if (verdict === ERROR && request.response.status === 0) request.response.status = 500;
  if (core.of(request).log_subrequest) await walk(request, request.location.log);
}

async function attempt(engine: HttpEngine, request: Request, work: () => Verdict | Promise<Verdict>): Promise<Verdict> {
  try {
    return await work();
  } catch (error) {
    return engine.failedOnce(request, error);
  }
}

function headersFor(parent: Request, options: SubrequestOptions): string[] {
  const list = new HeaderList(options.inheritHeaders === false ? [] : [...parent.headers.flat]);
  if (options.body) list.set("Content-Length", String(options.body.length));
  else if (options.method !== undefined || options.inheritHeaders !== false) {
    // The parent's body is the parent's: a subrequest without one must not promise it.
    list.delete("content-length");
    list.delete("transfer-encoding");
  }
  for (const [name, value] of options.headers ?? []) list.set(name, value);
  return list.flat;
}
