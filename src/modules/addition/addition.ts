import type { Sink } from "../../core/body.ts";
import { type Context, defineModule, text } from "../../core/module.ts";
import { DECLINED, type Verdict } from "../../core/phase.ts";
import type { Request } from "../../core/request.ts";
import { hasType, mimeTypes } from "../core/mime_types.ts";

const contexts: readonly Context[] = ["http", "server", "location"];

/** nginx's ngx_http_addition_module: puts the answers of other locations before and behind a page. */
export const addition = defineModule({
  name: "addition",
  directives: {
    add_before_body: text({ contexts, default: "", syntax: "uri" }),
    add_after_body: text({ contexts, default: "", syntax: "uri" }),
    addition_types: mimeTypes({ contexts, standard: ["text/html"] }),
  },
  enabled: (conf) => conf.add_before_body !== "" || conf.add_after_body !== "",
  hooks: { header_filter: addParts },
});

function addParts(request: Request): Verdict {
  const { response } = request;
  const { add_before_body: before, add_after_body: after, addition_types } = addition.of(request);
  if (response.status !== 200 || request.parent || !hasType(request, addition_types)) return DECLINED;
  response.weaken();
  response.forgetBody();
  if (!request.headerOnly) request.filterBody((next) => surrounded(request, before, after, next));
  return DECLINED;
}

function surrounded(request: Request, before: string, after: string, next: Sink): Sink {
  let begun = false;
  return async (chunk, last) => {
    if (!begun) {
      begun = true;
      if (before !== "") await insert(request, before, next);
    }
    if (!last || after === "") return void (await next(chunk, last));
    if (chunk.length > 0) await next(chunk, false);
    await insert(request, after, next);
    await next("", true);
  };
}

async function insert(request: Request, uri: string, next: Sink): Promise<void> {
  await request.subrequest({ uri, onChunk: (chunk) => next(chunk, false) });
}
