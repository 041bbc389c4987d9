import type { Arguments } from "../../core/arguments.ts";
import { type Body, byteLength } from "../../core/body.ts";
import { accepted, type Context, defineModule, flag, list, number, size, value } from "../../core/module.ts";
import { compilePattern } from "../../core/pattern.ts";
import { DECLINED, type Verdict } from "../../core/phase.ts";
import type { Pattern } from "../../core/plan.ts";
import type { Request } from "../../core/request.ts";
import { requestSlot } from "../../core/slot.ts";
import { hasType, mimeTypes } from "../core/mime_types.ts";
import { acceptsGzip, type Proxied } from "./accept.ts";
import { gzipStream, gzipWhole, keptFile, type Tally } from "./compress.ts";

const contexts: readonly Context[] = ["http", "server", "location"];
const conditional: readonly Context[] = [...contexts, "if in location"];

interface Disabled {
  readonly patterns: readonly Pattern[];
  readonly msie6: boolean;
}

const proxiedWords: readonly Proxied[] = [
  "off",
  "expired",
  "no-cache",
  "no-store",
  "private",
  "no_last_modified",
  "no_etag",
  "auth",
  "any",
];

const why = "buffers and tables have the size that is fastest";

/** nginx's ngx_http_gzip_module, and the core's directives that other modules' compressed answers follow as well. */
export const gzip = defineModule({
  name: "gzip",
  directives: {
    gzip: flag({ contexts: conditional, default: false }),
    gzip_types: mimeTypes({ contexts, standard: ["text/html"] }),
    gzip_comp_level: number({ contexts, default: 1, min: 1, max: 9 }),
    gzip_min_length: size({ contexts, default: 20 }),
    gzip_vary: flag({ contexts, default: false }),
    gzip_http_version: value({
      contexts,
      default: 11,
      syntax: "1.0 | 1.1",
      read: (args) => (args.choice(0, ["1.0", "1.1"]) === "1.0" ? 10 : 11),
    }),
    gzip_proxied: value<ReadonlySet<Proxied>>({
      contexts,
      default: new Set<Proxied>(["off"]),
      args: [1, proxiedWords.length],
      syntax: proxiedWords.join(" | "),
      read: (args) => new Set(args.words.map((_, i) => args.choice(i, proxiedWords))),
    }),
    gzip_disable: list<Disabled>({ contexts, args: [1, 64], syntax: "regex ...", read: readDisabled }),
    gzip_buffers: accepted({ contexts, args: 2, why }),
    gzip_window: accepted({ contexts, why }),
    gzip_hash: accepted({ contexts, why }),
    gzip_no_buffer: accepted({ contexts, why }),
    postpone_gzipping: accepted({ contexts, why }),
  },
  variables: {
    gzip_ratio: (request) => {
      const tally = request.get(tallySlot);
      return tally && tally.compressedBytes > 0 ? (tally.plainBytes / tally.compressedBytes).toFixed(2) : undefined;
    },
  },
  enabled: (conf) => conf.gzip,
  hooks: { header_filter: compress },
});

const tallySlot = requestSlot<Tally>();

function readDisabled(args: Arguments): Disabled {
  const named = args.words.filter(({ text }) => text !== "msie6");
  return {
    msie6: named.length < args.count,
    patterns: named.map((word) => compilePattern(args, word.text, word.place, { caseInsensitive: true })),
  };
}

/** Only these have bodies worth it; any other status leaves as it is. */
const isCompressible = (status: number): boolean => status === 200 || status === 403 || status === 404;

function compress(request: Request): Verdict {
  const conf = gzip.of(request);
  const { response } = request;
  const tooShort = response.contentLength >= 0 && response.contentLength < conf.gzip_min_length;
  if (!isCompressible(response.status) || response.contentEncoding || tooShort) return DECLINED;
  if (!hasType(request, conf.gzip_types)) return DECLINED;
  varyByEncoding(request);
  if (!acceptsGzip(request, conf)) return DECLINED;

  response.contentEncoding = "gzip";
  response.weaken();
  response.forgetBody();
  if (request.headerOnly) return DECLINED;
  const tally: Tally = { plainBytes: 0, compressedBytes: 0 };
  request.set(tallySlot, tally);
  request.filterBody(
    (next) => gzipStream(request, conf.gzip_comp_level, tally, next),
    (body) => whole(request, body, conf.gzip_comp_level, tally),
  );
  return DECLINED;
}

/**
 * A body up to this size is compressed in one call; a larger one would keep the worker from others for too long, unless
 * it has to be done only once.
 */
const wholeBytesMax = 128 * 1024;

function whole(request: Request, body: Body, level: number, tally: Tally): Body | undefined {
  if (byteLength(body) > wholeBytesMax && !keptFile(body)) return undefined;
  const compressed = gzipWhole(body, level, tally);
  // nginx leaves the length out, for it compresses while it sends; having it saves the chunked coding.
  request.response.contentLength = compressed.length;
  return compressed;
}

/** Could this request be answered with gzip, by the rules of its location? */
export function mayGzip(request: Request): boolean {
  return acceptsGzip(request, gzip.of(request));
}

/** Tells caches that the answer would be another one for another Accept-Encoding, if `gzip_vary` is on. */
export function varyByEncoding(request: Request): void {
  if (gzip.of(request).gzip_vary) request.response.varyByEncoding = true;
}
