import type { Body, Sink } from "./body.ts";
import type { Chunk } from "./exchange.ts";
import type { LogLevel } from "./log.ts";
import type { Verdict } from "./phase.ts";
import type { Request } from "./request.ts";
import type { ResponseHead } from "./response_head.ts";

export interface SubrequestOptions {
  /** Or the name of a location, `@name`, which is run for the parent's URI. */
  readonly uri: string;
  /** Without the "?"; undefined takes none. */
  readonly args?: string | undefined;
  /** Default GET. */
  readonly method?: string;
  readonly body?: Uint8Array | undefined;
  /** Whether the parent's request headers go along. Default true. */
  readonly inheritHeaders?: boolean;
  readonly headers?: readonly (readonly [name: string, value: string])[];
  /** Only the status and head matter: the body is thrown away. */
  readonly headerOnly?: boolean;
  /** The parent has been answered, or its client has gone, and this goes on: it sees what became of the parent. */
  readonly afterwards?: boolean;
  /** Called with the request before its first phase. */
  readonly onRequest?: (request: Request) => void;
  /** Gets the body as it comes; without it the body is collected. */
  readonly onChunk?: Sink;
  /** Called once the head is known, before any body. */
  readonly onHead?: (head: ResponseHead, request: Request) => void;
  /** Start with these variables shared with the parent (nginx's own way) or with a copy of them. */
  readonly variables?: "shared" | "copied" | "fresh";
}

export interface SubrequestAnswer {
  readonly request: Request;
  readonly status: number;
  readonly head: ResponseHead;
  /** Empty when `onChunk` took it. */
  readonly body: Uint8Array;
}

/** What modules may ask of the engine that runs them. */
export interface Engine {
  /** Sends the head and a whole body through the filters. */
  respond(request: Request, body: Body | undefined): Verdict | Promise<Verdict>;
  /** Sends the head; the body follows by `send`. A status of 300 or more is a filter's refusal: answer that instead. */
  sendHead(request: Request): Verdict | Promise<Verdict>;
  send(request: Request, chunk: Chunk, last: boolean): void | Promise<void>;
  /** Starts over with another URI, as `error_page`, `try_files`, `index` and `ngx.exec` do. */
  redirect(request: Request, uri: string, args: string | undefined): Verdict | Promise<Verdict>;
  redirectNamed(request: Request, name: string): Verdict | Promise<Verdict>;
  subrequest(parent: Request, options: SubrequestOptions): Promise<SubrequestAnswer>;
  hasErrorPage(request: Request, status: number): boolean;
  log(request: Request, level: LogLevel, message: string, upstream?: string): void;
}
