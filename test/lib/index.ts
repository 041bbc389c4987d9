export { block, type BlockOptions, type Step } from "./block.ts";
export { type Answer, connect, type Connection, type RawRequest } from "./http.ts";
export { isNginx, type Server, start, startFailing, type StartOptions } from "./server.ts";
export { freePort, until } from "./wait.ts";
export { answered, type Received, Upstream } from "./upstream.ts";
