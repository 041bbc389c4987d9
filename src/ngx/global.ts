import { WorkerNgx } from "./worker_ngx.ts";

/** What needs no request: for modules, timers and whatever runs outside a handler's call. */
export const ngx = new WorkerNgx();
