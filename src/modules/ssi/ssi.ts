import type { Sink } from "../../core/body.ts";
import { accepted, type Context, defineModule, flag, size } from "../../core/module.ts";
import { DECLINED } from "../../core/phase.ts";
import type { Request } from "../../core/request.ts";
import { requestSlot } from "../../core/slot.ts";
import { byteStringOf } from "../../std/bytestring.ts";
import { strftime } from "../../std/strftime.ts";
import { hasType, mimeTypes } from "../core/mime_types.ts";
import { OrderedOutput } from "./output.ts";
import { type Settings, type Shared, SsiPage } from "./page.ts";
import { SsiParser } from "./parser.ts";

const contexts: readonly Context[] = ["http", "server", "location"];

const shared = requestSlot<Shared>();
/** Of the request whose own page it is. */
const pageOf = requestSlot<SsiPage>();

/** nginx's ngx_http_ssi_module. */
export const ssi = defineModule({
  name: "ssi",
  directives: {
    ssi: flag({ contexts: [...contexts, "if in location"], default: false }),
    ssi_types: mimeTypes({ contexts, standard: ["text/html"] }),
    ssi_silent_errors: flag({ contexts, default: false }),
    ssi_value_length: size({ contexts, default: 255 }),
    ssi_last_modified: flag({ contexts, default: false }),
    ssi_min_file_chunk: accepted({ contexts, why: "pages are read into memory" }),
    ssi_ignore_recycled_buffers: accepted({ contexts, why: "memory is managed by the runtime" }),
  },
  variables: {
    date_local: (request) => date(request, false),
    date_gmt: (request) => date(request, true),
  },
  enabled: (conf) => conf.ssi,
  hooks: {
    header_filter(request, conf) {
      const { response, main } = request;
      if (response.contentLength === 0 || !hasType(request, conf.ssi_types)) return DECLINED;
      if (!main.get(shared)) main.set(shared, { variables: new Map(), blocks: [], captures: [] });
      if (request === main) {
        response.forgetBody();
        if (conf.ssi_last_modified) response.weaken();
        else {
          response.lastModified = -1;
          response.etag = undefined;
        }
      }
      const settings = {
        silentErrors: conf.ssi_silent_errors,
        valueLengthMax: conf.ssi_value_length,
        rendersBlockFor,
      };
      request.filterBody((next) => including(request, settings, next));
      return DECLINED;
    },
  },
});

/** As the filter would: where `ssi` is on, and the answer was not known to be empty from its head. */
function rendersBlockFor(request: Request): boolean {
  const { status, contentLength } = request.response;
  return ssi.of(request).ssi && !(status < 300 && contentLength === 0);
}

function including(request: Request, settings: Settings, next: Sink): Sink {
  const output = new OrderedOutput(next);
  const page = new SsiPage(request, settings, request.main.get(shared)!, output);
  request.set(pageOf, page);
  const parser = new SsiParser(settings.valueLengthMax);
  const take = async (bytes: string, last: boolean): Promise<void> => {
    await page.run(parser.push(bytes, last));
    await output.drained();
    if (last) await next("", true);
  };
  let before = Promise.resolve();
  return (chunk, last) => {
    const bytes = byteStringOf(chunk);
    return (before = before.then(() => take(bytes, last)));
  };
}

function date(request: Request, gmt: boolean): string {
  const format = request.get(pageOf)?.timeFormat ?? "%A, %d-%b-%Y %H:%M:%S %Z";
  return strftime(format, new Date(), gmt);
}
