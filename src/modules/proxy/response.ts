import type { Verdict } from "../../core/phase.ts";
import type { Request } from "../../core/request.ts";
import { parseHttpTime } from "../../std/clock.ts";
import { parseSize } from "../../std/units.ts";
import type { ProxyConf } from "./proxy.ts";
import { replaceDomain, replacePrefix } from "./redirect.ts";
import type { Destination } from "./target.ts";

/** Meant for the hop between us and the upstream. */
const hopByHop = new Set(["connection", "keep-alive", "transfer-encoding", "upgrade", "proxy-connection", "trailer"]);

/**
 * Makes the upstream's head the response's.
 * @returns A verdict when the upstream wants something else answered: an internal redirect, an intercepted error.
 */
export function applyHead(
  request: Request,
  conf: ProxyConf,
  to: Destination,
  status: number,
  reason: string,
  headers: readonly string[],
): Verdict | Promise<Verdict> | undefined {
  const rate = conf.ignored.has("x-accel-limit-rate") ? undefined : valueOf(headers, "x-accel-limit-rate");
  if (rate !== undefined) request.limitRate = rate === "off" ? 0 : (parseSize(rate) ?? 0);
  const accel = conf.ignored.has("x-accel-redirect") ? undefined : valueOf(headers, "x-accel-redirect");
  if (accel !== undefined && !request.parent?.parent) return internalRedirect(request, headers, accel);
  if (conf.proxy_intercept_errors && status >= 300 && request.hasErrorPage(status)) {
    if (status === 401) copyChallenge(request, headers);
    return status;
  }
  const { response } = request;
  response.status = status;
  response.reason = reason;
  for (let i = 0; i < headers.length; i += 2) applyField(request, conf, to, headers[i]!, headers[i + 1]!);
  if (conf.proxy_force_ranges) response.allowRanges = true;
  return undefined;
}

function applyField(request: Request, conf: ProxyConf, to: Destination, name: string, value: string): void {
  const { response } = request;
  const lower = name.toLowerCase();
  if (hopByHop.has(lower)) return;
  if (conf.hidden.has(lower)) return;
  switch (lower) {
    case "content-type": {
      const charset = /;\s*charset=\s*"?([^;"\s]+)"?/i.exec(value);
      response.contentType = charset ? (value.slice(0, charset.index) + value.slice(charset.index + charset[0].length)).trim() : value;
      response.charset = charset?.[1];
      return;
    }
    case "content-length":
      response.contentLength = Number(value);
      return;
    case "last-modified": {
      const seconds = parseHttpTime(value);
      if (seconds === undefined) response.headers.add(name, value);
      else response.lastModified = seconds;
      return;
    }
    case "etag":
      response.etag = value;
      return;
    case "content-encoding":
      response.contentEncoding = value;
      return;
    case "accept-ranges":
      response.allowRanges = value.toLowerCase().includes("bytes");
      return;
    case "location":
      response.headers.add(name, redirected(request, conf, to, value));
      return;
    case "refresh":
      response.headers.add(name, value.replace(/(url=)(.*)/i, (_, key: string, url: string) => key + redirected(request, conf, to, url)));
      return;
    case "set-cookie":
      response.headers.add(name, cookie(request, conf, value));
      return;
    default:
      response.headers.add(name, value);
  }
}

/** `proxy_redirect`: what the upstream calls itself becomes what the client called us. */
function redirected(request: Request, conf: ProxyConf, to: Destination, url: string): string {
  const rules = conf.proxy_redirect.length === 0 ? (["default"] as const) : conf.proxy_redirect;
  for (const rule of rules) {
    if (rule === "off") return url;
    if (rule !== "default") {
      const replaced = replacePrefix(request, url, rule);
      if (replaced !== undefined) return replaced;
      continue;
    }
    // Without a path of its own the URL stands for everything below it, and so does "/" here.
    const base = `${to.tls ? "https" : "http"}://${to.host}${to.path ?? "/"}`;
    if (request.location.kind !== "regex" && url.startsWith(base))
      return (to.path === undefined ? "/" : request.location.name) + url.slice(base.length);
  }
  return url;
}

function cookie(request: Request, conf: ProxyConf, value: string): string {
  const attributes = value.split(";");
  const name = attributes[0]!.split("=")[0]!.trim();
  for (const [i, attribute] of attributes.entries()) {
    const match = /^(\s*)(domain|path)=(.*)$/is.exec(attribute);
    if (!match) continue;
    const isDomain = match[2]!.toLowerCase() === "domain";
    for (const rule of isDomain ? conf.proxy_cookie_domain : conf.proxy_cookie_path) {
      if (typeof rule === "string") continue;
      const replaced = (isDomain ? replaceDomain : replacePrefix)(request, match[3]!, rule);
      if (replaced === undefined) continue;
      attributes[i] = `${match[1]}${match[2]}=${replaced}`;
      break;
    }
  }
  return withFlags(conf, name, attributes);
}

function withFlags(conf: ProxyConf, name: string, attributes: string[]): string {
  for (const { cookie: wanted, flags } of conf.proxy_cookie_flags) {
    const matches = wanted.startsWith("~") ? new RegExp(wanted.slice(1), "i").test(name) : wanted === name;
    if (!matches) continue;
    for (const flag of flags) {
      const [key] = flag.replace(/^no/, "").split("=");
      const at = attributes.findIndex((attribute) => attribute.trim().toLowerCase().split("=")[0] === key!.toLowerCase());
      if (at > 0) attributes.splice(at, 1);
      if (!flag.startsWith("no")) attributes.push(` ${cookieFlags[flag.toLowerCase()] ?? flag}`);
    }
    break;
  }
  return attributes.join(";");
}

const cookieFlags: Readonly<Record<string, string>> = {
  secure: "Secure",
  httponly: "HttpOnly",
  "samesite=strict": "SameSite=Strict",
  "samesite=lax": "SameSite=Lax",
  "samesite=none": "SameSite=None",
};

/** What an application may decide of the answer that another location gives in its place. */
const keptOnRedirect = new Set(["content-type", "set-cookie", "content-disposition", "cache-control", "expires", "accept-ranges"]);

function internalRedirect(request: Request, headers: readonly string[], target: string): Verdict | Promise<Verdict> {
  const { response } = request;
  for (let i = 0; i < headers.length; i += 2) {
    const lower = headers[i]!.toLowerCase();
    if (lower === "content-type") response.contentType = headers[i + 1]!;
    else if (keptOnRedirect.has(lower)) response.headers.add(headers[i]!, headers[i + 1]!);
  }
  if (target.startsWith("@")) return request.redirectNamed(target);
  if (request.method !== "HEAD") request.method = "GET";
  const question = target.indexOf("?");
  return question < 0 ? request.redirect(target) : request.redirect(target.slice(0, question), target.slice(question + 1));
}

function copyChallenge(request: Request, headers: readonly string[]): void {
  for (let i = 0; i < headers.length; i += 2)
    if (headers[i]!.toLowerCase() === "www-authenticate") request.response.headers.add(headers[i]!, headers[i + 1]!);
}

/** `proxy_pass_trailers`: where the framing has no room for them they are left out. */
export function applyTrailers(request: Request, trailers: readonly string[]): void {
  if (trailers.length > 0) (request.response.trailers ??= []).push(...trailers);
}

function valueOf(flat: readonly string[], name: string): string | undefined {
  for (let i = 0; i < flat.length; i += 2) if (flat[i]!.toLowerCase() === name) return flat[i + 1];
  return undefined;
}
