import { choice, defineModule } from "../../core/module.ts";
import { DECLINED, type Verdict } from "../../core/phase.ts";
import type { Request } from "../../core/request.ts";
import { filePath } from "../core/path.ts";
import { gzip, mayGzip, varyByEncoding } from "../gzip/gzip.ts";
import { openFile, refuse } from "../open_file_cache/open_file_cache.ts";
import { sendFile } from "../static/static.ts";

/** nginx's ngx_http_gzip_static_module: answers with `FILE.gz` in place of `FILE` where there is one. */
export const gzipStatic = defineModule({
  name: "gzip_static",
  directives: {
    gzip_static: choice({ contexts: ["http", "server", "location"], default: "off", of: ["off", "on", "always"] }),
  },
  enabled: (conf) => conf.gzip_static !== "off",
  hooks: { content: (request, conf) => serveCompressed(request, conf.gzip_static === "always") },
});

function serveCompressed(request: Request, always: boolean): Verdict | Promise<Verdict> {
  const { method, uri } = request;
  if ((method !== "GET" && method !== "HEAD") || uri.endsWith("/")) return DECLINED;
  const wanted = always || mayGzip(request);
  // With gzip_vary the file is looked for even so: the plain answer has to say that there is another one.
  if (!wanted && !gzip.of(request).gzip_vary) return DECLINED;
  const path = `${filePath(request)}.gz`;
  const opened = openFile(request, path);
  if (opened.kind === "failure") {
    if (!["ENOENT", "ENOTDIR", "ENAMETOOLONG"].includes(opened.code)) refuse(request, path, opened);
    return DECLINED;
  }
  if (!always) varyByEncoding(request);
  if (opened.kind === "file" && wanted) {
    request.response.contentEncoding = "gzip";
    return sendFile(request, opened);
  }
  if (opened.kind === "file") opened.release();
  if (!wanted || opened.kind !== "special") return DECLINED;
  request.log("crit", `"${path}" is not a regular file`);
  return 404;
}
