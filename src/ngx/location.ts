import type { SubrequestOptions } from "../core/engine.ts";
import type { Request } from "../core/request.ts";
import { encodeUtf8 } from "../std/bytestring.ts";
import { asHost } from "../std/host_context.ts";
import { type ArgsInput, encodeArgs, type Repeated } from "./args.ts";
import { fieldName, type HeaderValue, responseHeaders, safeValue } from "./headers.ts";
import { mayUse, phaseInfo } from "./phases.ts";
import { ngxOf, type RequestNgx } from "./request_ngx.ts";

export interface CaptureOptions {
  /** Default GET. */
  readonly method?: string;
  readonly body?: string | Uint8Array;
  /** Added to those of the URI. */
  readonly args?: string | ArgsInput;
  /** In place of the request's headers of these names; null leaves one out. */
  readonly headers?: Readonly<Record<string, HeaderValue>>;
  /** `ngx.ctx` of the subrequest: the very object. */
  readonly ctx?: Record<string, unknown>;
  /** Variables of the subrequest. */
  readonly vars?: Readonly<Record<string, string | number>>;
  /** It starts with a copy of the request's variables. */
  readonly copyAllVars?: boolean;
  /** It has the request's variables: what it writes stays written. Goes before `copyAllVars`. */
  readonly shareAllVars?: boolean;
  /** Sends the request's body along, whatever the method; without it, POST and PUT take it. */
  readonly alwaysForwardBody?: boolean;
}

export interface Captured {
  readonly status: number;
  readonly header: Record<string, Repeated<string>>;
  /** As UTF-8 text. */
  readonly body: string;
  readonly bytes: Uint8Array;
  /** The answer ended before it was complete. */
  readonly truncated: boolean;
}

/** `ngx.location`: requests to this server's own locations, without a connection. */
export class LocationApi {
  constructor(private readonly ngx: RequestNgx) {}

  /** @throws Error for a named location, or when requests are nested more than 50 deep */
  async capture(uri: string, options: CaptureOptions = {}): Promise<Captured> {
    mayUse("ngx.location.capture", this.ngx.phase);
    if (!uri.startsWith("/") || /[\0-\x1f\x7f]/.test(uri))
      throw new Error(`there is no location for ${JSON.stringify(uri)} to capture`);
    const { request } = this.ngx;
    const answer = await asHost(() => request.subrequest(subrequestOptions(request, uri, options)));
    const { bytes, ...rest } = { bytes: answer.body, status: answer.status, truncated: !answer.request.ended };
    return {
      ...rest,
      header: responseHeaders(answer.request),
      bytes,
      body: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString(),
    };
  }

  /** Several at the same time. @returns their answers, in the order they were asked for */
  captureMulti(requests: readonly (readonly [uri: string, options?: CaptureOptions])[]): Promise<Captured[]> {
    return Promise.all(requests.map(([uri, options]) => this.capture(uri, options)));
  }
}

function subrequestOptions(request: Request, uri: string, options: CaptureOptions): SubrequestOptions {
  const question = uri.indexOf("?");
  const own = question < 0 ? undefined : encodeUtf8(uri.slice(question + 1));
  const more =
    options.args === undefined
      ? undefined
      : typeof options.args === "string"
        ? encodeUtf8(options.args)
        : encodeArgs(options.args);
  const method = options.method ?? "GET";
  const headers: [string, string][] = [];
  const removed: string[] = [];
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    const field = fieldName(name);
    if (value === null || value === undefined) removed.push(field);
    else
      for (const one of Array.isArray(value) ? value : [value]) headers.push([field, safeValue(field, one as string)]);
  }
  return {
    uri: encodeUtf8(question < 0 ? uri : uri.slice(0, question)),
    args: own !== undefined && more !== undefined ? `${own}&${more}` : (own ?? more),
    method,
    headers,
    variables: options.shareAllVars ? "shared" : options.copyAllVars ? "copied" : "fresh",
    body: bodyFor(request, method, options),
    onRequest: (sub) => prepare(sub, options, removed),
  };
}

function bodyFor(
  request: Request,
  method: string,
  { body, alwaysForwardBody }: CaptureOptions,
): Uint8Array | undefined {
  if (body !== undefined) return typeof body === "string" ? Buffer.from(body) : body;
  return alwaysForwardBody || method === "POST" || method === "PUT" ? request.body.buffered : undefined;
}

function prepare(sub: Request, { ctx, vars }: CaptureOptions, removed: readonly string[]): void {
  for (const name of removed) sub.headers.delete(name);
  if (ctx) ngxOf(sub, phaseInfo.rewrite).ctx = ctx;
  for (const [name, value] of Object.entries(vars ?? {})) {
    const set = sub.plan.cycle.variables.find(name)?.set;
    if (!set) throw new Error(`variable "${name}" cannot be written: it is not defined, or cannot be changed`);
    set(sub, encodeUtf8(String(value)));
  }
}
