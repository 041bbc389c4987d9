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
