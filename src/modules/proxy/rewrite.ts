import type { Request } from "../../core/request.ts";
import type { ProxyConf } from "./proxy.ts";
import { replaceDomain, replacePrefix } from "./redirect.ts";
import type { HttpDestination } from "./target.ts";

/** What an answer says of the upstream's own names, as the client is to see it. @param lower the field's name */
export function rewriteField(
  request: Request,
  conf: ProxyConf,
  to: HttpDestination,
  lower: string,
  value: string,
): string {
  switch (lower) {
    case "location":
      return redirected(request, conf, to, value);
    case "refresh":
      return value.replace(/(url=)(.*)/i, (_, key: string, url: string) => key + redirected(request, conf, to, url));
    case "set-cookie":
      return cookie(request, conf, value);
    default:
      return value;
  }
}

/** `proxy_redirect`: what the upstream calls itself becomes what the client called us. */
function redirected(request: Request, conf: ProxyConf, to: HttpDestination, url: string): string {
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
    const matches = typeof wanted === "string" ? wanted === name : wanted.match(name, undefined) !== undefined;
    if (!matches) continue;
    for (const flag of flags) {
      const [key] = flag.replace(/^no/, "").split("=");
      const at = attributes.findIndex(
        (attribute) => attribute.trim().toLowerCase().split("=")[0] === key!.toLowerCase(),
      );
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
