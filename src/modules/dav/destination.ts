import type { Request } from "../../core/request.ts";
import { unescapeUri } from "../../std/uri_escape.ts";
import { core } from "../core/core.ts";

/** Where COPY and MOVE are to put their result. */
export interface Destination {
  /** As the client sent it, for messages. */
  readonly header: string;
  /** Decoded path; says nothing of arguments. */
  readonly uri: string;
}

/** Reads the Destination header; a number is the status that refuses it. */
export function readDestination(request: Request): Destination | number {
  const header = request.header("destination");
  if (header === undefined) {
    request.log("error", 'client sent no "Destination" header');
    return 400;
  }
  const path = header.startsWith("/") ? header : pathOf(request, header);
  if (typeof path === "number") return path;
  const uri = path === undefined ? undefined : safeUri(path);
  const { root } = core.of(request);
  const outside = root.prefix !== undefined && !uri?.startsWith(root.prefix);
  if (uri === undefined || outside) {
    request.log("error", `client sent invalid "Destination" header: "${header}"`);
    return 400;
  }
  if (request.uri.endsWith("/") !== uri.endsWith("/")) {
    request.log(
      "error",
      `both URI "${request.uri}" and "Destination" URI "${header}" should be either collections or non-collections`,
    );
    return 409;
  }
  return { header, uri };
}

/** The path of an absolute URI of this server; undefined for anything else. */
function pathOf(request: Request, header: string): string | undefined | number {
  if (request.host === "") {
    request.log("error", 'client sent no "Host" header');
    return 400;
  }
  const scheme = request.exchange.connection.tls ? "https://" : "http://";
  if (!header.startsWith(scheme)) return undefined;
  const authority = header.slice(scheme.length);
  if (!authority.startsWith(request.host)) {
    request.log("error", `"Destination" URI "${header}" is handled by different repository than the source URI`);
    return 400;
  }
  const slash = authority.indexOf("/", request.host.length);
  return slash < 0 ? undefined : authority.slice(slash);
}

/** Decoded, without arguments; undefined for a path that climbs or holds a NUL. */
function safeUri(path: string): string | undefined {
  const uri = unescapeUri(path.split(/[?#]/, 1)[0]!);
  return uri.includes("\0") || /(?:^|\/)\.\.(?:\/|$)/.test(uri) || !uri.startsWith("/") ? undefined : uri;
}
