import { type Ngx, StoreRefused, StoreUnavailable } from "resty";

/** JSON that is text already. */
export function json(ngx: Ngx, text: string): string {
  ngx.header.content_type = "application/json";
  return text;
}

export function refuse(ngx: Ngx, status: number, error: string): object {
  ngx.status = status;
  return { error };
}

export const notFound = (ngx: Ngx): object => refuse(ngx, 401, "Session not found");

/**
 * What a client is told when the store fails: that it may try again. A session that could not be looked for is not
 * one that does not exist.
 */
export function storeFailed(ngx: Ngx, error: unknown, text = "Session store unavailable"): object {
  if (!(error instanceof StoreUnavailable || error instanceof StoreRefused)) throw error;
  logFailure(ngx, error);
  ngx.header["Retry-After"] = 1;
  return refuse(ngx, 503, text);
}

let loggedMs = 0;
let unlogged = 0;

/** A line a second and worker: one for each request would fill the disk while a store is away. */
export function logFailure(ngx: Ngx, error: StoreUnavailable | StoreRefused): void {
  const now = Date.now();
  if (now - loggedMs < 1000 && now >= loggedMs) {
    unlogged++;
    return;
  }
  ngx.log("error", `session store: ${error.message}${unlogged > 0 ? `; ${unlogged} more requests failed` : ""}`);
  loggedMs = now;
  unlogged = 0;
}
