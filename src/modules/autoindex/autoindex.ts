import { choice, type Context, defineModule, flag } from "../../core/module.ts";
import { DECLINED, DONE, OK, type Verdict } from "../../core/phase.ts";
import type { Request } from "../../core/request.ts";
import { bytesOf } from "../../std/bytestring.ts";
import { filePath } from "../core/path.ts";
import { queryArgument } from "../core/variables.ts";
import { failure } from "../open_file_cache/disk_file.ts";
import { refuse } from "../open_file_cache/open_file_cache.ts";
import { jsonListing, jsonpListing, xmlListing } from "./data.ts";
import { entriesOf, type Entry } from "./entries.ts";
import { htmlListing } from "./html.ts";

const contexts: readonly Context[] = ["http", "server", "location"];

/** nginx's ngx_http_autoindex_module. */
export const autoindex = defineModule({
  name: "autoindex",
  directives: {
    autoindex: flag({ contexts, default: false }),
    autoindex_format: choice({ contexts, default: "html", of: ["html", "json", "jsonp", "xml"] }),
    autoindex_localtime: flag({ contexts, default: false }),
    autoindex_exact_size: flag({ contexts, default: true }),
  },
  enabled: (conf) => conf.autoindex,
  hooks: { content: list },
});

const types = {
  html: "text/html",
  json: "application/json",
  jsonp: "application/javascript",
  xml: "text/xml",
} as const;

type Format = keyof typeof types;

function list(request: Request): Verdict | Promise<Verdict> {
  const { uri, method, response } = request;
  if (!uri.endsWith("/") || (method !== "GET" && method !== "HEAD")) return DECLINED;
  const callback = queryArgument(request.args, "callback") ?? "";
  let format: Format = autoindex.of(request).autoindex_format;
  if (format === "jsonp") {
    if (!isCallback(request, callback)) return 400;
    if (callback === "") format = "json";
  }
  const path = filePath(request).replace(/(?<=.)\/$/, "");
  let entries: Entry[];
  try {
    entries = entriesOf(request, path);
  } catch (error) {
    return refuse(request, path, failure("opendir()", error));
  }
  response.status = 200;
  response.contentType = types[format];
  if (format === "xml") response.charset = "utf-8";
  // The page depends on the charset that the filters give it: the head has to be settled first.
  const verdict = request.sendHead();
  if (typeof verdict !== "number") return verdict.then((late) => send(request, late, format, entries, callback));
  return send(request, verdict, format, entries, callback);
}

function send(
  request: Request,
  verdict: Verdict,
  format: Format,
  entries: readonly Entry[],
  callback: string,
): Verdict | Promise<Verdict> {
  if (verdict !== OK) return verdict;
  const pending = request.send(bytesOf(listing(request, format, entries, callback)), true);
  return pending ? pending.then(() => DONE) : DONE;
}

function listing(request: Request, format: Format, entries: readonly Entry[], callback: string): string {
  switch (format) {
    case "json":
      return jsonListing(entries);
    case "jsonp":
      return jsonpListing(entries, callback);
    case "xml":
      return xmlListing(entries);
    case "html": {
      const conf = autoindex.of(request);
      return htmlListing(request.uri, entries, {
        exactSize: conf.autoindex_exact_size,
        localTime: conf.autoindex_localtime,
        utf8: request.response.charset?.toLowerCase() === "utf-8",
      });
    }
  }
}

/** The page runs in the caller's origin: only a plain name may be called, as in nginx. */
function isCallback(request: Request, callback: string): boolean {
  if (callback.length > 128) request.log("info", `client sent too long callback name: "${callback}"`);
  else if (/^[A-Za-z0-9_.]*$/.test(callback)) return true;
  else request.log("info", `client sent invalid callback name: "${callback}"`);
  return false;
}
