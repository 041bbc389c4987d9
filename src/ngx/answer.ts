import type { Chunk } from "../core/exchange.ts";
import { ClientGone } from "../core/exchange.ts";
import { DONE, ERROR, OK, type Verdict } from "../core/phase.ts";
import type { Request } from "../core/request.ts";
import { encodeUtf8 } from "../std/bytestring.ts";
import { asHost } from "../std/host_context.ts";
import { Html } from "./batteries/template.ts";
import { setContentType, safeValue } from "./headers.ts";
import { host } from "./host.ts";
import { phaseInfo } from "./phases.ts";
import type { RequestNgx } from "./request_ngx.ts";

type Streamed =
  | AsyncIterable<string | Uint8Array>
  | ReadableStream<string | Uint8Array>
  | Generator<string | Uint8Array, void, undefined>;

/**
 * What a content handler may return: text, bytes, a file or another Blob, a Response, a stream, any other object (sent
 * as JSON), or nothing.
 */
export type Answer =
  | string
  | ArrayBufferView
  | ArrayBuffer
  | Blob
  | Response
  | Streamed
  | object
  | number
  | boolean
  | null
  | undefined
  | void;

/** A content handler: what a file of `handlers/` exports. */
export type Handler = (ngx: RequestNgx) => Answer | Promise<Answer>;

/** Answers with what a handler returned; what it printed before comes first. */
export function answerWith(ngx: RequestNgx, value: unknown): Verdict | Promise<Verdict> {
  const { request, output } = ngx;
  if (value === undefined || value === null) return output ? output.finish() : respond(request, undefined);
  if (value instanceof Response) return answerResponse(ngx, value);
  if (value instanceof Blob) return answerResponse(ngx, new Response(value));
  if (isStream(value)) return answerStream(ngx, value);
  let body: Chunk;
  if (value instanceof Html) {
    if (!output && request.response.contentType === undefined)
      setContentType(request.response, "text/html; charset=utf-8");
    body = value.text;
  } else if (typeof value === "string") body = value;
  else if (value instanceof Uint8Array) body = value;
  else if (value instanceof ArrayBuffer) body = new Uint8Array(value);
  else if (ArrayBuffer.isView(value)) body = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  else {
    const text = JSON.stringify(value);
    if (text === undefined) throw new TypeError(`a handler cannot answer with ${Bun.inspect(value)}`);
    if (!output) request.response.contentType ??= "application/json";
    body = text;
  }
  if (!output) return respond(request, body);
  output.add(body);
  return output.finish();
}

function respond(request: Request, body: Chunk | undefined): Verdict | Promise<Verdict> {
  const { response } = request;
  if (response.contentType === undefined && body !== undefined) host.setContentType(request);
  if (!request.headerOnly || body !== undefined) response.contentLength = -1;
  return request.respond(body);
}

/** Arrays and maps can be iterated over too, and are data. */
function isStream(value: unknown): value is Streamed {
  if (typeof value !== "object" || value === null) return false;
  return Symbol.asyncIterator in value || (Symbol.iterator in value && "next" in value);
}

async function answerResponse(ngx: RequestNgx, answer: Response): Promise<Verdict> {
  const { request } = ngx;
  if (ngx.headersSent) {
    request.log("error", "a handler returned a Response after it had printed: its status and headers are lost");
  } else {
    const { response } = request;
    response.status = answer.status;
    if (answer.statusText !== "") response.reason = encodeUtf8(answer.statusText);
    for (const [name, value] of answer.headers) if (name !== "set-cookie") copyHeader(request, name, value);
    for (const cookie of answer.headers.getSetCookie())
      response.headers.add("Set-Cookie", safeValue("Set-Cookie", cookie));
  }
  if (answer.body) return answerStream(ngx, answer.body as unknown as Streamed);
  return ngx.output ? ngx.output.finish() : respond(request, undefined);
}

function copyHeader({ response }: Request, name: string, value: string): void {
  const text = safeValue(name, value);
  if (name === "content-type") setContentType(response, text);
  else if (name === "etag") response.etag = text;
  else if (name === "content-encoding") response.contentEncoding = text;
  // The length is counted, and the connection is the server's.
  else if (!["content-length", "transfer-encoding", "connection", "keep-alive"].includes(name))
    response.headers.set(canonical(name), text);
}

const canonical = (name: string): string => name.replace(/(?:^|-)[a-z]/g, (start) => start.toUpperCase());

async function answerStream(ngx: RequestNgx, stream: Streamed): Promise<Verdict> {
  const { request } = ngx;
  const source = sourceOf(ngx, stream);
  const send = (chunk: unknown): void | Promise<void> => {
    if (ngx.phase === phaseInfo.timer) throw new ClientGone(); // the handler's time is over
    return request.send(checkedChunk(chunk));
  };
  asHost(() => request.exchange.onAbort(() => source.close()));
  try {
    const first = await source.next();
    if (first.done) return ngx.output ? ngx.output.finish() : respond(request, "");
    // A stream of one chunk is a whole body: it gets its length and leaves in one write. But no client waits for that.
    const second = source.next();
    second.catch(() => undefined); // it may fail before it is waited for
    const known = await Promise.race([second, oneTurn()]);
    if (known?.done && !ngx.output) return respond(request, checkedChunk(first.value));
    if (!ngx.output) {
      host.setContentType(request);
      const verdict = await request.sendHead();
      if (verdict !== OK) {
        source.close();
        return verdict;
      }
    } else await ngx.output.flush();
    await send(first.value);
    for (let next = await second; !next.done; next = await source.next()) await send(next.value);
    await request.send("", true);
    return DONE;
  } catch (error) {
    if (!(error instanceof ClientGone || request.exchange.aborted)) throw error;
    source.close();
    if (ngx.phase !== phaseInfo.timer) request.log("info", "client prematurely closed connection");
    return ERROR;
  }
}

interface Source {
  next(): Promise<IteratorResult<unknown>>;
  /** Nobody wants more of it; how that ends is of no use to anybody. */
  close(): void;
}

/** Chunks of a stream, made in the handler's generation. */
function sourceOf(ngx: RequestNgx, stream: Streamed): Source {
  const { generation } = ngx;
  // The reader of a ReadableStream can cancel it while a chunk is waited for; an iterator's `return` waits as well.
  const reader = stream instanceof ReadableStream ? stream.getReader() : undefined;
  const iterator = reader ? undefined : generation.enter(() => iteratorOf(stream));
  const pull = (): IteratorResult<unknown> | Promise<IteratorResult<unknown>> =>
    reader ? (reader.read() as Promise<IteratorResult<unknown>>) : iterator!.next();
  const close = (): unknown => (reader ? reader.cancel() : iterator!.return?.());
  return {
    async next() {
      ngx.pulling = true;
      try {
        return await generation.enter(pull);
      } finally {
        ngx.pulling = false;
        ngx.moves++;
      }
    },
    close: () => void Promise.resolve(generation.enter(close)).catch(() => undefined),
  };
}

function iteratorOf(stream: Streamed): AsyncIterator<unknown> | Iterator<unknown> {
  return Symbol.asyncIterator in stream ? stream[Symbol.asyncIterator]() : stream[Symbol.iterator]();
}

const oneTurn = (): Promise<undefined> => new Promise((resolve) => setImmediate(resolve, undefined));

function checkedChunk(chunk: unknown): Chunk {
  if (typeof chunk === "string" || chunk instanceof Uint8Array) return chunk;
  throw new TypeError(`a stream gave ${Bun.inspect(chunk)}, which is neither text nor bytes`);
}
