import type { Place } from "../core/diagnostic.ts";
import { cycleKey } from "../core/cycle.ts";
import type { Level } from "../core/level.ts";
import type { ListenSpec, Pattern, TlsServer } from "../core/plan.ts";

/** One `listen` of a server, as its directive read it. */
export interface ListenDeclaration {
  readonly level: Level;
  readonly place: Place;
  readonly specs: readonly ListenSpec[];
  /** Parameters that shape the socket were given: only one server may give them. */
  readonly setsSocket: boolean;
  readonly defaultServer: boolean;
  readonly ssl: boolean;
  readonly http2: boolean;
  readonly proxyProtocol: boolean;
}

/** One name of `server_name`, in lower case; `pattern` for one that starts with "~". */
export interface ServerName {
  readonly text: string;
  readonly place: Place;
  readonly pattern?: Pattern | undefined;
}

export const listenDeclarations = cycleKey<ListenDeclaration[]>("listen", () => []);
export const serverNames = cycleKey<Map<Level, ServerName[]>>("server_name", () => new Map());

/** The certificates of servers that listen for TLS, and the servers that speak HTTP/2, by their level. */
export const tlsServers = cycleKey<Map<Level, TlsServer>>("ssl", () => new Map());
export const http2Servers = cycleKey<Set<Level>>("http2", () => new Set());
