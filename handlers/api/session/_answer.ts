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

/** Where nothing was asked of the store, its own log line says enough: one for each request would fill the disk. */
export function logFailure(ngx: Ngx, error: StoreUnavailable | StoreRefused): void {
  ngx.log(error instanceof StoreRefused ? "error" : "info", `session store: ${error.message}`);
}
