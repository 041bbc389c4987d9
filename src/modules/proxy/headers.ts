import { isSafeField } from "../../core/header_list.ts";
import type { Request } from "../../core/request.ts";
import { lowerCase } from "../../std/lower_case.ts";
import type { Variation } from "../upstream/protocol.ts";
import type { ProxyConf, SetHeader } from "./proxy.ts";
import type { HttpDestination } from "./target.ts";

/** Meant for this hop only (RFC 9110, section 7.6.1), or written anew. */
const notForwarded = [
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "content-length",
  "host",
  "expect",
];

/** What asks for a part of an answer, or for none of it: the cache wants all. */
const conditions = ["if-modified-since", "if-unmodified-since", "if-none-match", "if-match", "range", "if-range"];

/** What `proxy_set_header` comes to for the fields of the client. */
export interface HeaderRules {
  /** Names, in lower case, of what the client's are not passed on. */
  readonly dropped: ReadonlySet<string>;
  readonly droppedWithConditions: ReadonlySet<string>;
  /** Names, in lower case, that are written whatever they come to. */
  readonly written: ReadonlySet<string>;
}

export function headerRules(setHeaders: readonly SetHeader[]): HeaderRules {
  const written = new Set(setHeaders.map(({ name }) => name.toLowerCase()));
  const dropped = new Set([...notForwarded, ...written]);
  return { written, dropped, droppedWithConditions: new Set([...dropped, ...conditions]) };
}

/** The request head for an upstream. @param bodyBytes undefined: chunked; -1: no body */
export function requestHead(
  request: Request,
  conf: ProxyConf,
  to: HttpDestination,
  method: string,
  variation: Variation | undefined,
  bodyBytes: number | undefined,
): string {
  const { headerRules: rules } = conf;
  let head = `${method} ${to.uri} HTTP/${conf.proxy_http_version}\r\n`;
  for (const { name, value } of conf.proxy_set_header) {
    const text = value.evaluate(request);
    if (text !== "" && isSafeField(name, text)) head += `${name}: ${text}\r\n`;
  }
  const { written } = rules;
  if (!written.has("host")) head += `Host: ${to.host}\r\n`;
  if (conf.proxy_http_version === "1.0" && !written.has("connection")) head += "Connection: close\r\n";
  if (bodyBytes === undefined && !written.has("transfer-encoding")) head += "Transfer-Encoding: chunked\r\n";
  else if (bodyBytes !== undefined && bodyBytes >= 0 && !written.has("content-length"))
    head += `Content-Length: ${bodyBytes}\r\n`;
  if (variation) head += validators(variation, written);
  if (conf.passRequestHeaders) {
    const dropped = variation?.unconditional ? rules.droppedWithConditions : rules.dropped;
    const { flat } = request.headers;
    for (let i = 0; i < flat.length; i += 2)
      if (!dropped.has(lowerCase(flat[i]!))) head += `${flat[i]}: ${flat[i + 1]}\r\n`;
  }
  return `${head}\r\n`;
}

function validators({ ifModifiedSince, ifNoneMatch }: Variation, written: ReadonlySet<string>): string {
  let lines = "";
  if (ifModifiedSince !== undefined && !written.has("if-modified-since"))
    lines += `If-Modified-Since: ${ifModifiedSince}\r\n`;
  if (ifNoneMatch !== undefined && !written.has("if-none-match")) lines += `If-None-Match: ${ifNoneMatch}\r\n`;
  return lines;
}
