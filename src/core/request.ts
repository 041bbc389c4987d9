import type { Body, BodyFilter, Sink } from "./body.ts";
import type { Engine, SubrequestAnswer, SubrequestOptions } from "./engine.ts";
import type { Chunk, Exchange } from "./exchange.ts";
import { HeaderList } from "./header_list.ts";
import type { LogLevel } from "./log.ts";
import type { Verdict } from "./phase.ts";
import type { ListenerPlan, LocationPlan, Plan, ServerPlan } from "./plan.ts";
import { RequestBody } from "./request_body.ts";
import { ResponseHead } from "./response_head.ts";
import { perUriSlots, type RequestSlot } from "./slot.ts";

/** How often a request may start over before it is taken for a loop, as in nginx. */
export const uriChangesMax = 10;

/** One request on its way through a Plan. Text from the client is Latin-1: one code unit a byte. */
export class Request {
  server: ServerPlan;
  location: LocationPlan;
  /** The request that the client made; of a subrequest, its parent's. */
  readonly main: Request;
  readonly startMs: number;

  method: string;
  /** The request target as it came, `$request_uri`. */
  readonly target: string;
  /** Decoded and normalised path, `$uri`. */
  uri = "";
  /** What followed "?", `$args`. */
  args = "";
  /** The target had a "?", with or without arguments. */
  hasArgs = false;
  /** Made by the configuration, not by the client: `internal` locations are open to it. */
  internal = false;
  uriChanged = false;
  /** The URI or its arguments are no longer what the client sent. */
  rewritten = false;
  uriChangesLeft = uriChangesMax;
  /** Of the last regular expression that matched; `$0` first. */
  captures: readonly (string | undefined)[] | undefined;
  /** The Host header's name in lower case without port, or what the request line says; "" if there is none. */
  host = "";
  /** By `realip` or the PROXY protocol; otherwise the connection's. */
  remoteAddress: string;
  remotePort: number;

  readonly response = new ResponseHead();
  /** The head is on its way: status and headers are final. */
  headSent = false;
  /** The last byte was handed over. */
  ended = false;
  /** The body's end is still to be told to the client, once the request is logged. */
  endPending = false;
  /** The body came in one piece, by `respond`: filters see it in their `whole` form if all of them have one. */
  bodyAtHand = false;
  /** Chain of body filters that ends at the client. */
  sink: Sink | undefined;
  /** Of an error page being made for this status; 0 otherwise. */
  errorStatus = 0;
  /** No handler gave an answer: a status is told instead, by a page of ours or of the configuration. */
  unanswered = false;
  /** An `error_page` was taken: without `recursive_error_pages` there is no second one. */
  errorPageTaken = false;
  /** Answer with the head only, whatever the handler sends. */
  headerOnly: boolean;
  keepalive = true;
  /** Bytes a second to the client; 0 is unlimited. `$limit_rate` and X-Accel-Limit-Rate write it. */
  limitRate: number | undefined;
  /** Cached and set variables by index, `Variable.index`. */
  values: (string | undefined)[] = [];

  #headers: HeaderList | undefined;
  #body: RequestBody | undefined;
  #slots: unknown[] | undefined;
  #endings: (() => void)[] | undefined;

  constructor(
    readonly engine: Engine,
    readonly plan: Plan,
    readonly listener: ListenerPlan,
    readonly exchange: Exchange,
    readonly parent: Request | undefined,
    startMs: number,
  ) {
    this.main = parent ? parent.main : this;
    this.server = listener.defaultServer;
    this.location = this.server.base;
    this.startMs = startMs;
    this.method = exchange.method;
    this.target = exchange.target;
    this.headerOnly = exchange.method === "HEAD";
    this.remoteAddress = exchange.connection.remoteAddress;
    this.remotePort = exchange.connection.remotePort;
  }

