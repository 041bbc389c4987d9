import type { HeaderList } from "../../core/header_list.ts";
import { isSafeField } from "../../core/header_list.ts";
import type { Request } from "../../core/request.ts";
import type { Destination } from "./target.ts";
import type { ProxyConf } from "./proxy.ts";

/** Meant for this hop only (RFC 9110, section 7.6.1), or written anew. */
const notForwarded = new Set(["connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "content-length", "host", "expect"]);

/** The request head for an upstream. @param bodyBytes undefined: chunked; -1: no body */
export function requestHead(request: Request, conf: ProxyConf, to: Destination, bodyBytes: number | undefined): string {
  const method = conf.proxy_method?.evaluate(request) || (request.parent ? request.method : request.method);
  let head = `${method} ${to.uri} HTTP/${conf.proxy_http_version}\r\n`;
  const written = new Set<string>();
  for (const { name, value } of conf.proxy_set_header) {
    const text = value.evaluate(request);
    written.add(name.toLowerCase());
    if (text !== "" && isSafeField(name, text)) head += `${name}: ${text}\r\n`;
  }
  if (!written.has("host")) head += `Host: ${to.host}\r\n`;
  if (!written.has("connection") && conf.proxy_http_version === "1.0") head += "Connection: close\r\n";
  if (bodyBytes === undefined && !written.has("transfer-encoding")) head += "Transfer-Encoding: chunked\r\n";
  else if (bodyBytes !== undefined && bodyBytes >= 0 && !written.has("content-length")) head += `Content-Length: ${bodyBytes}\r\n`;
  if (conf.proxy_pass_request_headers) head += forwarded(request.headers, written);
  return `${head}\r\n`;
}

function forwarded(headers: HeaderList, written: ReadonlySet<string>): string {
  const { flat } = headers;
  let lines = "";
  for (let i = 0; i < flat.length; i += 2) {
    const lower = flat[i]!.toLowerCase();
    if (!notForwarded.has(lower) && !written.has(lower)) lines += `${flat[i]}: ${flat[i + 1]}\r\n`;
  }
  return lines;
}
