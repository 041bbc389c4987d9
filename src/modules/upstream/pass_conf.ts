import {
  accepted,
  type Context,
  type DirectiveSpec,
  type Field,
  field,
  flag,
  list,
  number,
  time,
  value,
} from "../../core/module.ts";
import { type CacheFields, cacheDirectives, cacheFields, type CacheRules, prepareCache } from "../cache/directives.ts";

/** After which failures another peer may be asked. */
const failures = [
  "error",
  "timeout",
  "denied",
  "invalid_header",
  "http_500",
  "http_502",
  "http_503",
  "http_504",
  "http_403",
  "http_404",
  "http_429",
  "non_idempotent",
  "off",
] as const;
export type Failure = (typeof failures)[number];

/** Header fields of an answer that nginx acts on, and `…_ignore_headers` may keep it from. */
const acted = [
  "X-Accel-Redirect",
  "X-Accel-Expires",
  "X-Accel-Limit-Rate",
  "X-Accel-Buffering",
  "X-Accel-Charset",
  "Expires",
  "Cache-Control",
  "Set-Cookie",
  "Vary",
] as const;

/** What every protocol's module says of passing requests on, whatever its directives are called. */
export interface PassConf extends CacheFields {
  connectTimeoutMs: number;
  sendTimeoutMs: number;
  readTimeoutMs: number;
  nextUpstream: readonly Failure[];
  nextTries: number;
  nextTimeoutMs: number;
  interceptErrors: boolean;
  ignoreClientAbort: boolean;
  requestBuffering: boolean;
  passRequestHeaders: boolean;
  passRequestBody: boolean;
  forceRanges: boolean;
  hideHeaders: readonly string[];
  passHeaders: readonly string[];
  ignoreHeaders: readonly (readonly string[])[];
  /** Header fields, in lower case, that stay between the upstream and us. */
  hidden: ReadonlySet<string>;
  /** Those that are passed on, but not acted on. */
  ignored: ReadonlySet<string>;
  cache: CacheRules | undefined;
}

const contexts: readonly Context[] = ["http", "server", "location"];

type Common =
  | "connect_timeout"
  | "send_timeout"
  | "read_timeout"
  | "next_upstream"
  | "next_upstream_tries"
  | "next_upstream_timeout"
  | "intercept_errors"
  | "ignore_client_abort"
  | "request_buffering"
  | "pass_request_headers"
  | "pass_request_body"
  | "force_ranges"
  | "hide_header"
  | "pass_header"
  | "ignore_headers"
  | "buffering"
  | "buffer_size"
  | "buffers"
  | "busy_buffers_size"
  | "max_temp_file_size"
  | "temp_file_write_size"
  | "send_lowat"
  | "socket_keepalive"
  | "socket_rcvbuf"
  | "socket_sndbuf";

const into = <T>(name: keyof PassConf, spec: DirectiveSpec<T>): DirectiveSpec<unknown> => ({ ...spec, field: name });

/** A directive without effect here, since nothing of an answer is kept while the client has not taken it. */
const unused = (why: string, args: number | readonly [number, number] = 1) => accepted({ contexts, args, why });

/** The directives that all protocols have, by the protocol's prefix; they write the fields of `PassConf`. */
export function passDirectives<const P extends string>(prefix: P) {
  const all: Record<Common, DirectiveSpec<unknown>> = {
    connect_timeout: into("connectTimeoutMs", time({ contexts, default: 60_000 })),
    send_timeout: into("sendTimeoutMs", time({ contexts, default: 60_000 })),
    read_timeout: into("readTimeoutMs", time({ contexts, default: 60_000 })),
    next_upstream: into(
      "nextUpstream",
      value<readonly Failure[]>({
        contexts,
        default: [],
        args: [1, failures.length],
        syntax: failures.join(" | "),
        read: (args) => args.words.map((_, i) => args.choice(i, failures)),
      }),
    ),
    next_upstream_tries: into("nextTries", number({ contexts, default: 0 })),
    next_upstream_timeout: into("nextTimeoutMs", time({ contexts, default: 0 })),
    intercept_errors: into("interceptErrors", flag({ contexts, default: false })),
    ignore_client_abort: into("ignoreClientAbort", flag({ contexts, default: false })),
    request_buffering: into("requestBuffering", flag({ contexts, default: true })),
    pass_request_headers: into("passRequestHeaders", flag({ contexts, default: true })),
    pass_request_body: into("passRequestBody", flag({ contexts, default: true })),
    force_ranges: into("forceRanges", flag({ contexts, default: false })),
    hide_header: into("hideHeaders", names("field")),
    pass_header: into("passHeaders", names("field")),
    ignore_headers: into(
      "ignoreHeaders",
      list<readonly string[]>({
        contexts,
        args: [1, acted.length],
        syntax: "field ...",
        read: (args) => args.words.map((_, i) => args.choice(i, acted).toLowerCase()),
      }),
    ),
    buffering: unused("answers are passed on as they come, at the client's pace"),
    buffer_size: unused("buffers grow as needed"),
    buffers: unused("buffers grow as needed", 2),
    busy_buffers_size: unused("buffers grow as needed"),
    max_temp_file_size: unused("answers are never written to a file but by the cache"),
    temp_file_write_size: unused("answers are never written to a file but by the cache"),
    send_lowat: unused("the runtime decides"),
    socket_keepalive: unused("the runtime decides"),
    socket_rcvbuf: unused("the runtime decides"),
    socket_sndbuf: unused("the runtime decides"),
  };
  const prefixed = Object.fromEntries(Object.entries(all).map(([name, spec]) => [`${prefix}_${name}`, spec]));
  return {
    ...(prefixed as { readonly [N in Common as `${P}_${N}`]: DirectiveSpec<unknown> }),
    ...cacheDirectives(prefix),
  };
}

function names(syntax: string): DirectiveSpec<readonly string[]> {
  return list<string>({ contexts, syntax, read: (args) => args.text(0).toLowerCase() });
}

/** The fields that `passDirectives` write. */
export function passFields(): { [K in keyof PassConf]: Field<PassConf[K]> } {
  return {
    ...cacheFields(),
    connectTimeoutMs: field(60_000),
    sendTimeoutMs: field(60_000),
    readTimeoutMs: field(60_000),
    nextUpstream: field<readonly Failure[]>(["error", "timeout"]),
    nextTries: field(0),
    nextTimeoutMs: field(0),
    interceptErrors: field(false),
    ignoreClientAbort: field(false),
    requestBuffering: field(true),
    passRequestHeaders: field(true),
    passRequestBody: field(true),
    forceRanges: field(false),
    hideHeaders: field<readonly string[]>([]),
    passHeaders: field<readonly string[]>([]),
    ignoreHeaders: field<readonly (readonly string[])[]>([]),
    hidden: field<ReadonlySet<string>>(new Set()),
    ignored: field<ReadonlySet<string>>(new Set()),
    cache: field<CacheRules | undefined>(undefined),
  };
}

/** Settles what the merged fields come to. @param alwaysHidden what is not passed on unless `…_pass_header` says so */
export function preparePass(conf: PassConf, prefix: string, alwaysHidden: readonly string[]): void {
  const passed = new Set(conf.passHeaders);
  conf.hidden = new Set([...alwaysHidden, ...conf.hideHeaders].filter((name) => !passed.has(name)));
  conf.ignored = new Set(conf.ignoreHeaders.flat());
  conf.cache = prepareCache(conf, conf.ignored, prefix);
}
