import type { TlsOptions } from "../../clients/http1.ts";
import type { Arguments } from "../../core/arguments.ts";
import type { ComplexValue } from "../../core/complex.ts";
import { accepted, choice, type Context, defineModule, field, flag, list, number, time, value } from "../../core/module.ts";
import type { Request } from "../../core/request.ts";
import type { Getter } from "../../core/variable.ts";
import { pass } from "./pass.ts";
import { readReplacement, type Replacements } from "./redirect.ts";
import { readTarget, type Target } from "./target.ts";

const upToLocation: readonly Context[] = ["http", "server", "location"];

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

export interface SetHeader {
  readonly name: string;
  readonly value: ComplexValue;
}

export interface CookieFlags {
  readonly cookie: string;
  readonly flags: readonly string[];
}

/** What the hooks of this module see. */
export interface ProxyConf {
  readonly proxy_pass: Target | undefined;
  readonly proxy_http_version: "1.0" | "1.1";
  readonly proxy_method: ComplexValue | undefined;
  readonly proxy_set_header: readonly SetHeader[];
  readonly proxy_set_body: ComplexValue | undefined;
  readonly proxy_pass_request_headers: boolean;
  readonly proxy_pass_request_body: boolean;
  readonly proxy_request_buffering: boolean;
  readonly proxy_connect_timeout: number;
  readonly proxy_send_timeout: number;
  readonly proxy_read_timeout: number;
  readonly proxy_next_upstream: readonly Failure[];
  readonly proxy_next_upstream_tries: number;
  readonly proxy_next_upstream_timeout: number;
  readonly proxy_intercept_errors: boolean;
  readonly proxy_ignore_client_abort: boolean;
  readonly proxy_redirect: Replacements;
  readonly proxy_cookie_domain: Replacements;
  readonly proxy_cookie_path: Replacements;
  readonly proxy_cookie_flags: readonly CookieFlags[];
  readonly proxy_pass_trailers: boolean;
  readonly proxy_force_ranges: boolean;
  readonly ignored: ReadonlySet<string>;
  readonly hidden: ReadonlySet<string>;
  readonly proxy_ssl_name: ComplexValue | undefined;
  readonly proxy_ssl_server_name: boolean;
  readonly proxy_ssl_verify: boolean;
  readonly tls: Omit<TlsOptions, "serverName">;
}

/** Never passed to the client unless `proxy_pass_header` says so. */
const alwaysHidden = ["date", "server", "x-pad", "x-accel-expires", "x-accel-redirect", "x-accel-limit-rate", "x-accel-buffering", "x-accel-charset"];

const unused = (why: string, args: number | readonly [number, number] = 1) => accepted({ contexts: upToLocation, args, why });

const replacements = () =>
  list<Replacements[number]>({ contexts: upToLocation, args: [1, 2], syntax: "off | default | from to", read: readReplacement });

const variables: Readonly<Record<string, Getter>> = {
  proxy_host: (request) => proxy.of(request).proxy_pass?.(request)?.host,
  proxy_port: (request) => proxy.of(request).proxy_pass?.(request)?.port,
  proxy_add_x_forwarded_for: forwardedFor,
};

