import type { Request } from "../core/request.ts";
import { defaultSocketOptions, type SocketOptions } from "./socket/tcp.ts";

/** What the API asks of modules, which it does not import: they put their answers here when they are loaded. */
export const host = {
  /** Gives a response without a type the one that its location has by default. */
  setContentType: (_request: Request): void => undefined,
  /** What the configuration says of sockets where the request is. */
  socketOptions: (_request: Request): SocketOptions => defaultSocketOptions,
};
