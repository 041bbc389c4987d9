import { defineModule, mark } from "../../core/module.ts";
import { DECLINED, type Verdict } from "../../core/phase.ts";
import type { Request } from "../../core/request.ts";
import { parseInteger } from "../../std/units.ts";
import { setContentType } from "../core/content_type.ts";
import { core } from "../core/core.ts";
import { filePath } from "../core/path.ts";
import { queryArgument } from "../core/variables.ts";
import { openFile, refuse } from "../open_file_cache/open_file_cache.ts";

/** What every Flash video begins with: sound and picture, no tag before the first. */
const header = Buffer.from("FLV\x01\x05\0\0\0\x09\0\0\0\0", "latin1");

/**
 * nginx's ngx_http_flv_module: a player may start in the middle of a video, at a byte that it knows a tag begins at.
 */
export const flv = defineModule({
  name: "flv",
  directives: {
    flv: mark(["location"]),
  },
  handler: (conf) => (conf.flv ? sendVideo : undefined),
});

function sendVideo(request: Request): Verdict | Promise<Verdict> {
  if (request.method !== "GET" && request.method !== "HEAD") return 405;
  if (request.uri.endsWith("/")) return DECLINED;
  const path = filePath(request);
  const file = openFile(request, path);
  if (file.kind === "failure") return refuse(request, path, file);
  if (file.kind !== "file") return DECLINED;
  const asked = parseInteger(queryArgument(request.args, "start") ?? "") ?? 0;
  const start = asked < file.sizeBytes ? asked : 0;
  const { response } = request;
  response.status = 200;
  response.contentLength = file.sizeBytes - start + (start > 0 ? header.length : 0);
  response.lastModified = file.mtimeSeconds;
  if (core.of(request).etag)
    response.etag = `"${file.mtimeSeconds.toString(16)}-${response.contentLength.toString(16)}"`;
  setContentType(request);
  response.allowRanges = true;
  const video = { file, start, end: file.sizeBytes };
  return request.respond(start > 0 ? [header, video] : video);
}
