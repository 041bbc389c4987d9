import { hostname, tmpdir } from "node:os";
import { listenDeclarations, serverNames, type ServerName } from "../../compile/listen.ts";
import { readLocationName } from "../../compile/locations.ts";
import type { Arguments } from "../../core/arguments.ts";
import type { ComplexValue } from "../../core/complex.ts";
import { constantValue } from "../../core/complex.ts";
import type { Level } from "../../core/level.ts";
import {
  accepted,
  block,
  choice,
  type Context,
  defineModule,
  entries,
  field,
  flag,
  list,
  mark,
  number,
  size,
  text,
  time,
  value,
} from "../../core/module.ts";
import type { BodyRules } from "../../core/request_body.ts";
import { compilePattern } from "../../core/pattern.ts";
import { type ErrorPage, readErrorPage } from "./error_page.ts";
import { defaultListen, readListen } from "./listen.ts";
import { defaultTypes, readTypes, type Types } from "./types.ts";
import { prefixes, variables } from "./variables.ts";

const http: readonly Context[] = ["http"];
const server: readonly Context[] = ["server"];
const location: readonly Context[] = ["location"];
const upToServer: readonly Context[] = ["http", "server"];
const upToLocation: readonly Context[] = ["http", "server", "location"];
const upToIf: readonly Context[] = ["http", "server", "location", "if in location"];

/** `keepalive_timeout 75s 60s`: how long, and what the Keep-Alive header promises (0: no header). */
export interface KeepaliveTimeout {
  readonly timeoutMs: number;
  readonly headerSeconds: number;
}

/** `large_client_header_buffers`: a line of a head has to fit into one, and the head into all. */
export interface HeadBuffers {
  readonly count: number;
  readonly bytes: number;
}

/** `root` or `alias`: where files are, and whether the location's name is cut off first. */
export interface Root {
  readonly path: ComplexValue;
  readonly alias: boolean;
  /** Of an `alias`, what it stands for: the prefix of the location it is written in; undefined in one by regex. */
  readonly prefix: string | undefined;
}

const standardRoot: Root = { path: constantValue("html"), alias: false, prefix: undefined };

const noEffect = (contexts: readonly Context[], why: string, args: number | readonly [number, number] = 1) =>
  accepted({ contexts, args, why });

