import { listenDeclarations, serverNames, tlsServers } from "../../compile/listen.ts";
import type { Arguments } from "../../core/arguments.ts";
import { ConfigError } from "../../core/arguments.ts";
import type { Cycle } from "../../core/cycle.ts";
import type { Level } from "../../core/level.ts";
import { accepted, choice, type Context, defineModule, text, value } from "../../core/module.ts";
import { DECLINED } from "../../core/phase.ts";
import type { TlsServer } from "../../core/plan.ts";
import type { Request } from "../../core/request.ts";

const contexts: readonly Context[] = ["http", "server"];

/** A PEM file, by its path in the configuration: relative to the main file's folder. */
interface PemFile {
  readonly path: string;
  readonly text: string;
}

function pem(label: string) {
  return value<PemFile | undefined>({
    contexts,
    default: undefined,
    syntax: "file",
    read(args: Arguments) {
      const name = args.text(0);
      const path = name.startsWith("/") ? name : args.cycle.confPrefix + name;
      try {
        const text = args.cycle.readFile(path);
        if (!text.includes("-----BEGIN ")) throw new Error("no start line");
        return { path, text };
      } catch (error) {
        throw args.wrong(0, `cannot load ${label} "${path}": ${(error as Error).message}`, "a readable PEM file");
      }
    },
  });
}

const unused = (why: string, args: number | readonly [number, number] = 1) => accepted({ contexts, args, why });

/** nginx's ngx_http_ssl_module, as far as the runtime's TLS goes. */
export const ssl = defineModule({
  name: "ssl",
  directives: {
    ssl_certificate: pem("certificate"),
    ssl_certificate_key: pem("certificate key"),
    ssl_client_certificate: pem("client certificate authorities"),
    ssl_trusted_certificate: pem("trusted certificates"),
    ssl_verify_client: choice({ contexts, default: "off", of: ["on", "off", "optional", "optional_no_ca"] }),
    ssl_protocols: value<readonly string[]>({
      contexts,
      default: ["TLSv1.2", "TLSv1.3"],
      args: [1, 6],
      syntax: "[TLSv1.2] [TLSv1.3]",
      read: readProtocols,
    }),
    ssl_ciphers: text({ contexts, default: "", syntax: "ciphers" }),
    ssl_prefer_server_ciphers: unused("the runtime's order is used"),
    ssl_session_cache: unused("sessions are resumed by tickets within a worker", [1, 2]),
    ssl_session_timeout: unused("the runtime decides"),
    ssl_session_tickets: unused("the runtime decides"),
    ssl_buffer_size: unused("the runtime decides"),
    ssl_dhparam: unused("only elliptic curves are offered"),
    ssl_ecdh_curve: unused("the runtime's curves are offered"),
    ssl_verify_depth: unused("a chain of any length is verified"),
    ssl_stapling: unused("the runtime staples no OCSP answers"),
    ssl_stapling_verify: unused("the runtime staples no OCSP answers"),
  },
  variables: {
    ssl_server_name: (request) => request.exchange.connection.tlsServerName,
    ssl_client_verify: (request) => verified(request),
  },
  hooks: {
    post_read(request, conf) {
      if (!request.exchange.connection.tls) return DECLINED;
      const result = verified(request);
      if (result === "SUCCESS") return DECLINED;
      if (result === "NONE") {
        if (conf.ssl_verify_client !== "on") return DECLINED;
        request.log("info", "client sent no required SSL certificate while reading client request headers");
        return 400;
      }
      if (conf.ssl_verify_client === "optional_no_ca") return DECLINED;
      request.log("info", `client SSL certificate verify error: (${result.slice("FAILED:".length)})`);
      return 400;
    },
  },
  enabled: (conf) => conf.ssl_verify_client !== "off",
  finish,
});

function readProtocols(args: Arguments): readonly string[] {
  const known = ["SSLv2", "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"] as const;
  const asked = args.words.map((_, i) => args.choice(i, known));
  const offered = asked.filter((version) => version === "TLSv1.2" || version === "TLSv1.3");
  if (offered.length === 0)
    throw args.wrong(0, `"${asked.join(" ")}" is no longer spoken by the runtime`, "TLSv1.2, TLSv1.3 or both");
  if (offered.length < asked.length)
    args.cycle.diagnostics.warn("only TLSv1.2 and TLSv1.3 are spoken; older versions are left out", args.place);
  return offered;
}

/** `$ssl_client_verify` */
function verified(request: Request): string {
  return request.main.exchange.connection.tlsVerify;
}

function finish(cycle: Cycle): void {
  const all = cycle.get(tlsServers);
  for (const { level, ssl: wanted, place } of cycle.get(listenDeclarations)) {
    if (!wanted || all.has(level)) continue;
    const server = tlsServer(level, cycle);
    if (!server)
      throw new ConfigError(
        'no "ssl_certificate" is defined for the "listen ... ssl" directive',
        place,
        "ssl_certificate and ssl_certificate_key beside it",
      );
    all.set(level, server);
  }
}

function tlsServer(level: Level, cycle: Cycle): TlsServer | undefined {
  const conf = ssl.at(level);
  const { ssl_certificate: cert, ssl_certificate_key: key } = conf;
  if (!cert) return undefined;
  if (!key)
    throw new ConfigError(`no "ssl_certificate_key" is defined for certificate "${cert.path}"`, level.directive?.place);
  const authorities = conf.ssl_client_certificate ?? conf.ssl_trusted_certificate;
  if (conf.ssl_verify_client === "on" && !authorities)
    throw new ConfigError("no ssl_client_certificate for ssl_verify_client", level.directive?.place);
  const versions = conf.ssl_protocols;
  return {
    names: (cycle.get(serverNames).get(level) ?? []).map((name) => name.text),
    cert: cert.text,
    key: key.text,
    chosen: {},
    clientAuthorities: conf.ssl_verify_client === "off" ? undefined : (authorities?.text ?? ""),
    minVersion: versions.includes("TLSv1.2") ? "TLSv1.2" : "TLSv1.3",
    maxVersion: versions.includes("TLSv1.3") ? "TLSv1.3" : "TLSv1.2",
    ciphers: conf.ssl_ciphers === "" ? undefined : conf.ssl_ciphers,
  };
}