/** nginx's ngx_http_proxy_module, without its cache. */
export const proxy = defineModule({
  name: "proxy",
  directives: {
    proxy_pass: value<Target | undefined>({
      contexts: ["location", "if in location", "limit_except"],
      default: undefined,
      merge: "conditional",
      syntax: "URL",
      read: readTarget,
    }),
    proxy_http_version: choice({ contexts: upToLocation, default: "1.1", of: ["1.0", "1.1"] }),
    proxy_method: value<ComplexValue | undefined>({ contexts: upToLocation, default: undefined, syntax: "method", read: (args) => args.complex(0) }),
    proxy_set_header: list<SetHeader>({
      contexts: upToLocation,
      args: 2,
      syntax: "field value",
      read: (args) => ({ name: args.text(0), value: args.complex(1) }),
    }),
    proxy_set_body: value<ComplexValue | undefined>({ contexts: upToLocation, default: undefined, syntax: "value", read: (args) => args.complex(0) }),
    proxy_pass_request_headers: flag({ contexts: upToLocation, default: true }),
    proxy_pass_request_body: flag({ contexts: upToLocation, default: true }),
    proxy_request_buffering: flag({ contexts: upToLocation, default: true }),
    proxy_connect_timeout: time({ contexts: upToLocation, default: 60_000 }),
    proxy_send_timeout: time({ contexts: upToLocation, default: 60_000 }),
    proxy_read_timeout: time({ contexts: upToLocation, default: 60_000 }),
    proxy_next_upstream: value<readonly Failure[]>({
      contexts: upToLocation,
      default: ["error", "timeout"],
      args: [1, failures.length],
      syntax: failures.join(" | "),
      read: (args) => args.words.map((_, i) => args.choice(i, failures)),
    }),
    proxy_next_upstream_tries: number({ contexts: upToLocation, default: 0 }),
    proxy_next_upstream_timeout: time({ contexts: upToLocation, default: 0 }),
    proxy_intercept_errors: flag({ contexts: upToLocation, default: false }),
    proxy_ignore_client_abort: flag({ contexts: upToLocation, default: false }),
    proxy_redirect: replacements(),
    proxy_cookie_domain: replacements(),
    proxy_cookie_path: replacements(),
    proxy_cookie_flags: list<CookieFlags>({
      contexts: upToLocation,
      args: [1, 8],
      syntax: "off | cookie [flag ...]",
      read: (args) => ({ cookie: args.text(0), flags: args.texts(1) }),
    }),
    proxy_hide_header: list<string>({ contexts: upToLocation, syntax: "field", read: (args) => args.text(0).toLowerCase() }),
    proxy_pass_header: list<string>({ contexts: upToLocation, syntax: "field", read: (args) => args.text(0).toLowerCase() }),
    proxy_ignore_headers: list<readonly string[]>({
      contexts: upToLocation,
      args: [1, 16],
      syntax: "field ...",
      read: (args) => args.texts().map((name) => name.toLowerCase()),
    }),
    proxy_pass_trailers: flag({ contexts: upToLocation, default: false }),
    proxy_force_ranges: flag({ contexts: upToLocation, default: false }),
    proxy_ssl_name: value<ComplexValue | undefined>({ contexts: upToLocation, default: undefined, syntax: "name", read: (args) => args.complex(0) }),
    proxy_ssl_server_name: flag({ contexts: upToLocation, default: false }),
    proxy_ssl_verify: flag({ contexts: upToLocation, default: false }),
    proxy_ssl_trusted_certificate: file(),
    proxy_ssl_certificate: file(),
    proxy_ssl_certificate_key: file(),
    proxy_ssl_verify_depth: unused("a chain of any length is verified"),
    proxy_ssl_session_reuse: unused("connections are kept instead"),
    proxy_ssl_protocols: unused("TLS 1.2 and 1.3 are offered", [1, 8]),
    proxy_ssl_ciphers: unused("the runtime's choice is offered"),
    proxy_buffering: unused("answers are passed on as they come, at the client's pace"),
    proxy_buffer_size: unused("buffers grow as needed"),
    proxy_buffers: unused("buffers grow as needed", 2),
    proxy_busy_buffers_size: unused("buffers grow as needed"),
    proxy_max_temp_file_size: unused("answers are never written to a file"),
    proxy_temp_file_write_size: unused("answers are never written to a file"),
    proxy_temp_path: unused("answers are never written to a file", [1, 4]),
    proxy_headers_hash_max_size: unused("tables grow as needed"),
    proxy_headers_hash_bucket_size: unused("tables grow as needed"),
    proxy_send_lowat: unused("the runtime decides"),
    proxy_socket_keepalive: unused("the runtime decides"),
  },
  fields: {
    hidden: field<ReadonlySet<string>>(new Set(alwaysHidden)),
    ignored: field<ReadonlySet<string>>(new Set()),
    tls: field<Omit<TlsOptions, "serverName">>({ rejectUnauthorized: false, ca: undefined, cert: undefined, key: undefined }),
  },
  variables,
  addsSlash: true,
  handler: (conf) => (conf.proxy_pass ? pass : undefined),
  prepare(conf) {
    const passed = new Set(conf.proxy_pass_header);
    conf.hidden = new Set([...alwaysHidden, ...conf.proxy_hide_header].filter((name) => !passed.has(name)));
    conf.ignored = new Set(conf.proxy_ignore_headers.flat());
    conf.tls = {
      rejectUnauthorized: conf.proxy_ssl_verify,
      ca: conf.proxy_ssl_trusted_certificate,
      cert: conf.proxy_ssl_certificate,
      key: conf.proxy_ssl_certificate_key,
    };
  },
});

/** A PEM file, read while the configuration is: workers may no longer be allowed to. */
function file() {
  return value<string | undefined>({
    contexts: upToLocation,
    default: undefined,
    syntax: "file",
    read(args: Arguments) {
      const path = args.text(0).startsWith("/") ? args.text(0) : args.cycle.confPrefix + args.text(0);
      try {
        return args.cycle.readFile(path);
      } catch (error) {
        throw args.wrong(0, `cannot load certificate "${path}": ${(error as Error).message}`, "a readable PEM file");
      }
    },
  });
}

function forwardedFor(request: Request): string {
  const before = request.headers.all("x-forwarded-for").join(", ");
  return before === "" ? request.main.remoteAddress : `${before}, ${request.main.remoteAddress}`;
}
