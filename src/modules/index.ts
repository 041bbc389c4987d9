import type { AnyModule } from "../core/module.ts";
import { access } from "./access/access.ts";
import { addition } from "./addition/addition.ts";
import { authBasic } from "./auth_basic/auth_basic.ts";
import { authRequest } from "./auth_request/auth_request.ts";
import { autoindex } from "./autoindex/autoindex.ts";
import { browser } from "./browser/browser.ts";
import { cache } from "./cache/cache.ts";
import { charset } from "./charset/charset.ts";
import { core } from "./core/core.ts";
import { dav } from "./dav/dav.ts";
import { emptyGif } from "./empty_gif/empty_gif.ts";
import { errorLog } from "./error_log/error_log.ts";
import { fastcgi } from "./fastcgi/fastcgi.ts";
import { flv } from "./flv/flv.ts";
import { geo } from "./geo/geo.ts";
import { gunzip } from "./gunzip/gunzip.ts";
import { gzip } from "./gzip/gzip.ts";
import { gzipStatic } from "./gzip_static/gzip_static.ts";
import { handlers } from "./handlers/handlers.ts";
import { headers } from "./headers/headers.ts";
import { index } from "./index/index_files.ts";
import { limitConn } from "./limit_conn/limit_conn.ts";
import { limitReq } from "./limit_req/limit_req.ts";
import { log } from "./log/log.ts";
import { lua } from "./lua/lua.ts";
import { mainModule } from "./main/main.ts";
import { map } from "./map/map.ts";
import { mirror } from "./mirror/mirror.ts";
import { mp4 } from "./mp4/mp4.ts";
import { mysql } from "./mysql/mysql.ts";
import { notModified } from "./not_modified/not_modified.ts";
import { openFileCache } from "./open_file_cache/open_file_cache.ts";
import { postAction } from "./post_action/post_action.ts";
import { proxy } from "./proxy/proxy.ts";
import { randomIndex } from "./random_index/random_index.ts";
import { range } from "./range/range.ts";
import { realip } from "./realip/realip.ts";
import { redis } from "./redis/redis.ts";
import { referer } from "./referer/referer.ts";
import { restyStatus } from "./resty_status/resty_status.ts";
import { resolver } from "./resolver/resolver.ts";
import { rewrite } from "./rewrite/rewrite.ts";
import { satisfy } from "./satisfy/satisfy.ts";
import { secureLink } from "./secure_link/secure_link.ts";
import { session } from "./session/session.ts";
import { sharedDict } from "./shared_dict/shared_dict.ts";
import { slice } from "./slice/slice.ts";
import { splitClients } from "./split_clients/split_clients.ts";
import { sqlite } from "./sqlite/sqlite.ts";
import { ssi } from "./ssi/ssi.ts";
import { ssl } from "./ssl/ssl.ts";
import { staticFiles } from "./static/static.ts";
import { stubStatus } from "./stub_status/stub_status.ts";
import { sub } from "./sub/sub.ts";
import { tryFiles } from "./try_files/try_files.ts";
import { ts } from "./ts/ts.ts";
import { upstream } from "./upstream/upstream.ts";
import { userid } from "./userid/userid.ts";
import { v2 } from "./v2/v2.ts";

/**
 * All modules, in running order: within each phase, and in the chain of header and body filters, the earlier one runs
 * first. The order is nginx's, which its own sources keep backwards.
 */
export const modules: readonly AnyModule[] = [
  mainModule,
  errorLog,
  core,
  ssl,
  v2,
  sharedDict,
  openFileCache,
  satisfy,
  map,
  geo,
  splitClients,
  referer,
  secureLink,
  browser,
  stubStatus,
  restyStatus,
  realip,
  limitReq,
  limitConn,
  redis,
  mysql,
  sqlite,
  session,
  resolver,
  upstream,
  cache,
  proxy,
  fastcgi,
  rewrite,
  access,
  authBasic,
  authRequest,
  tryFiles,
  mirror,
  flv,
  mp4,
  emptyGif,
  randomIndex,
  index,
  autoindex,
  dav,
  gzipStatic,
  staticFiles,
  slice,
  notModified,
  lua,
  handlers,
  postAction,
  ts,
  headers,
  userid,
  gunzip,
  addition,
  sub,
  charset,
  ssi,
  gzip,
  range,
  log,
];
