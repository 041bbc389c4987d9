import type { TlsOptions } from "../../clients/connection.ts";
import type { Arguments } from "../../core/arguments.ts";
import type { ComplexValue } from "../../core/complex.ts";
import { accepted, choice, type Context, defineModule, field, flag, list, value } from "../../core/module.ts";
import { compilePattern } from "../../core/pattern.ts";
import type { Pattern } from "../../core/plan.ts";
import type { Request } from "../../core/request.ts";
import type { Getter } from "../../core/variable.ts";
import { passDirectives, type PassConf, passFields, preparePass } from "../upstream/pass_conf.ts";
import { headerRules, type HeaderRules } from "./headers.ts";
import { passHttp } from "./http.ts";
import { readReplacement, type Replacements } from "./redirect.ts";
import { readTarget, type Target } from "./target.ts";

const upToLocation: readonly Context[] = ["http", "server", "location"];

/** How a location speaks TLS. */
interface TlsSettings extends Omit<TlsOptions, "serverName"> {
  /** Of the location: two may differ. */
  readonly number: number;
}

let tlsSettingsMade = 0;

export interface SetHeader {
  readonly name: string;
  readonly value: ComplexValue;
}

export interface CookieFlags {
  /** Its name, or what names have to match. */
  readonly cookie: string | Pattern;
  readonly flags: readonly string[];
}

/** What the hooks of this module see. */
export interface ProxyConf extends PassConf {
  readonly proxy_pass: Target | undefined;
  readonly proxy_http_version: "1.0" | "1.1";
  readonly proxy_method: ComplexValue | undefined;
  readonly proxy_set_header: readonly SetHeader[];
  readonly proxy_set_body: ComplexValue | undefined;
  readonly proxy_redirect: Replacements;
  readonly proxy_cookie_domain: Replacements;
  readonly proxy_cookie_path: Replacements;
  readonly proxy_cookie_flags: readonly CookieFlags[];
  readonly proxy_pass_trailers: boolean;
  readonly proxy_ssl_name: ComplexValue | undefined;
  readonly proxy_ssl_server_name: boolean;
  readonly proxy_ssl_verify: boolean;
  readonly headerRules: HeaderRules;
  readonly tls: TlsSettings;
}

/** Never passed to the client unless `proxy_pass_header` says so. */
const alwaysHidden = [
  "date",
  "server",
  "x-pad",
  "x-accel-expires",
  "x-accel-redirect",
  "x-accel-limit-rate",
  "x-accel-buffering",
  "x-accel-charset",
];

const unused = (why: string, args: number | readonly [number, number] = 1) =>
  accepted({ contexts: upToLocation, args, why });

const replacements = () =>
  list<Replacements[number]>({
    contexts: upToLocation,
    args: [1, 2],
    syntax: "off | default | from to",
    read: readReplacement,
  });

const variables: Readonly<Record<string, Getter>> = {
  proxy_host: (request) => proxy.of(request).proxy_pass?.(request)?.host,
  proxy_port: (request) => proxy.of(request).proxy_pass?.(request)?.port,
  proxy_add_x_forwarded_for: forwardedFor,
};

/** nginx's ngx_http_proxy_module. */
export const proxy = defineModule({
  name: "proxy",
  directives: {
    ...passDirectives("proxy"),
    proxy_pass: value<Target | undefined>({
      contexts: ["location", "if in location", "limit_except"],
      default: undefined,
      merge: "conditional",
      syntax: "URL",
      read: readTarget,
    }),
    proxy_http_version: choice({ contexts: upToLocation, default: "1.1", of: ["1.0", "1.1"] }),
    proxy_method: value<ComplexValue | undefined>({
      contexts: upToLocation,
      default: undefined,
      syntax: "method",
      read: (args) => args.complex(0),
    }),
    proxy_set_header: list<SetHeader>({
      contexts: upToLocation,
      args: 2,
      syntax: "field value",
      read: (args) => ({ name: args.text(0), value: args.complex(1) }),
    }),
    proxy_set_body: value<ComplexValue | undefined>({
      contexts: upToLocation,
      default: undefined,
      syntax: "value",
      read: (args) => args.complex(0),
    }),
    proxy_redirect: replacements(),
    proxy_cookie_domain: replacements(),
    proxy_cookie_path: replacements(),
    proxy_cookie_flags: list<CookieFlags>({
      contexts: upToLocation,
      args: [1, 8],
      syntax: "off | cookie [flag ...]",
      read: readCookieFlags,
    }),
    proxy_pass_trailers: flag({ contexts: upToLocation, default: false }),
    proxy_ssl_name: value<ComplexValue | undefined>({
      contexts: upToLocation,
      default: undefined,
      syntax: "name",
      read: (args) => args.complex(0),
    }),
    proxy_ssl_server_name: flag({ contexts: upToLocation, default: false }),
    proxy_ssl_verify: flag({ contexts: upToLocation, default: false }),
    proxy_ssl_trusted_certificate: file(),
    proxy_ssl_certificate: file(),
    proxy_ssl_certificate_key: file(),
    proxy_ssl_verify_depth: unused("a chain of any length is verified"),
    proxy_ssl_session_reuse: unused("connections are kept instead"),
    proxy_ssl_protocols: unused("TLS 1.2 and 1.3 are offered", [1, 8]),
    proxy_ssl_ciphers: unused("the runtime's choice is offered"),
    proxy_headers_hash_max_size: unused("tables grow as needed"),
    proxy_headers_hash_bucket_size: unused("tables grow as needed"),
  },
  fields: {
    ...passFields(),
    headerRules: field<HeaderRules>(headerRules([])),
    tls: field<TlsSettings>({ number: 0, rejectUnauthorized: false, ca: undefined, cert: undefined, key: undefined }),
  },
  variables,
  addsSlash: true,
  handler: (conf) => (conf.proxy_pass ? passHttp : undefined),
  prepare(conf) {
    preparePass(conf, "proxy", alwaysHidden);
    conf.headerRules = headerRules(conf.proxy_set_header);
    conf.tls = {
      number: ++tlsSettingsMade,
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

function readCookieFlags(args: Arguments): CookieFlags {
  const name = args.text(0);
  const flags = args.texts(1);
  if (!name.startsWith("~")) return { cookie: name, flags };
  const place = args.words[0]!.place;
  return { cookie: compilePattern(args, name.slice(1), place, { caseInsensitive: true }), flags };
}
