import { defineModule, mark } from "../../core/module.ts";
import type { Verdict } from "../../core/phase.ts";
import type { Request } from "../../core/request.ts";

/** One transparent pixel, in the 43 bytes that GIF takes for it. */
const pixel = Buffer.from("R0lGODlhAQABAIABAAAAAP///yH5BAEAAAEALAAAAAABAAEAAAICTAEAOw==", "base64");

/** The Last-Modified that nginx gives it: 28 September 1970, 6:00. */
const modifiedSeconds = 23_349_600;

/** nginx's ngx_http_empty_gif_module. */
export const emptyGif = defineModule({
  name: "empty_gif",
  directives: {
    empty_gif: mark(["location"]),
  },
  handler: (conf) => (conf.empty_gif ? sendPixel : undefined),
});

function sendPixel(request: Request): Verdict | Promise<Verdict> {
  if (request.method !== "GET" && request.method !== "HEAD") return 405;
  const { response } = request;
  response.status = 200;
  response.contentType = "image/gif";
  response.lastModified = modifiedSeconds;
  return request.respond(pixel);
}
