// The records of FastCGI 1.0, as far as a responder's client needs them.
// @see The FastCGI specification, sections 3.3, 5 and 8

export const recordType = { begin: 1, abort: 2, end: 3, params: 4, stdin: 5, stdout: 6, stderr: 7 } as const;
export const recordHeadBytes = 8;

/** One application answers one request at a time over a connection: they are never multiplexed. */
const requestId = 1;
const responder = 1;
const keepConnection = 1;
const contentBytesMax = 0xffff;

function head(type: number, contentBytes: number): Buffer {
  return Buffer.from([1, type, requestId >> 8, requestId & 0xff, contentBytes >> 8, contentBytes & 0xff, 0, 0]);
}

/** `content` as records of that type, as many as it takes; none for nothing. */
export function records(type: number, content: Uint8Array): Buffer {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < content.length; at += contentBytesMax) {
    const part = content.subarray(at, at + contentBytesMax);
    parts.push(head(type, part.length), part);
  }
  return Buffer.concat(parts);
}

/** The end of a stream of records: one without content. */
export function endOf(type: number): Buffer {
  return head(type, 0);
}

/**
 * The request up to its body.
 * @param params names and values in turn, as byte strings
 * @param keep The application is to leave the connection open.
 */
export function requestStart(params: readonly string[], keep: boolean): Buffer {
  const begin = Buffer.from([responder >> 8, responder & 0xff, keep ? keepConnection : 0, 0, 0, 0, 0, 0]);
  const content = records(recordType.params, encodeParams(params));
  return Buffer.concat([head(recordType.begin, begin.length), begin, content, endOf(recordType.params)]);
}

function encodeParams(params: readonly string[]): Buffer {
  let bytes = 0;
  for (const text of params) bytes += text.length + (text.length < 128 ? 1 : 4);
  const encoded = Buffer.allocUnsafe(bytes);
  let at = 0;
  for (let i = 0; i < params.length; i += 2) {
    at = encodeLength(encoded, at, params[i]!.length);
    at = encodeLength(encoded, at, params[i + 1]!.length);
    at += encoded.write(params[i]!, at, "latin1");
    at += encoded.write(params[i + 1]!, at, "latin1");
  }
  return encoded;
}

/** One byte, or four whose highest bit is set. */
function encodeLength(into: Buffer, at: number, length: number): number {
  return length < 128 ? into.writeUInt8(length, at) : into.writeUInt32BE((length | 0x80000000) >>> 0, at);
}