  get headers(): HeaderList {
    return (this.#headers ??= new HeaderList(this.exchange.takeHeaders()));
  }

  set headers(list: HeaderList) {
    this.#headers = list;
  }

  /** The first request header of that name, given in lower case. */
  header(name: string): string | undefined {
    return this.headers.get(name);
  }

  get body(): RequestBody {
    return (this.#body ??= new RequestBody(this));
  }

  /** The request is over: a file that held its body goes. */
  releaseBody(): void {
    this.#body?.release();
  }

  get isSubrequest(): boolean {
    return this.parent !== undefined;
  }

  get<T>(slot: RequestSlot<T>): T | undefined {
    return this.#slots?.[slot.index] as T | undefined;
  }

  set<T>(slot: RequestSlot<T>, value: T): void {
    (this.#slots ??= [])[slot.index] = value;
  }

  /** Forgets what modules noted for the URI that the request had until now. */
  clearUriState(): void {
    if (this.#slots) for (const index of perUriSlots) this.#slots[index] = undefined;
  }

  /** Runs `action` when the request is over and logged, whatever became of it. */
  onEnd(action: () => void): void {
    (this.#endings ??= []).push(action);
  }

  /** The request is not over before `work`, which goes on beside it: it must not fail. */
  waitFor(work: Promise<unknown>): void {
    (this.pending ??= []).push(work);
  }

  /** What the request waits for, once it is answered. */
  pending: Promise<unknown>[] | undefined;

  /** For the engine: the request is over. */
  end(): void {
    if (this.#endings) for (const action of this.#endings) action();
    this.#endings = undefined;
  }

  /** Sends head and body; the usual last line of a content hook. */
  respond(body?: Body): Verdict | Promise<Verdict> {
    return this.engine.respond(this, body);
  }

  sendHead(): Verdict | Promise<Verdict> {
    return this.engine.sendHead(this);
  }

  send(chunk: Chunk, last = false): void | Promise<void> {
    return this.engine.send(this, chunk, last);
  }

  redirect(uri: string, args?: string): Verdict | Promise<Verdict> {
    return this.engine.redirect(this, uri, args);
  }

  redirectNamed(name: string): Verdict | Promise<Verdict> {
    return this.engine.redirectNamed(this, name);
  }

  subrequest(options: SubrequestOptions): Promise<SubrequestAnswer> {
    return this.engine.subrequest(this, options);
  }

  /**
   * Puts a body filter between those already there and the client. Call it from a header filter.
   * @param stream Gets the next filter and returns one that calls it.
   * @param whole Does the same to a body that is at hand completely, and corrects the head's length itself; undefined
   * leaves that body to `stream`. A body that only such filters touched leaves with its head in one write.
   */
  filterBody(stream: BodyFilter["stream"], whole?: BodyFilter["whole"]): void {
    (this.filters ??= []).push({ stream, whole });
  }

  /** As `filterBody`, before all that change the body: for one that decides which parts of it are read at all. */
  filterBodyFirst(stream: BodyFilter["stream"], whole?: BodyFilter["whole"]): void {
    const filters = (this.filters ??= []);
    const at = filters.findIndex(({ source }) => !source);
    filters.splice(at < 0 ? filters.length : at, 0, { stream, whole });
  }

  /** As `filterBodyFirst`, for one that goes on with more of the body from elsewhere when this part of it ends. */
  filterBodySource(stream: BodyFilter["stream"]): void {
    (this.filters ??= []).unshift({ stream, whole: undefined, source: true });
  }

  /** Body filters in the order their header filters ran; the engine links them when the head is sent. */
  filters: BodyFilter[] | undefined;

  /** Is there an `error_page` for this status where the request is now? */
  hasErrorPage(status: number): boolean {
    return this.engine.hasErrorPage(this, status);
  }

  /**
   * Writes to the error log of the location, with the client and the request line behind the message.
   * @param upstream The URL of whom the message is about.
   */
  log(level: LogLevel, message: string, upstream?: string): void {
    this.engine.log(this, level, message, upstream);
  }
}
