import { defineModule } from "../../core/module.ts";
import { DECLINED, type Verdict } from "../../core/phase.ts";
import type { Request } from "../../core/request.ts";
import { escapeUri } from "../../std/uri_escape.ts";
import { setContentType } from "../core/content_type.ts";
import { core } from "../core/core.ts";
import { filePath } from "../core/path.ts";
import type { DiskFile } from "../open_file_cache/disk_file.ts";
import { openFile, refuse } from "../open_file_cache/open_file_cache.ts";

/** nginx's ngx_http_static_module: has no directives, answers with the file that the URI names. */
export const staticFiles = defineModule({
  name: "static",
  hooks: { content: serveFile },
});

function serveFile(request: Request): Verdict | Promise<Verdict> {
  const { method, uri } = request;
  if (method !== "GET" && method !== "HEAD" && method !== "POST") return 405;
  if (uri.charCodeAt(uri.length - 1) === 47 /* / */) return DECLINED;
  const path = filePath(request);
  const opened = openFile(request, path);
  switch (opened.kind) {
    case "failure":
      return refuse(request, path, opened);
    case "directory":
      return toDirectory(request);
    case "special":
      request.log("crit", `"${path}" is not a regular file`);
      return 404;
    case "file":
      if (method !== "POST") return sendFile(request, opened);
      opened.release();
      return 405;
  }
}

/** Without its slash a directory's relative links would lead elsewhere: sends the client to the name with one. */
function toDirectory(request: Request): Verdict {
  const location = `${escapeUri(request.uri)}/`;
  request.response.location = request.args === "" ? location : `${location}?${request.args}`;
  return 301;
}

/** Answers 200 with all of `file`, which becomes the response's to release; filters may make a 304 or 206 of it. */
export function sendFile(request: Request, file: DiskFile): Verdict | Promise<Verdict> {
  const { response } = request;
  response.status = 200;
  response.contentLength = file.sizeBytes;
  response.lastModified = file.mtimeSeconds;
  if (core.of(request).etag) response.etag = file.etag;
  setContentType(request);
  response.allowRanges = true;
  return request.respond({ file, start: 0, end: file.sizeBytes });
}
