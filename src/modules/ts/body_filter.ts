import type { Sink } from "../../core/body.ts";
import type { Chunk } from "../../core/exchange.ts";
import type { Request } from "../../core/request.ts";
import { calls } from "../../ngx/calls.ts";
import { phaseInfo } from "../../ngx/phases.ts";
import { existingNgx, ngxOf, type RequestNgx } from "../../ngx/request_ngx.ts";
import type { Script } from "../../ngx/script.ts";
import { fileFor } from "./file.ts";
import { inTime, logFailure, withPhaseAfter } from "./run.ts";
import { ts, type Use } from "./ts.ts";

type BodyFilter = (ngx: RequestNgx, chunk: Uint8Array, last: boolean) => unknown;

/** Lets a script see and change each chunk of the body. */
export function filterBody(request: Request, use: Use): void {
  request.response.forgetBody(); // the script may change the length
  let { script } = use;
  let ended = false;
  request.filterBody((next) => {
    const pass = (result: Filtered): void | Promise<void> => {
      if (ended) return;
      ended = result.last;
      return next(result.chunk, result.last);
    };
    const filter = (chunk: Chunk, last: boolean): void | Promise<void> => {
      const result = filtered(request, script!, chunk, last);
      return result instanceof Promise ? result.then(pass) : pass(result);
    };
    if (script) return filter;
    let ready: Promise<void> | undefined;
    return ((chunk, last) => {
      ready ??= fileFor(request, use.path!, "body_filter").then((loaded) => {
        if (!loaded) throw new Error("the body cannot be filtered");
        script = loaded;
      });
      return script ? filter(chunk, last) : ready.then(() => filter(chunk, last));
    }) satisfies Sink;
  });
}

interface Filtered {
  readonly chunk: Chunk;
  readonly last: boolean;
}

/**
 * Calls the script with one chunk. What it returns takes the chunk's place; null drops it; undefined leaves what
 * `ngx.arg[1]` and `ngx.arg[2]` say, which is the chunk as it came unless the script has assigned to them.
 */
function filtered(request: Request, script: Script, chunk: Chunk, last: boolean): Filtered | Promise<Filtered> {
  const interrupted = existingNgx(request)?.phase;
  const ngx = ngxOf(request, phaseInfo.body_filter);
  const result = callFilter(ngx, script, chunk, last);
  return interrupted ? withPhaseAfter(ngx, interrupted, result) : result;
}

function callFilter(ngx: RequestNgx, script: Script, chunk: Chunk, last: boolean): Filtered | Promise<Filtered> {
  const bytes = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
  const arg = new ChunkArguments(chunk, last);
  ngx.arg = arg as unknown as Record<number, unknown>;
  let result: unknown;
  calls.enter(script.where, ngx.request);
  try {
    result = ngx.generation.enter(script.handler as BodyFilter, ngx, bytes, last);
  } catch (error) {
    logFailure(ngx.request, error, script, "error");
    throw error;
  } finally {
    calls.leave();
  }
  if (!(result instanceof Promise)) return { chunk: chunkOf(result, arg), last: arg.last };
  return inTime(result, script, ts.of(ngx.request).handler_timeout).then((late) => ({
    chunk: chunkOf(late, arg),
    last: arg.last,
  }));
}

function chunkOf(result: unknown, arg: ChunkArguments): Chunk {
  const value = result === undefined ? arg.chunk : result;
  if (value === null || value === undefined) return "";
  if (typeof value === "string" || value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map(String).join("");
  throw new TypeError(`a body filter gave ${Bun.inspect(value)}, which is neither text nor bytes`);
}

/** `ngx.arg` of a body filter, counted from 1 as OpenResty's: text, and whether it is the last. */
class ChunkArguments {
  constructor(
    public chunk: unknown,
    public last: boolean,
  ) {}

  get 1(): unknown {
    const { chunk } = this;
    return chunk instanceof Uint8Array ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).toString() : chunk;
  }

  set 1(value: unknown) {
    this.chunk = value ?? null;
  }

  get 2(): boolean {
    return this.last;
  }

  set 2(value: boolean) {
    this.last = Boolean(value);
  }
}
