import type { Sink } from "../../core/body.ts";
import { accepted, defineModule, flag } from "../../core/module.ts";
import { DECLINED, type Verdict } from "../../core/phase.ts";
import type { Request } from "../../core/request.ts";
import { Flush, ZlibStream } from "../../std/deflate_stream.ts";
import { mayGzip, varyByEncoding } from "../gzip/gzip.ts";

/** nginx's ngx_http_gunzip_module: expands a gzip body for a client that did not ask for gzip. */
export const gunzip = defineModule({
  name: "gunzip",
  directives: {
    gunzip: flag({ contexts: ["http", "server", "location"], default: false }),
    gunzip_buffers: accepted({
      contexts: ["http", "server", "location"],
      args: 2,
      why: "buffers have the size that is fastest",
    }),
  },
  enabled: (conf) => conf.gunzip,
  hooks: { header_filter: expand },
});

function expand(request: Request): Verdict {
  const { response } = request;
  if (response.contentEncoding?.toLowerCase() !== "gzip") return DECLINED;
  varyByEncoding(request);
  if (mayGzip(request)) return DECLINED;
  response.contentEncoding = undefined;
  response.weaken();
  response.forgetBody();
  if (!request.headerOnly) request.filterBody((next) => gunzipStream(request, next));
  return DECLINED;
}

/** How much of a compressed body is expanded at once: each byte may become a thousand. */
const pieceBytes = 16 * 1024;

function gunzipStream(request: Request, next: Sink): Sink {
  const stream = ZlibStream.gunzip();
  let ended = false;
  const end = (): void => {
    if (!ended) stream.close();
    ended = true;
  };
  request.exchange.onAbort(end);
  return async (chunk, last) => {
    if (ended) return;
    const bytes = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      const plain = stream.write(bytes.subarray(at, at + pieceBytes), Flush.sync);
      if (plain.length > 0) await next(plain, false);
    }
    if (!last) return;
    end();
    await next("", true);
  };
}
