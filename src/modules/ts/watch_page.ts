import { readFileSync } from "node:fs";
import { DECLINED, type Verdict } from "../../core/phase.ts";
import type { Request } from "../../core/request.ts";
import { escapeHtml } from "../../ngx/batteries/template.ts";

/** Where `resty serve --watch` leaves what is wrong with the last change, for its workers. */
export const errorFileVariable = "RESTY_WATCH_ERRORS";

const errorFile = process.env[errorFileVariable];

/** Is this a worker of `resty serve --watch`? Others never look for the file. */
export const isWatched = errorFile !== undefined;

/** While the last change cannot be served, says so in place of an answer that is no longer what the files say. */
export function answerError(request: Request): Verdict | Promise<Verdict> {
  let text: string;
  try {
    text = readFileSync(errorFile!, "utf8");
  } catch {
    return DECLINED; // what is served is what was saved
  }
  const { response } = request;
  response.status = 500;
  response.contentType = "text/html";
  response.charset = "utf-8";
  return request.respond(
    '<!DOCTYPE html><html><head><meta charset="utf-8"><title>resty</title></head><body>' +
      "<h1>The last change cannot be served</h1>" +
      `<pre>${escapeHtml(text)}</pre></body></html>\n`,
  );
}