/** nginx's ngx_http_core_module. */
export const core = defineModule({
  name: "core",
  directives: {
    http: block({ contexts: ["main"], opens: "http", once: true }),
    server: block({ contexts: http, opens: "server", read: (args) => ensureListen(args.opened!, args) }),
    location: block({
      contexts: ["server", "location"],
      opens: "location",
      args: [1, 2],
      syntax: "[ = | ~ | ~* | ^~ ] uri { ... }",
      read: (args) => void readLocationName(args.directive),
    }),
    limit_except: block({
      contexts: location,
      opens: "limit_except",
      args: [1, 32],
      once: true,
      syntax: "method ... { ... }",
      read: checkMethods,
    }),
    listen: list<undefined>({
      contexts: server,
      args: [1, 32],
      syntax: "address[:port] [parameter ...]",
      read: (args) => void args.cycle.get(listenDeclarations).push(readListen(args)),
    }),
    server_name: list<undefined>({
      contexts: server,
      args: [1, 1024],
      syntax: "name ...",
      read: (args) => readServerNames(args),
    }),

    root: value<Root>({
      contexts: upToIf,
      default: standardRoot,
      syntax: "path",
      read: (args) => readRoot(args, false),
    }),
    alias: {
      ...value<undefined>({ contexts: location, default: undefined, syntax: "path", read: () => undefined }),
      field: "root",
      read: (args: Arguments) => readRoot(args, true),
    },
    types: entries<Types>({ contexts: upToLocation, default: defaultTypes, read: (args) => readTypes(args) }),
    default_type: text({ contexts: upToLocation, default: "text/plain", syntax: "mime-type" }),
    error_page: list<readonly ErrorPage[]>({
      contexts: upToIf,
      args: [2, 64],
      syntax: "code ... [=[response]] uri",
      read: readErrorPage,
    }),
    recursive_error_pages: flag({ contexts: upToLocation, default: false }),
    internal: mark(location),
    server_tokens: choice({ contexts: upToLocation, default: "on", of: ["on", "off", "build"] }),
    etag: flag({ contexts: upToLocation, default: true }),
    if_modified_since: choice({ contexts: upToLocation, default: "exact", of: ["off", "exact", "before"] }),
    max_ranges: number({ contexts: upToLocation, default: 0x7fffffff }),
    log_not_found: flag({ contexts: upToLocation, default: true }),
    log_subrequest: flag({ contexts: upToLocation, default: false }),
    merge_slashes: flag({ contexts: upToServer, default: true }),
    underscores_in_headers: flag({ contexts: upToServer, default: false }),
    ignore_invalid_headers: flag({ contexts: upToServer, default: true }),
    absolute_redirect: flag({ contexts: upToLocation, default: true }),
    port_in_redirect: flag({ contexts: upToLocation, default: true }),
    server_name_in_redirect: flag({ contexts: upToLocation, default: false }),

    client_max_body_size: value<number>({
      contexts: upToLocation,
      default: 1024 * 1024,
      syntax: "size",
      read: (args) => args.offset(0),
    }),
    client_body_buffer_size: size({ contexts: upToLocation, default: 16 * 1024 }),
    client_body_in_file_only: choice({ contexts: upToLocation, default: "off", of: ["on", "clean", "off"] }),
    client_body_temp_path: value<string>({
      contexts: upToLocation,
      default: tmpdir(),
      args: [1, 4],
      syntax: "path",
      read: (args) => args.cycle.path(args.text(0)),
    }),
    client_body_timeout: time({ contexts: upToLocation, default: 60_000 }),
    send_timeout: time({ contexts: upToLocation, default: 60_000 }),
    keepalive_timeout: value<KeepaliveTimeout>({
      contexts: upToLocation,
      default: { timeoutMs: 75_000, headerSeconds: 0 },
      args: [1, 2],
      syntax: "timeout [header_timeout]",
      read: (args) => ({ timeoutMs: args.timeMs(0), headerSeconds: args.has(1) ? args.timeSeconds(1) : 0 }),
    }),
    keepalive_disable: value<readonly ("none" | "msie6" | "safari")[]>({
      contexts: upToLocation,
      default: ["msie6"],
      args: [1, 3],
      syntax: "none | browser ...",
      read: (args) => args.words.map((_, i) => args.choice(i, ["none", "msie6", "safari"])),
    }),
    max_headers: number({ contexts: upToServer, default: 1000, min: 1 }),
    keepalive_requests: number({ contexts: upToLocation, default: 1000 }),
    keepalive_time: time({ contexts: upToLocation, default: 3_600_000 }),
    limit_rate: value<ComplexValue>({
      contexts: upToIf,
      default: constantValue("0"),
      syntax: "rate",
      read: (args) => args.complex(0),
    }),
    limit_rate_after: value<ComplexValue>({
      contexts: upToIf,
      default: constantValue("0"),
      syntax: "size",
      read: (args) => args.complex(0),
    }),

    sendfile: noEffect(upToIf, "files are sent the way that is fastest for their size"),
    sendfile_max_chunk: noEffect(upToLocation, "large files take turns by themselves"),
    tcp_nopush: noEffect(upToLocation, "head and body leave in one write"),
    tcp_nodelay: noEffect(upToLocation, "it is always on"),
    aio: noEffect(upToLocation, "files are read without it"),
    aio_write: noEffect(upToLocation, "files are written without it"),
    directio: noEffect(upToLocation, "files are read through the page cache"),
    directio_alignment: noEffect(upToLocation, "files are read through the page cache"),
    read_ahead: noEffect(upToLocation, "the kernel decides"),
    output_buffers: noEffect(upToLocation, "buffers have the size that is fastest", 2),
    postpone_output: noEffect(upToLocation, "head and body leave in one write"),
    send_lowat: noEffect(upToLocation, "the runtime decides"),
    client_body_in_single_buffer: noEffect(upToLocation, "a buffered body is always in one piece"),
    client_header_buffer_size: size({ contexts: upToServer, default: 1024 }),
    large_client_header_buffers: value<HeadBuffers>({
      contexts: upToServer,
      default: { count: 4, bytes: 8192 },
      args: 2,
      syntax: "number size",
      read: (args) => ({ count: args.integer(0, { min: 1 }), bytes: args.size(1) }),
    }),
    connection_pool_size: noEffect(upToServer, "memory is managed by the runtime"),
    request_pool_size: noEffect(upToServer, "memory is managed by the runtime"),
    /** What an answer kept in memory for another page may have. */
    subrequest_output_buffer_size: size({ contexts: upToLocation, default: 4096 }),
    types_hash_max_size: noEffect(upToLocation, "tables grow as needed"),
    types_hash_bucket_size: noEffect(upToLocation, "tables grow as needed"),
    server_names_hash_max_size: noEffect(http, "tables grow as needed"),
    server_names_hash_bucket_size: noEffect(http, "tables grow as needed"),
    variables_hash_max_size: noEffect(http, "tables grow as needed"),
    variables_hash_bucket_size: noEffect(http, "tables grow as needed"),
    msie_padding: noEffect(upToLocation, "those browsers are gone"),
    msie_refresh: noEffect(upToLocation, "those browsers are gone"),
    /** Off, there are no trailers; a body of unknown length is chunked for HTTP/1.1 all the same. */
    chunked_transfer_encoding: flag({ contexts: upToLocation, default: true }),
    client_header_timeout: noEffect(upToServer, "the runtime gives a head 12 seconds"),
    reset_timedout_connection: flag({ contexts: upToLocation, default: false }),
    lingering_close: noEffect(upToLocation, "the rest of a request body is always read"),
    lingering_time: noEffect(upToLocation, "the rest of a request body is always read"),
    lingering_timeout: noEffect(upToLocation, "the rest of a request body is always read"),
  },
  fields: {
    bodyRules: field<BodyRules>({ limitBytes: 0, bufferBytes: 0, timeoutMs: 0, folder: "", inFile: "off" }),
    /** `limit_rate` where there is one to compute; undefined for most. */
    rate: field<ComplexValue | undefined>(undefined),
    /** The merged error pages by status. */
    /** What all of a request's head may have. */
    headBytesMax: field(0),
    errorPages: field<ReadonlyMap<number, ErrorPage>>(new Map()),
  },
  variables,
  prefixes,
  prepare(conf, level) {
    if (conf.root === standardRoot) conf.root = { ...standardRoot, path: constantValue(level.cycle.path("html")) };
    conf.bodyRules = {
      limitBytes: conf.client_max_body_size,
      bufferBytes: conf.client_body_buffer_size,
      timeoutMs: conf.client_body_timeout,
      folder: conf.client_body_temp_path,
      inFile: conf.client_body_in_file_only,
    };
    const { count, bytes } = conf.large_client_header_buffers;
    conf.headBytesMax = conf.client_header_buffer_size + count * bytes;
    conf.rate = conf.limit_rate.constant === "0" ? undefined : conf.limit_rate;
    conf.errorPages = new Map(
      conf.error_page
        .flat()
        .reverse()
        .map((page) => [page.status, page]),
    );
  },
});

