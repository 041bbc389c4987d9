import type { Pattern } from "../../core/plan.ts";
import type { Request } from "../../core/request.ts";
import { parseHttpTime } from "../../std/clock.ts";

export type Proxied =
  "off" | "expired" | "no-cache" | "no-store" | "private" | "no_last_modified" | "no_etag" | "auth" | "any";

/** What decides whether a client gets gzip. */
export interface AcceptRules {
  /** 10 or 11. */
  readonly gzip_http_version: number;
  readonly gzip_proxied: ReadonlySet<Proxied>;
  readonly gzip_disable: readonly { readonly patterns: readonly Pattern[]; readonly msie6: boolean }[];
}

/**
 * Does an Accept-Encoding value admit gzip? Only the coding's own name counts, as in nginx, not `*`.
 * @see RFC 9110, section 12.5.3
 */
export function admitsGzip(value: string): boolean {
  if (value.startsWith("gzip,") || value === "gzip") return true;
  const match = /(?:^|[, ])gzip *(?:$|,|; *q=([\d.]*) *(?:$|,))/i.exec(value);
  return match !== null && (match[1] === undefined || isPositive(match[1]));
}

/** A quality of at least 0.001 and at most 1, with three decimals. */
function isPositive(quality: string): boolean {
  return /^(?:1(?:\.0{0,3})?|0\.\d{1,3})$/.test(quality) && /[1-9]/.test(quality);
}

/** May this request be answered with gzip? The head of the response counts too: `gzip_proxied` asks for it. */
export function acceptsGzip(request: Request, rules: AcceptRules): boolean {
  if (request.parent) return false;
  const { headers } = request;
  const encoding = headers.get("accept-encoding");
  if (encoding === undefined || !admitsGzip(encoding)) return false;
  if (request.exchange.httpVersion < rules.gzip_http_version) return false;
  const agent = rules.gzip_disable.length > 0 ? headers.get("user-agent") : undefined;
  if (agent !== undefined && isDisabledFor(agent, rules.gzip_disable)) return false;
  return headers.get("via") === undefined || proxiedAllows(request, rules.gzip_proxied);
}

function isDisabledFor(agent: string, lists: AcceptRules["gzip_disable"]): boolean {
  return lists.some(
    ({ patterns, msie6 }) =>
      (msie6 && isOldExplorer(agent)) || patterns.some((pattern) => pattern.match(agent, undefined) !== undefined),
  );
}

/** Internet Explorer 4 to 6, but for 6 with Service Pack 2 of Windows XP. */
function isOldExplorer(agent: string): boolean {
  return /^.*MSIE (?:[45]\.|6\.(?!.*SV1))/.test(agent) && !agent.includes("Opera");
}

/** The request came through a proxy, which may cache the answer: `gzip_proxied` says when that is all right. */
function proxiedAllows(request: Request, rules: ReadonlySet<Proxied>): boolean {
  if (rules.has("off")) return false;
  if (rules.has("any")) return true;
  const { headers, response } = request;
  if (rules.has("auth") && headers.has("authorization")) return true;
  const expires = response.headers.get("expires");
  if (expires !== undefined) {
    const time = parseHttpTime(expires);
    return rules.has("expired") && time !== undefined && time < Math.floor(Date.now() / 1000);
  }
  const cacheControl = response.headers.all("cache-control").join(",").toLowerCase();
  if (cacheControl !== "") {
    const says = (directive: Proxied): boolean =>
      rules.has(directive) && new RegExp(`(?:^|[,\\s])${directive}(?:$|[,;=\\s])`).test(cacheControl);
    return says("no-cache") || says("no-store") || says("private");
  }
  if (rules.has("no_last_modified") && response.lastModified >= 0) return false;
  return !(rules.has("no_etag") && response.etag !== undefined);
}
