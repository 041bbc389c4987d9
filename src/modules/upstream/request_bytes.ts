import type { Request } from "../../core/request.ts";
import type { PassConf } from "./pass_conf.ts";

/** The body to send: bytes, a stream of them, or nothing. */
export type RequestBytes = Uint8Array | BodyStream | undefined;

export interface BodyStream {
  /** -1: not known before it ends. */
  readonly sizeBytes: number;
  /** Can it be sent again, to another peer? */
  readonly repeatable: boolean;
  open(): Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

/** The client's body for an upstream; a promise only where it has to be read first. */
export function requestBytes(request: Request, conf: PassConf): RequestBytes | Promise<RequestBytes> {
  if (!conf.passRequestBody || !request.body.exists) return undefined;
  const { body } = request;
  if (!conf.requestBuffering && body.state === "unread")
    return { sizeBytes: Number(request.header("content-length") ?? -1), repeatable: false, open: () => body.stream() };
  return body.read().then(() => {
    const { file } = body;
    return file ? { sizeBytes: file.sizeBytes, repeatable: true, open: () => file.chunks() } : body.buffered;
  });
}

/** Bytes of the body; undefined: not known; -1: the request has none and says nothing of it. */
export function lengthOf(request: Request, body: RequestBytes): number | undefined {
  if (body === undefined) return emptyLength(request);
  if (body instanceof Uint8Array) return body.length;
  return body.sizeBytes < 0 ? undefined : body.sizeBytes;
}

/** Methods that are expected to carry a body say so even when it is empty (RFC 9110, section 8.6). */
function emptyLength({ method }: Request): number {
  return method === "POST" || method === "PUT" || method === "PATCH" ? 0 : -1;
}

export function isRepeatable(body: RequestBytes): boolean {
  return body === undefined || body instanceof Uint8Array || body.repeatable;
}
