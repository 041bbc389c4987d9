import type { Request } from "../core/request.ts";
import { requestSlot } from "../core/slot.ts";
import { asHost } from "../std/host_context.ts";
import { encodeUtf8 } from "../std/bytestring.ts";
import { type ArgsInput, encodeArgs } from "./args.ts";
import { type Generation, generationKey } from "./generation.ts";
import { type HeaderTable, headerTable } from "./headers.ts";
import { Output } from "./output.ts";
import { mayUse, type PhaseInfo, phaseInfo, type ScriptPhase } from "./phases.ts";
import { RequestApi } from "./req.ts";
import { ResponseApi } from "./resp.ts";
import type { RouteMatch } from "./route.ts";
import { host } from "./host.ts";
import { LocationApi } from "./location.ts";
import { leaving } from "./signals.ts";
import { SocketApi } from "./socket/api.ts";
import { encodeEvent, type ServerEvent } from "./sse.ts";
import { type VarTable, varTable } from "./var.ts";
import { acceptWebSocket, type ServerWebSocket, type WebSocketOptions } from "./websocket/websocket.ts";
import { type Level, levelName, textOf, WorkerNgx } from "./worker_ngx.ts";

/** How a handler was left before its end. */
export type Leave =
  | { readonly kind: "exit"; readonly status: number }
  | { readonly kind: "phase" }
  | { readonly kind: "exec"; readonly uri: string; readonly args: string | undefined }
  | { readonly kind: "redirect"; readonly uri: string; readonly status: number };

/** Of a body filter: `arg[1]` is the chunk, `arg[2]` whether it is the last one. Of `set_by_ts`: its arguments. */
export type ArgTable = { [index: number]: any };

/**
 * The one argument of a handler. OpenResty's names in camelCase, and its meaning. Made once a request; what it holds
 * is made when it is first asked for.
 */
export class RequestNgx extends WorkerNgx {
  /** @internal */
  phase: PhaseInfo = phaseInfo.content;
  /** @internal */
  leave: Leave | undefined;
  /** @internal */
  output: Output | undefined;
  /** @internal */
  route: RouteMatch | undefined;
  #req: RequestApi | undefined;
  #resp: ResponseApi | undefined;
  #var: VarTable | undefined;
  #header: HeaderTable | undefined;
  #lastCtx: Record<string, any> | undefined;
  #arg: ArgTable | undefined;
  #abort: AbortController | undefined;
  #location: LocationApi | undefined;
  /** @internal */
  websocketInUse: ServerWebSocket | undefined;
  /** @internal */
  filterFailed = false;
  /**
   * Pieces of output that were handed on, to see whether there is progress.
   * @internal
   */
  moves = 0;
  /**
   * Of these, the ones that wait for the client.
   * @internal
   */
  sending = 0;
  /**
   * The next piece of a stream that the handler returned is waited for.
   * @internal
   */
  pulling = false;
  /** @internal */
  readonly request: Request;

  /** @internal */
  constructor(request: Request) {
    super();
    this.request = request;
  }

  /** @internal */
  override get generation(): Generation {
    return this.request.plan.cycle.get(generationKey);
  }

  getPhase(): ScriptPhase {
    return this.phase.name;
  }

