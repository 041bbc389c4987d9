// What handlers import: `import { HttpError, type Ngx } from "resty"`.
export type { RequestNgx as Ngx } from "./ngx/request_ngx.ts";
export type { Args, Repeated } from "./ngx/args.ts";
export type { RequestApi } from "./ngx/req.ts";
export type { SharedZones } from "./ngx/shared.ts";
export type { TimerApi, TimerCallback, TimerHandle } from "./ngx/timer.ts";
export type { SharedDict } from "./shm/dict.ts";
export type { Handler, Answer } from "./ngx/answer.ts";
export { HttpError } from "./ngx/signals.ts";
export { ngx } from "./ngx/global.ts";
export type { Redis, RedisChannel, RedisReply } from "./clients/redis.ts";
export { RedisScript } from "./clients/redis.ts";
export type { Mysql } from "./clients/mysql.ts";
export type { Sqlite } from "./clients/sqlite.ts";
export { StoreRefused, StoreUnavailable } from "./clients/errors.ts";
export type { SessionSettings } from "./modules/session/settings.ts";
export { Lock } from "./ngx/batteries/lock.ts";
export { LruCache } from "./ngx/batteries/lrucache.ts";
export { MlCache, type MlCacheOptions } from "./ngx/batteries/mlcache.ts";
export { ConnectionLimit, CountLimit, type Incoming, RequestLimit } from "./ngx/batteries/limit.ts";
export { randomHex, randomInt, randomToken, sameSecret } from "./ngx/batteries/random.ts";
export { type CookieOptions, parseCookies, serializeCookie } from "./ngx/batteries/cookie.ts";
export {
  InvalidToken,
  type JwtAlgorithm,
  type JwtClaims,
  signJwt,
  type VerifyOptions,
  verifyJwt,
} from "./ngx/batteries/jwt.ts";
export { SessionCookie, type SessionCookieOptions } from "./ngx/batteries/session.ts";
export { escapeHtml, Html, html, raw } from "./ngx/batteries/template.ts";
export { health } from "./ngx/batteries/health.ts";
export { upload, type UploadPart } from "./ngx/batteries/upload.ts";
export { Semaphore } from "./ngx/semaphore.ts";
export type { Input, StandardSchema } from "./ngx/input.ts";
export type { ServerWebSocket, WebSocketOptions } from "./ngx/websocket/websocket.ts";
export type { Captured, CaptureOptions } from "./ngx/location.ts";
