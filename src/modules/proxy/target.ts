import type { Arguments } from "../../core/arguments.ts";
import type { Request } from "../../core/request.ts";
import { escapeUri } from "../../std/uri_escape.ts";
import { resolver } from "../resolver/resolver.ts";
import type { Upstream } from "../upstream/group.ts";
import { constantGroup, groupFor } from "../upstream/groups.ts";
import type { Destination } from "../upstream/protocol.ts";

/** Where one request goes. */
export interface HttpDestination extends Destination {
  /** `$proxy_host`: host and port as the URL has them. */
  readonly host: string;
  readonly port: string;
  /** The URL's own path, where it has one and no variables. */
  readonly path: string | undefined;
  /** The request target to send. */
  readonly uri: string;
}

/** What `proxy_pass` says, settled as far as it holds no variables. */
export type Target = (request: Request) => HttpDestination | undefined;

interface ParsedUrl {
  readonly tls: boolean;
  readonly host: string;
  readonly uri: string | undefined;
}

/** `proxy_pass URL`: a part of a URL without its path passes the client's target on as it came. */
export function readTarget(args: Arguments): Target {
  const value = args.complex(0);
  if (value.constant !== undefined) return constantTarget(args, value.constant);
  return (request) => {
    const url = value.evaluate(request);
    const parsed = parseUrl(url);
    if (!parsed) {
      request.log("error", `invalid URL prefix in "${url}"`);
      return undefined;
    }
    const group = groupFor(args.cycle, parsed.host, parsed.tls ? 443 : 80, resolver.of(request).resolver);
    if (group) return destination(group, parsed, parsed.uri === undefined ? asReceived(request) : parsed.uri);
    request.log("error", `invalid host in upstream "${parsed.host}"`);
    return undefined;
  };
}

function constantTarget(args: Arguments, url: string): Target {
  const parsed = parseUrl(url);
  if (!parsed) throw args.wrong(0, "invalid URL prefix", "http://HOST[:PORT][/URI], https://… or http://unix:PATH");
  const group = constantGroup(args, parsed.host, parsed.tls ? 443 : 80);
  checkUri(args, parsed);
  const { uri } = parsed;
  return (request) => {
    const found = group();
    return found && destination(found, parsed, uri === undefined ? asReceived(request) : replaced(request, uri));
  };
}

function checkUri(args: Arguments, { uri }: ParsedUrl): void {
  if (uri === undefined) return;
  const { level } = args;
  const location = level.directive?.args[0]?.text ?? "";
  const isRegex = location.startsWith("~");
  if (level.context !== "location" || isRegex || location.startsWith("@"))
    throw args.wrong(
      0,
      '"proxy_pass" cannot have URI part in location given by regular expression, or inside named location, or inside "if" statement, or inside "limit_except" block',
      "http://HOST without a path",
    );
}

function parseUrl(url: string): ParsedUrl | undefined {
  const match = /^(https?):\/\/((?:unix:[^:]+:?)|[^/?#]*)(.*)$/is.exec(url);
  if (!match || match[2] === "") return undefined;
  const uri = match[3]!;
  return {
    tls: match[1]!.toLowerCase() === "https",
    host: match[2]!.replace(/^(unix:.*):$/, "$1"),
    uri: uri === "" ? undefined : uri.startsWith("/") ? uri : `/${uri}`,
  };
}

function destination(group: Upstream, { host, tls, uri: path }: ParsedUrl, uri: string): HttpDestination {
  const colon = host.startsWith("unix:") ? -1 : host.lastIndexOf(":");
  const port = colon > host.lastIndexOf("]") ? host.slice(colon + 1) : tls ? "443" : "80";
  return { group, tls, host: host.startsWith("unix:") ? "localhost" : host, port, path, uri };
}

/** The target as the client sent it, while nothing has changed it. */
function asReceived(request: Request): string {
  const { main } = request;
  if (request === main && !request.internal && main.target.startsWith("/") && !request.rewritten) return main.target;
  return withArgs(request, escapeUri(request.uri));
}

/** The location's name cut off and `uri` put in its place. */
function replaced(request: Request, uri: string): string {
  return withArgs(request, uri + escapeUri(request.uri.slice(request.location.name.length)));
}

function withArgs(request: Request, path: string): string {
  return request.hasArgs || request.args !== "" ? `${path}?${request.args}` : path;
}
