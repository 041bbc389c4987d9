import { defineModule } from "../../core/module.ts";
import { DECLINED, type Verdict } from "../../core/phase.ts";
import type { Request } from "../../core/request.ts";
import { parseHttpTime } from "../../std/clock.ts";
import { core } from "../core/core.ts";
import { matchesTag } from "./etag.ts";

/**
 * nginx's ngx_http_not_modified_filter_module: has no directives of its own (`if_modified_since` and `etag` are the
 * core's), turns a 200 that the client has already into 304, and one that it does not want into 412.
 * @see RFC 9110, section 13
 */
export const notModified = defineModule({
  name: "not_modified",
  hooks: { header_filter: evaluate },
});

function evaluate(request: Request): Verdict {
  const { response } = request;
  if (response.status !== 200 || request.parent) return DECLINED;
  const { headers } = request;
  if (!isConditional(headers.flat)) return DECLINED;
  const unmodifiedSince = headers.get("if-unmodified-since");
  if (unmodifiedSince !== undefined && !isUnmodified(request, unmodifiedSince)) return refuse(request);
  const match = headers.get("if-match");
  if (match !== undefined && !matchesTag(match, response.etag, false)) return refuse(request);

  const modifiedSince = headers.get("if-modified-since");
  const noneMatch = headers.get("if-none-match");
  if (modifiedSince === undefined && noneMatch === undefined) return DECLINED;
  if (modifiedSince !== undefined && isModified(request, modifiedSince)) return DECLINED;
  if (noneMatch !== undefined && !matchesTag(noneMatch, response.etag, true)) return DECLINED;

  response.status = 304;
  response.reason = undefined;
  response.contentType = undefined;
  response.contentEncoding = undefined;
  response.forgetBody();
  return DECLINED;
}

/** Is there an `If-…` among the fields? Most requests have none: one look at each name in place of four searches. */
function isConditional(flat: readonly string[]): boolean {
  for (let i = 0; i < flat.length; i += 2) {
    const name = flat[i]!;
    if (name.charCodeAt(2) === 45 /* - */ && (name.charCodeAt(0) | 32) === 105 /* i */) return true;
  }
  return false;
}

/** What was said of the body that is refused does not belong to the page that says so. */
function refuse(request: Request): Verdict {
  request.response.clear();
  return 412;
}

function isUnmodified(request: Request, since: string): boolean {
  const { lastModified } = request.response;
  return lastModified >= 0 && (parseHttpTime(since) ?? -1) >= lastModified;
}

function isModified(request: Request, since: string): boolean {
  const { lastModified } = request.response;
  const rule = core.of(request).if_modified_since;
  if (lastModified < 0 || rule === "off") return true;
  const seconds = parseHttpTime(since) ?? -1;
  return seconds !== lastModified && (rule === "exact" || seconds < lastModified);
}