function ensureListen(level: Level, args: Arguments): void {
  const declarations = args.cycle.get(listenDeclarations);
  if (declarations.some((declaration) => declaration.level === level)) return;
  declarations.push({
    level,
    place: args.place,
    specs: [defaultListen()],
    setsSocket: false,
    defaultServer: false,
    ssl: false,
    http2: false,
    proxyProtocol: false,
  });
}

const knownMethods = "GET HEAD POST PUT DELETE MKCOL COPY MOVE OPTIONS PROPFIND PROPPATCH LOCK UNLOCK PATCH".split(" ");

function checkMethods(args: Arguments): void {
  for (const [i, method] of args.texts().entries())
    if (!knownMethods.includes(method.toUpperCase()))
      throw args.wrong(i, `invalid method "${method}"`, knownMethods.join(", "));
}

function readServerNames(args: Arguments): undefined {
  const all = args.cycle.get(serverNames);
  const names: ServerName[] = all.get(args.level) ?? [];
  all.set(args.level, names);
  for (const word of args.words) {
    const text = word.text;
    if (text.startsWith("~")) {
      if (text.length === 1) throw args.wrong(args.words.indexOf(word), `empty regex in server name "${text}"`);
      names.push({
        text,
        place: word.place,
        pattern: compilePattern(args, text.slice(1), word.place, { caseInsensitive: true }),
      });
      continue;
    }
    const starred = text.replace(/^\*\./, "").replace(/\.\*$/, "");
    if (starred.includes("*") || text.includes("/") || text === "." || (text.startsWith("*.") && text.endsWith(".*")))
      throw args.wrong(
        args.words.indexOf(word),
        `server name "${text}" is invalid`,
        "a name, *.name, .name, name.* or ~regex",
      );
    names.push({ text: text === "$hostname" ? hostname() : text.toLowerCase(), place: word.place });
  }
  return undefined;
}

function readRoot(args: Arguments, alias: boolean): Root {
  const path = args.complex(0);
  // They are made of this very value.
  const own = /\$\{?(document_root|realpath_root)\b/.exec(args.text(0))?.[1];
  if (own)
    throw args.wrong(0, `the $${own} variable cannot be used in the "${args.name}" directive`, "another variable");
  if (alias && args.level.own(core, "root") !== undefined)
    throw args.wrong(0, '"alias" directive is duplicate, "root" directive was specified earlier');
  const location = alias ? readLocationName(args.level.directive!) : undefined;
  if (location?.kind === "named")
    throw args.wrong(0, 'the "alias" directive cannot be used inside the named location', "root");
  const prefix = location?.kind === "regex" ? undefined : location?.name;
  if (path.constant === undefined)
    return { path: { ...path, evaluate: (request) => args.cycle.path(path.evaluate(request)) }, alias, prefix };
  const absolute = args.cycle.path(path.constant);
  return { path: constantValue(alias ? absolute : absolute.replace(/\/$/, "")), alias, prefix };
}
