import type { Request } from "../core/request.ts";
import { core } from "../modules/core/core.ts";
import { dateHeader, recurringHttpTime } from "../std/clock.ts";
import { version } from "../std/version.ts";

const serverNames: Readonly<Record<string, string>> = {
  on: `resty/${version}`,
  off: "resty",
  build: `resty/${version} (bun)`,
};

/** What the Server header and error pages call this server under `server_tokens`. */
export function serverName(request: Request): string {
  return serverNames[core.of(request).server_tokens]!;
}

/** The head's fields as they go on the wire, in nginx's order. */
export function headFields(request: Request): string[] {
  const { response } = request;
  const fields: string[] = [];
  const { server = serverName(request), date = dateHeader(Date.now()) } = response;
  if (server !== null) fields.push("Server", server);
  if (date !== null) fields.push("Date", date);
  const type = response.contentType;
  if (type !== undefined && type !== "")
    fields.push("Content-Type", response.charset === undefined ? type : `${type}; charset=${response.charset}`);
  if (response.contentLength >= 0) fields.push("Content-Length", String(response.contentLength));
  if (response.lastModified >= 0) fields.push("Last-Modified", recurringHttpTime(response.lastModified));
  const { location } = response;
  const relative = location !== undefined && location.startsWith("/");
  if (relative) fields.push("Location", absoluteLocation(request, location));
  if (request.exchange.httpVersion < 20) {
    fields.push("Connection", request.keepalive ? "keep-alive" : "close");
    if (request.keepalive) {
      const { headerSeconds } = core.of(request).keepalive_timeout;
      if (headerSeconds > 0) fields.push("Keep-Alive", `timeout=${headerSeconds}`);
    }
  }
  if (location !== undefined && !relative) fields.push("Location", location);
  if (response.varyByEncoding) fields.push("Vary", "Accept-Encoding");
  if (response.contentEncoding !== undefined) fields.push("Content-Encoding", response.contentEncoding);
  if (response.etag !== undefined) fields.push("ETag", response.etag);
  if (response.allowRanges) fields.push("Accept-Ranges", "bytes");
  const more = response.headers.flat;
  for (let i = 0; i < more.length; i++) fields.push(more[i]!);
  return fields;
}

/** `Location: /x` gets scheme, name and port in front, unless `absolute_redirect off`. */
function absoluteLocation(request: Request, location: string): string {
  const conf = core.of(request);
  if (!conf.absolute_redirect) return location;
  const { connection } = request.exchange;
  const scheme = connection.tls ? "https" : "http";
  const name = conf.server_name_in_redirect ? request.server.name : request.host || connection.localAddress;
  const port = connection.localPort;
  const usual = port === 0 || port === (connection.tls ? 443 : 80) || !conf.port_in_redirect;
  return `${scheme}://${name}${usual ? "" : `:${port}`}${location}`;
}
