import { UpstreamConnection } from "../../clients/connection.ts";
import { endOf, records, recordType, requestStart } from "../../clients/fastcgi.ts";
import { FastcgiParser } from "../../clients/fastcgi_parser.ts";
import type { Verdict } from "../../core/phase.ts";
import type { Request } from "../../core/request.ts";
import { pass } from "../upstream/pass.ts";
import type { Destination, Protocol, Variation } from "../upstream/protocol.ts";
import type { FastcgiConf } from "./fastcgi.ts";

const endOfBody = endOf(recordType.stdin);

const fastcgiProtocol: Protocol<FastcgiConf, Destination> = {
  destination(request, conf) {
    const group = conf.fastcgi_pass!(request);
    return group && { group, tls: false };
  },
  url: (_, peer) => `fastcgi://${peer}`,
  connectionKind: (_, { fastcgi_keep_conn }) => (fastcgi_keep_conn ? "fastcgi" : "fastcgi once"),
  // nginx has no key of its own here, and then all answers are one: the whole URL is what everybody means.
  cacheKey: (request) => `${request.method}|${request.host}|${request.target}`,
  setBody: () => undefined,
  connect: (_request, conf, _to, peer) =>
    UpstreamConnection.connect(
      peer.address,
      conf.connectTimeoutMs,
      undefined,
      new FastcgiParser(conf.fastcgi_keep_conn),
    ),
  send(connection, events, request, conf, _to, variation, bodyBytes, body) {
    connection.expect(request.method, events);
    const start = requestStart(params(request, conf, variation), conf.fastcgi_keep_conn);
    if (body) connection.write(Buffer.concat([start, records(recordType.stdin, body), endOfBody]));
    else if (bodyBytes === -1 || bodyBytes === 0) connection.write(Buffer.concat([start, endOfBody]));
    else connection.write(start);
  },
  frame: (chunk) => records(recordType.stdin, chunk),
  ending: () => endOfBody,
  rewrite: (_request, _conf, _to, _lower, text) => text,
  passesTrailers: () => false,
  passesNothing: false,
  isFatal: (conf, stderr) => conf.fastcgi_catch_stderr.some((text) => stderr.includes(text)),
};

/** The content handler of `fastcgi_pass`. */
export function passFastcgi(request: Request, conf: FastcgiConf): Verdict | Promise<Verdict> {
  return pass(request, conf, fastcgiProtocol);
}

/** The client's conditions and ranges, which the cache keeps to itself. */
const conditions = new Set([
  "HTTP_IF_MODIFIED_SINCE",
  "HTTP_IF_UNMODIFIED_SINCE",
  "HTTP_IF_NONE_MATCH",
  "HTTP_IF_MATCH",
  "HTTP_RANGE",
  "HTTP_IF_RANGE",
]);

/** Names and values in turn: `fastcgi_param`, then what the client's header makes. */
function params(request: Request, conf: FastcgiConf, variation: Variation | undefined): string[] {
  const flat: string[] = [];
  for (const { name, value, ifNotEmpty } of conf.fastcgi_param) {
    const text = value.evaluate(request);
    if (text !== "" || !ifNotEmpty) flat.push(name, text);
  }
  const { written } = conf;
  if (!written.has("HTTP_HOST")) flat.push("HTTP_HOST", request.header("host") ?? request.server.name);
  if (variation?.ifModifiedSince !== undefined) flat.push("HTTP_IF_MODIFIED_SINCE", variation.ifModifiedSince);
  if (variation?.ifNoneMatch !== undefined) flat.push("HTTP_IF_NONE_MATCH", variation.ifNoneMatch);
  if (!conf.passRequestHeaders) return flat;
  const own = new Map<string, string>();
  const headers = request.headers.flat;
  for (let i = 0; i < headers.length; i += 2) {
    const name = `HTTP_${headers[i]!.toUpperCase().replaceAll("-", "_")}`;
    if (name === "HTTP_HOST" || written.has(name) || (variation?.unconditional && conditions.has(name))) continue;
    const before = own.get(name);
    const separator = name === "HTTP_COOKIE" ? "; " : ", ";
    own.set(name, before === undefined ? headers[i + 1]! : before + separator + headers[i + 1]!);
  }
  for (const [name, text] of own) flat.push(name, text);
  return flat;
}
