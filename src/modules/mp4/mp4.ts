import type { Body } from "../../core/body.ts";
import { byteLength } from "../../core/body.ts";
import { type Context, defineModule, flag, mark, size } from "../../core/module.ts";
import { DECLINED, type Verdict } from "../../core/phase.ts";
import type { Request } from "../../core/request.ts";
import { setContentType } from "../core/content_type.ts";
import { core } from "../core/core.ts";
import { filePath } from "../core/path.ts";
import { queryArgument } from "../core/variables.ts";
import type { DiskFile } from "../open_file_cache/disk_file.ts";
import { openFile, refuse } from "../open_file_cache/open_file_cache.ts";
import { sendFile } from "../static/static.ts";
import { Mp4Error } from "./atoms.ts";
import { clipOf } from "./clip.ts";

const contexts: readonly Context[] = ["http", "server", "location"];

/** nginx's ngx_http_mp4_module: a player may ask for a part of a film by its times. */
export const mp4 = defineModule({
  name: "mp4",
  directives: {
    mp4: mark(["location"]),
    mp4_buffer_size: size({ contexts, default: 512 * 1024 }),
    mp4_max_buffer_size: size({ contexts, default: 10 * 1024 * 1024 }),
    mp4_start_key_frame: flag({ contexts, default: false }),
  },
  handler: (conf) => (conf.mp4 ? sendFilm : undefined),
});

function sendFilm(request: Request): Verdict | Promise<Verdict> {
  if (request.method !== "GET" && request.method !== "HEAD") return 405;
  if (request.uri.endsWith("/")) return DECLINED;
  const path = filePath(request);
  const file = openFile(request, path);
  if (file.kind === "failure") return refuse(request, path, file);
  if (file.kind !== "file") return DECLINED;
  const times = timesOf(request.args);
  if (!times) return sendFile(request, file);
  let body: Body | undefined;
  try {
    const { mp4_max_buffer_size, mp4_start_key_frame } = mp4.of(request);
    body = clipOf(file, { ...times, fromKeyFrame: mp4_start_key_frame }, mp4_max_buffer_size);
  } catch (error) {
    file.release();
    if (!(error instanceof Mp4Error)) throw error;
    request.log("error", `${error.message} in "${path}"`);
    return 500;
  }
  return body === undefined ? sendFile(request, file) : sendClip(request, file, body);
}

/** The arguments `start` and `end`, seconds with a fraction; undefined when they ask for nothing. */
function timesOf(args: string): { startMs: number; lengthMs: number } | undefined {
  const start = milliseconds(queryArgument(args, "start"));
  const end = milliseconds(queryArgument(args, "end"));
  const startMs = start ?? (end ? 0 : undefined);
  if (startMs === undefined) return undefined;
  return { startMs, lengthMs: end !== undefined && end > startMs ? end - startMs : 0 };
}

function milliseconds(text: string | undefined): number | undefined {
  return text !== undefined && /^(?=.*\d)\d{0,12}(?:\.\d*)?$/.test(text)
    ? Math.floor(Number(text) * 1000 + 1e-6)
    : undefined;
}

function sendClip(request: Request, file: DiskFile, body: Body): Verdict | Promise<Verdict> {
  const { response } = request;
  response.status = 200;
  response.contentLength = byteLength(body);
  response.lastModified = file.mtimeSeconds;
  if (core.of(request).etag)
    response.etag = `"${file.mtimeSeconds.toString(16)}-${response.contentLength.toString(16)}"`;
  setContentType(request);
  response.allowRanges = true;
  return request.respond(body);
}
