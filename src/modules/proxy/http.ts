import { UpstreamConnection } from "../../clients/connection.ts";
import { Http1Parser } from "../../clients/http1_parser.ts";
import type { Verdict } from "../../core/phase.ts";
import type { Request } from "../../core/request.ts";
import { pass } from "../upstream/pass.ts";
import type { Protocol } from "../upstream/protocol.ts";
import { requestHead } from "./headers.ts";
import type { ProxyConf } from "./proxy.ts";
import { rewriteField } from "./rewrite.ts";
import type { HttpDestination } from "./target.ts";

const chunkEnd = Buffer.from("\r\n");
const lastChunk = Buffer.from("0\r\n\r\n");

/** HTTP/1.0 and 1.1 to an upstream. */
const http: Protocol<ProxyConf, HttpDestination> = {
  destination: (request, conf) => conf.proxy_pass!(request),
  url: ({ tls, uri }, peer) => `${tls ? "https" : "http"}://${peer}${uri}`,
  cacheKey: (_, { tls, host, uri }) => `${tls ? "https" : "http"}://${host}${uri}`,
  setBody: (request, { proxy_set_body }) => proxy_set_body && Buffer.from(proxy_set_body.evaluate(request), "latin1"),
  // What one location's certificates and names make trusted is not trusted by another's.
  connectionKind: (request, conf, to) => (to.tls ? `tls ${conf.tls.number} ${tlsName(request, conf, to)}` : ""),
  connect(request, conf, to, peer) {
    const isNamed = conf.proxy_ssl_server_name || conf.proxy_ssl_verify;
    const tls = to.tls ? { ...conf.tls, serverName: isNamed ? tlsName(request, conf, to) : undefined } : undefined;
    return UpstreamConnection.connect(peer.address, conf.connectTimeoutMs, tls, new Http1Parser());
  },
  send(connection, events, request, conf, to, variation, bodyBytes, body) {
    const method = conf.proxy_method?.evaluate(request) || (variation?.method ?? request.method);
    const head = requestHead(request, conf, to, method, variation, bodyBytes);
    connection.expect(method, events);
    if (!body || body.length === 0) connection.write(head);
    else connection.write(Buffer.concat([Buffer.from(head, "latin1"), body]));
  },
  frame(chunk, isLengthKnown) {
    if (isLengthKnown) return chunk;
    return Buffer.concat([Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, chunkEnd]);
  },
  ending: (isLengthKnown) => (isLengthKnown ? undefined : lastChunk),
  rewrite: rewriteField,
  passesTrailers: (conf) => conf.proxy_pass_trailers,
  passesNothing: true,
  isFatal: () => false,
};

/** The content handler of `proxy_pass`. */
export function passHttp(request: Request, conf: ProxyConf): Verdict | Promise<Verdict> {
  return pass(request, conf, http);
}

/** `proxy_ssl_name`: whom the upstream's certificate has to be for. */
function tlsName(request: Request, conf: ProxyConf, to: HttpDestination): string {
  return (conf.proxy_ssl_name?.evaluate(request) ?? to.host).replace(/:\d+$/, "");
}
