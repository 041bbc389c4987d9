import type { Arguments } from "../../core/arguments.ts";
import { type Body, byteLength, type Sink } from "../../core/body.ts";
import type { ComplexValue } from "../../core/complex.ts";
import { type Context, defineModule, flag, list } from "../../core/module.ts";
import { DECLINED } from "../../core/phase.ts";
import type { Request } from "../../core/request.ts";
import { bytesOf, byteStringOf } from "../../std/bytestring.ts";
import { hasType, mimeTypes } from "../core/mime_types.ts";
import { readBody } from "../open_file_cache/read_body.ts";
import { type Pattern, Replacer } from "./replacer.ts";

const contexts: readonly Context[] = ["http", "server", "location"];
const pairsMax = 255;
/** Above this a body is filtered as it is read. */
const wholeBytesMax = 128 * 1024;

/** One `sub_filter`. */
interface Pair {
  readonly match: ComplexValue;
  readonly replacement: ComplexValue;
}

/** nginx's ngx_http_sub_module. */
export const sub = defineModule({
  name: "sub",
  directives: {
    sub_filter: list<Pair>({ contexts, args: 2, syntax: "string replacement", read: readPair }),
    sub_filter_types: mimeTypes({ contexts, standard: ["text/html"] }),
    sub_filter_once: flag({ contexts, default: true }),
    sub_filter_last_modified: flag({ contexts, default: false }),
  },
  enabled: (conf) => conf.sub_filter.length > 0,
  hooks: {
    header_filter(request, conf) {
      const { response } = request;
      if (response.contentLength === 0 || !hasType(request, conf.sub_filter_types)) return DECLINED;
      const patterns = patternsFor(request, conf.sub_filter);
      if (patterns.length === 0) return DECLINED;
      if (request === request.main) {
        response.forgetBody();
        if (conf.sub_filter_last_modified) response.weaken();
        else {
          response.lastModified = -1;
          response.etag = undefined;
        }
      }
      request.filterBody(
        (next) => replacing(new Replacer(patterns, conf.sub_filter_once), next),
        (body) => replaced(request, body, new Replacer(patterns, conf.sub_filter_once)),
      );
      return DECLINED;
    },
  },
});

function readPair(args: Arguments): Pair {
  if (args.text(0) === "") throw args.wrong(0, "empty search pattern");
  const others = (args.level.own(sub, "sub_filter") ?? []) as readonly Pair[];
  if (others.length === pairsMax) throw args.wrong(0, `number of search patterns exceeds ${pairsMax}`);
  return { match: args.complex(0), replacement: args.complex(1) };
}

/** A pattern whose variables are empty is left out. */
function patternsFor(request: Request, pairs: readonly Pair[]): Pattern[] {
  const patterns: Pattern[] = [];
  for (const { match, replacement } of pairs) {
    const text = match.evaluate(request);
    if (text !== "") patterns.push({ text, replacement: () => replacement.evaluate(request) });
  }
  return patterns;
}

function replacing(replacer: Replacer, next: Sink): Sink {
  return (chunk, last) => {
    const filtered = bytesOf(replacer.push(byteStringOf(chunk), last));
    return filtered.length > 0 || last ? next(filtered, last) : undefined;
  };
}

function replaced(request: Request, body: Body, replacer: Replacer): Body | undefined {
  if (byteLength(body) > wholeBytesMax) return undefined;
  const filtered = bytesOf(replacer.push(byteStringOf(readBody(body)), true));
  request.response.contentLength = filtered.length;
  return filtered;
}
