import { mkdirSync } from "node:fs";
import type { Arguments } from "../../core/arguments.ts";
import { type Context, defineModule, flag, number, value } from "../../core/module.ts";
import { DECLINED, type Verdict } from "../../core/phase.ts";
import type { Request } from "../../core/request.ts";
import { fsName } from "../../std/bytestring.ts";
import { escapeUri } from "../../std/uri_escape.ts";
import { filePath } from "../core/path.ts";
import { directoryAccess, readAccess } from "./access.ts";
import { copyOrMove } from "./copy.ts";
import { failed, remove } from "./delete.ts";
import { put } from "./put.ts";

const contexts: readonly Context[] = ["http", "server", "location"];
const methods = ["off", "put", "delete", "mkcol", "copy", "move"] as const;

/** nginx's ngx_http_dav_module: PUT, DELETE, MKCOL, COPY and MOVE on the files below `root`. */
export const dav = defineModule({
  name: "dav",
  directives: {
    dav_methods: value<ReadonlySet<string>>({
      contexts,
      default: new Set<string>(),
      args: [1, methods.length],
      syntax: "off | method ...",
      read: readMethods,
    }),
    create_full_put_path: flag({ contexts, default: false }),
    min_delete_depth: number({ contexts, default: 0 }),
    dav_access: value<number>({
      contexts,
      default: 0o600,
      args: [1, 3],
      syntax: "users:permissions ...",
      read: readAccess,
    }),
  },
  enabled: (conf) => conf.dav_methods.size > 0,
  hooks: {
    content(request, conf) {
      if (!conf.dav_methods.has(request.method)) return DECLINED;
      switch (request.method) {
        case "PUT":
          return put(request, { access: conf.dav_access, createPath: conf.create_full_put_path });
        case "DELETE":
          return remove(request, conf.min_delete_depth);
        case "MKCOL":
          return makeCollection(request, conf.dav_access);
        default:
          return copyOrMove(request, conf.dav_access);
      }
    },
  },
});

function readMethods(args: Arguments): Set<string> {
  const chosen = args.words.map((_, i) => args.choice(i, methods));
  return new Set(chosen.filter((method) => method !== "off").map((method) => method.toUpperCase()));
}

function makeCollection(request: Request, access: number): Verdict {
  if (request.exchange.hasBody) {
    request.log("error", "MKCOL with body is unsupported");
    return 415;
  }
  if (!request.uri.endsWith("/")) {
    request.log("error", "MKCOL can create a collection only");
    return 409;
  }
  const path = filePath(request).slice(0, -1);
  try {
    mkdirSync(fsName(path), { mode: directoryAccess(access) });
  } catch (error) {
    return failed(request, "mkdir()", path, error, 409);
  }
  request.response.location = escapeUri(request.uri);
  return 201;
}