  get req(): RequestApi {
    if (this.phase.bit === timerBit) mayUse("ngx.req", this.phase);
    return (this.#req ??= new RequestApi(this));
  }

  get resp(): ResponseApi {
    mayUse("ngx.resp", this.phase);
    return (this.#resp ??= new ResponseApi(this));
  }

  /** Requests to this server's own locations. */
  get location(): LocationApi {
    return (this.#location ??= new LocationApi(this));
  }

  /** Variables of the configuration. */
  get var(): VarTable {
    return (this.#var ??= varTable(this));
  }

  /** Fields of the response. */
  get header(): HeaderTable {
    return (this.#header ??= headerTable(this));
  }

  /**
   * For whatever a request's handlers want to tell each other. As in OpenResty, an internal redirect (`exec`,
   * `error_page`, `try_files`, `index`) starts with a new one; only what is under `ctx.kept` goes on with it.
   */
  get ctx(): Record<string, any> {
    mayUse("ngx.ctx", this.phase);
    let ctx = this.request.get(ctxSlot);
    if (ctx === undefined) {
      const kept: unknown = this.#lastCtx?.kept;
      this.request.set(ctxSlot, (ctx = kept === undefined ? {} : { kept }));
      this.#lastCtx = ctx;
    }
    return ctx;
  }

  set ctx(value: Record<string, any>) {
    mayUse("ngx.ctx", this.phase);
    this.request.set(ctxSlot, value);
    this.#lastCtx = value;
  }

  get arg(): ArgTable {
    mayUse("ngx.arg", this.phase);
    return (this.#arg ??= []);
  }

  set arg(value: ArgTable) {
    this.#arg = value;
  }

  /** Made by `ngx.location.capture`, or by another module for a request. */
  get isSubrequest(): boolean {
    return this.request.isSubrequest;
  }

  /** 0 until something sets it. */
  get status(): number {
    mayUse("ngx.status", this.phase);
    return this.request.errorStatus || this.request.response.status;
  }

  set status(status: number) {
    mayUse("ngx.status", this.phase);
    if (!Number.isInteger(status) || status < 100 || status > 999) throw new RangeError(`${status} is no status`);
    if (this.headersSent) {
      this.request.log("error", "attempt to set ngx.status after sending out response headers");
      return;
    }
    const { response } = this.request;
    response.status = status;
    response.reason = undefined;
  }

  get headersSent(): boolean {
    // A header filter changes the very head that the handler's first output has settled.
    if (this.phase.bit === headerFilterBit) return this.request.headSent;
    return this.output !== undefined || this.request.headSent;
  }

  /**
   * The handler's time is over: what it does from now on comes too late.
   * @internal
   */
  giveUp(): void {
    this.phase = phaseInfo.timer;
    this.#abort?.abort(new Error("handler_timeout is over"));
  }

  /** Aborted when the client goes away before it has its answer, or `handler_timeout` is over. */
  get signal(): AbortSignal {
    if (!this.#abort) {
      const controller = (this.#abort = new AbortController());
      asHost(() => this.request.exchange.onAbort(() => controller.abort(new Error("the client has gone"))));
    }
    return this.#abort.signal;
  }

  /** Calls `callback` if the client goes away before it has its answer. */
  onAbort(callback: () => void): void {
    mayUse("ngx.onAbort", this.phase);
    const { generation } = this;
    this.signal.addEventListener("abort", () => generation.enter(callback), { once: true });
  }

  override get socket(): SocketApi {
    return new SocketApi(host.socketOptions(this.request));
  }

  override log(level: Level, ...values: unknown[]): void {
    const name = levelName(level);
    asHost(() => this.request.log(name, textOf(values)));
  }

  /**
   * Adds to the response. Head and text leave together when the handler ends, or at `flush`.
   * @returns Why it was not added, or true.
   * @throws Error when the handler has been left or the request is over.
   */
  print(...values: unknown[]): true | "seen eof" {
    return this.#write("ngx.print", values, "");
  }

  /** As `print`, with a newline behind. */
  say(...values: unknown[]): true | "seen eof" {
    return this.#write("ngx.say", values, "\n");
  }

  #write(what: "ngx.print" | "ngx.say", values: readonly unknown[], ending: string): true | "seen eof" {
    const output = this.#open(what);
    if (output.ended) return "seen eof";
    const only = values[0];
    if (values.length === 1 && only instanceof Uint8Array) {
      output.add(only);
      if (ending !== "") output.add(ending);
    } else output.add(textOf(values) + ending);
    return true;
  }

  #open(what: "ngx.print" | "ngx.say" | "ngx.flush" | "ngx.eof" | "ngx.sendHeaders"): Output {
    mayUse(what, this.phase);
    if (this.leave) throw new Error(`${what} called after the handler was left by ngx.exit, exec or redirect`);
    return (this.output ??= new Output(this));
  }

  /** Sends the head and what has been printed. Resolves when there is room for more. */
  flush(_wait = true): Promise<void> {
    return this.#open("ngx.flush").flush();
  }

  sendHeaders(): Promise<void> {
    return this.#open("ngx.sendHeaders").flush();
  }

  /** Ends the response; the handler may go on. */
  eof(): Promise<void> {
    const output = this.#open("ngx.eof");
    return output.ended ? Promise.resolve() : asHost(() => output.endNow());
  }

  /**
   * Makes the connection a WebSocket; it is closed when the handler ends.
   * @throws HttpError with 426 for a request that is no handshake
   */
  websocket(options: WebSocketOptions = {}): ServerWebSocket {
    mayUse("ngx.websocket", this.phase);
    if (this.headersSent) throw new Error("a WebSocket cannot begin after the response has");
    return (this.websocketInUse = asHost(() => acceptWebSocket(this.request, options)));
  }

  /** Sends a server-sent event at once; resolves when there is room for the next one. */
  sendEvent(event: ServerEvent | string): Promise<void> {
    if (!this.headersSent) {
      this.header["Content-Type"] = "text/event-stream";
      this.header["Cache-Control"] = "no-cache";
    }
    this.print(encodeEvent(event));
    return this.flush();
  }

  /**
   * Leaves the handler. A status of 300 or more answers with that status (`error_page` has a say), one from 200 ends
   * the response; `ngx.OK` ends this phase only, `ngx.ERROR` the connection. Never returns.
   */
  exit(status: number): never {
    mayUse("ngx.exit", this.phase);
    this.leave ??= { kind: "exit", status: checkedExit(status) };
    throw leaving;
  }

  /** Starts over with another URI of this server, or a named location. Never returns. */
  exec(uri: string, args?: string | ArgsInput): never {
    mayUse("ngx.exec", this.phase);
    if (this.headersSent) throw new Error("attempt to call ngx.exec after sending out response headers");
    if (uri === "" || /[\0-\x1f\x7f]/.test(uri)) throw new Error(`ngx.exec cannot go to ${JSON.stringify(uri)}`);
    const question = uri.startsWith("@") ? -1 : uri.indexOf("?");
    const own = question < 0 ? undefined : uri.slice(question + 1);
    const more = args === undefined ? undefined : typeof args === "string" ? encodeUtf8(args) : encodeArgs(args);
    const all = own !== undefined && more !== undefined ? `${own}&${more}` : (own ?? more);
    this.leave ??= { kind: "exec", uri: encodeUtf8(question < 0 ? uri : uri.slice(0, question)), args: all };
    throw leaving;
  }

  /** Answers with a redirect; a relative one stays relative. Never returns. */
  redirect(uri: string, status: 301 | 302 | 303 | 307 | 308 = 302): never {
    mayUse("ngx.redirect", this.phase);
    if (![301, 302, 303, 307, 308].includes(status))
      throw new RangeError(`ngx.redirect cannot answer with ${String(status)}`);
    if (this.headersSent) throw new Error("attempt to call ngx.redirect after sending out response headers");
    if (/[\0-\x1f\x7f]/.test(uri)) throw new Error(`ngx.redirect cannot lead to ${JSON.stringify(uri)}`);
    this.leave ??= { kind: "redirect", uri: encodeUtf8(uri), status };
    throw leaving;
  }
}

const timerBit = phaseInfo.timer.bit;
const headerFilterBit = phaseInfo.header_filter.bit;

function checkedExit(status: number): number {
  if (Number.isInteger(status) && ((status >= 200 && status <= 999) || status === 0 || status === -1 || status === -5))
    return status;
  throw new RangeError(`ngx.exit cannot take ${status}`);
}

const slot = requestSlot<RequestNgx>();
/** Forgotten at an internal redirect. */
const ctxSlot = requestSlot<Record<string, any>>({ perUri: true });

/** The request's `ngx`, made when the first script needs it. */
export function ngxOf(request: Request, phase: PhaseInfo): RequestNgx {
  let ngx = request.get(slot);
  if (ngx === undefined) request.set(slot, (ngx = new RequestNgx(request)));
  ngx.phase = phase;
  return ngx;
}

export function existingNgx(request: Request): RequestNgx | undefined {
  return request.get(slot);
}
