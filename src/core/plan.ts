import type { Cycle } from "./cycle.ts";
import type { Verdict } from "./phase.ts";
import type { Request } from "./request.ts";

export type Hook<Conf = unknown> = (request: Request, conf: Conf) => Verdict | Promise<Verdict>;

/** A hook bound to the configuration it runs with. */
export interface Step {
  readonly hook: Hook;
  readonly conf: unknown;
  /** Of the module, for `resty explain` and the debug log. */
  readonly module: string;
  /** Where to go on in the array when the hook says OK. */
  readonly nextPhase: number;
}

/** A compiled regular expression of the configuration: nginx's patterns, on byte strings. */
export interface Pattern {
  readonly source: string;
  /** The captures, `$0` first, or undefined; sets named captures as variables of `request`. */
  match(subject: string, request: Request | undefined): readonly (string | undefined)[] | undefined;
}

export type LocationKind =
  "exact" | "prefix" | "no-regex prefix" | "regex" | "named" | "if" | "limit_except" | "server";

/** One location with everything its requests need, settled. */
export interface LocationPlan {
  readonly kind: LocationKind;
  /** The prefix, regex source or `@name`; "" for the server's own level. */
  readonly name: string;
  readonly pattern: Pattern | undefined;
  /** Where it stands, `file:line`. */
  readonly origin: string;
  /** Each module's configuration, by `module.index`. */
  readonly confs: readonly unknown[];
  readonly rewrite: readonly Step[];
  readonly lateRewrite: readonly Step[];
  /** preaccess to content, one flat array. */
  readonly steps: readonly Step[];
  /** The same for a subrequest, which the access phase does not concern. */
  readonly subrequestSteps: readonly Step[];
  readonly headerFilters: readonly Step[];
  readonly log: readonly Step[];
  readonly locations: LocationTree;
  /** What other methods than these see in place of this location. */
  readonly limitExcept: { readonly methods: ReadonlySet<string>; readonly plan: LocationPlan } | undefined;
}

/** The locations of one level, arranged for nginx's search order. */
export interface LocationTree {
  readonly exact: ReadonlyMap<string, LocationPlan>;
  /** Longest first. */
  readonly prefixes: readonly LocationPlan[];
  /** In the order of the configuration. */
  readonly regexes: readonly LocationPlan[];
}

export interface ServerPlan {
  /** As written after `server_name`, the first one first. */
  readonly names: readonly string[];
  /** `$server_name`. */
  readonly name: string;
  readonly origin: string;
  /** The server's own level: answers what goes wrong before a location is known. */
  readonly base: LocationPlan;
  readonly postRead: readonly Step[];
  readonly serverRewrite: readonly Step[];
  readonly locations: LocationTree;
  readonly named: ReadonlyMap<string, LocationPlan>;
}

/** `so_keepalive=`: on, off, or the three figures of which any may be left to the system. */
export type TcpKeepalive = boolean | { idleSeconds?: number; intervalSeconds?: number; count?: number };

/** Where to listen, as the configuration says; plain data that crosses processes. */
export interface ListenSpec {
  /** Canonical and unique: `0.0.0.0:80`, `[::]:80`, `unix:/path`. */
  readonly key: string;
  readonly family: "inet" | "inet6" | "unix";
  /** Numeric address or socket path. */
  readonly address: string;
  readonly port: number;
  readonly backlog: number;
  readonly ipv6only: boolean;
  readonly reuseport: boolean;
  readonly rcvbuf?: number;
  readonly sndbuf?: number;
  /** TCP_FASTOPEN: length of its queue. */
  readonly fastopen?: number;
  /** TCP_DEFER_ACCEPT: wake a worker only when data has come. */
  readonly deferAccept?: boolean;
  readonly keepalive?: TcpKeepalive;
}

/** What a server shows to those who connect by TLS. */
/** PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface TlsServer extends Certificate {
  /** Names it is chosen by (SNI), `*.x` included. */
  readonly names: readonly string[];
  /** By name, in place of the server's own: what a script chose when the cycle started. "" is for unknown names. */
  readonly chosen: Record<string, Certificate>;
  /** Of authorities that may sign client certificates; undefined: none is asked for. */
  readonly clientAuthorities: string | undefined;
  readonly minVersion: "TLSv1.2" | "TLSv1.3";
  readonly maxVersion: "TLSv1.2" | "TLSv1.3";
  readonly ciphers: string | undefined;
}

export interface ListenerPlan {
  readonly spec: ListenSpec;
  /** One certificate a server, the default server's first; empty where TLS is not spoken. */
  readonly tls: readonly TlsServer[];
  readonly http2: boolean;
  /** Connections begin with a PROXY protocol header. */
  readonly proxyProtocol: boolean;
  readonly defaultServer: ServerPlan;
  /** All that share the address, in the order of the configuration. */
  readonly servers: readonly ServerPlan[];
  /** The server for a Host header's name, lower case and without port; may set captures. */
  readonly find: (host: string, request: Request | undefined) => ServerPlan;
}

/** One loaded configuration, settled: the engine only walks it. */
export interface Plan {
  readonly cycle: Cycle;
  readonly listeners: readonly ListenerPlan[];
  readonly servers: readonly ServerPlan[];
}
