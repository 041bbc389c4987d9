import { createServer } from "node:http";
import type { NativeSocket } from "./native.ts";

/** Numbers of what the runtime finds wrong with bytes that came. */
export const nativeError = {
  chunk: 1,
  contentLength: 2,
  transferEncoding: 3,
  tooLarge: 6,
  version: 7,
  method: 9,
  headerToken: 10,
  lineFeed: 11,
  chunkExtensions: 12,
  /** Something came behind a request that said "Connection: close". */
  afterClose: 14,
  largeTrailers: 15,
  chunkEnd: 16,
  bothLengths: 17,
  target: 18,
} as const;

/** Of these, what was wrong stood in chunks or trailers: the head was good, and has been told of. */
export const bodyErrors: ReadonlySet<number> = new Set<number>([
  nativeError.chunk,
  nativeError.chunkExtensions,
  nativeError.largeTrailers,
  nativeError.chunkEnd,
]);

/**
 * What the runtime takes for no request. It has stopped reading from the connection, which is the callee's to answer
 * and to close.
 * @param packet The bytes of its last read: not what had come of the head before, but requests in front of it.
 */
export type OnMalformed = (socket: NativeSocket, error: number, packet: Uint8Array) => void;

/**
 * `Bun.serve` that tells of malformed requests instead of answering them. Only node:http can ask the runtime for that
 * (1.4.5): so its server is made to start ours, and what it would have called is given our functions. Its callback for
 * new connections, which makes a socket of node's for each, is one of them: left out, this costs nothing.
 * @returns The server; where the runtime has changed, one that answers malformed requests by itself.
 */
export function serveNative(options: object, onMalformed: OnMalformed): Bun.Server<undefined> {
  const host = Bun as { serve: unknown };
  const { serve } = Bun;
  const { bind } = Function.prototype;
  let server: unknown;
  let failure: unknown;
  host.serve = () => {
    try {
      return (server = serve(options as Parameters<typeof serve>[0]));
    } catch (error) {
      failure = error;
      throw error;
    }
  };
  Function.prototype.bind = function (this: { name: string }, ...bound: unknown[]) {
    if (this.name === "onServerConnection") return () => undefined;
    if (this.name === "onServerClientError")
      return (_tls: boolean, socket: NativeSocket, error: number, packet: Uint8Array) =>
        onMalformed(socket, error, packet);
    return bind.apply(this as never, bound as never) as () => void;
  };
  try {
    // A request without Host is the engine's to refuse.
    createServer({ requireHostHeader: false })
      .on("error", () => undefined)
      .listen(0);
  } finally {
    host.serve = serve;
    Function.prototype.bind = bind;
  }
  if (failure !== undefined) throw failure;
  return (server ?? serve(options as Parameters<typeof serve>[0])) as Bun.Server<undefined>;
}
