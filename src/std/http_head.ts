/** The head of a request. Text is Latin-1: one code unit a byte. */
export interface HttpHead {
  readonly method: string;
  readonly target: string;
  /** 9, 10 or 11. */
  readonly httpVersion: number;
  /** Names and values in turn, as they came. */
  readonly headers: string[];
  /** Bytes of it, the empty line included. */
  readonly length: number;
}

/** What is wrong with a request, in nginx's words. */
export interface HeadFault {
  readonly status: number;
  readonly message: string;
}

const fault = (message: string, where: "line" | "headers", status = 400): HeadFault => ({
  status,
  message: `client sent ${message} while reading client request ${where}`,
});

/**
 * Reads a head as nginx does, which takes what RFC 9112 leaves to a server: lines that end in a bare line feed, methods
 * that nobody has registered, bytes above 127 in a target, later versions of HTTP/1.
 * @returns undefined where the end of it is missing
 */
export function readHead(text: string): HttpHead | HeadFault | undefined {
  const start = /^[\r\n]*/.exec(text)![0].length;
  const lineEnd = text.indexOf("\n", start);
  if (lineEnd < 0) return undefined;
  const line = withoutReturn(text.slice(start, lineEnd));
  if (!/^[A-Z_-]+ /.test(line)) return fault("invalid method", "line");
  const match = /^([A-Z_-]+) +([^ ]+)(?: +HTTP\/(\d{1,3})\.(\d{1,2}))? *$/.exec(line);
  if (!match || /[\0-\x1f\x7f]/.test(line)) return fault("invalid request", "line");
  const [, method, target, major, minor] = match as unknown as [string, string, string, string?, string?];
  if (major === undefined) {
    if (method !== "GET") return fault("invalid method in HTTP/0.9 request", "line");
    return { method, target, httpVersion: 9, headers: [], length: lineEnd + 1 };
  }
  if (Number(major) > 1) return fault("invalid version", "line", 505);
  if (Number(major) < 1) return fault("invalid request", "line");
  const fields = readFields(text, lineEnd + 1);
  if (!fields || "status" in fields) return fields;
  return { method, target, httpVersion: Number(minor) === 0 ? 10 : 11, ...fields };
}

function readFields(text: string, at: number): Pick<HttpHead, "headers" | "length"> | HeadFault | undefined {
  const headers: string[] = [];
  for (;;) {
    const end = text.indexOf("\n", at);
    if (end < 0) return undefined;
    const line = withoutReturn(text.slice(at, end));
    at = end + 1;
    if (line === "") return { headers, length: at };
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    if (colon === 0 || /[\0-\x20\x7f]/.test(name) || /[\0\r]/.test(line))
      return fault(`invalid header line: "${line.slice(0, 200)}"`, "headers");
    headers.push(name, colon < 0 ? "" : line.slice(colon + 1).replace(/^ +| +$/g, ""));
  }
}

function withoutReturn(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}

/**
 * The body behind a head, all of which has to be there.
 * @returns undefined where it is not, or its framing is unclear
 */
export function readBody({ headers }: Pick<HttpHead, "headers">, rest: Uint8Array): Uint8Array | undefined {
  let length: string | undefined;
  let coding: string | undefined;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!.toLowerCase();
    if (name !== "content-length" && name !== "transfer-encoding") continue;
    if (length !== undefined || coding !== undefined) return undefined;
    if (name === "content-length") length = headers[i + 1]!;
    else coding = headers[i + 1]!.toLowerCase();
  }
  if (coding !== undefined) return coding === "chunked" ? readChunks(rest) : undefined;
  if (length === undefined) return new Uint8Array(0);
  return /^\d{1,9}$/.test(length) && rest.length >= Number(length) ? rest.subarray(0, Number(length)) : undefined;
}

function readChunks(bytes: Uint8Array): Uint8Array | undefined {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
  const parts: Uint8Array[] = [];
  for (let at = 0; ;) {
    const match = /^([\da-fA-F]{1,7})[ \t]*(?:;[^\r\n]*)?\r?\n/.exec(text.slice(at, at + 256));
    if (!match) return undefined;
    at += match[0].length;
    const size = Number.parseInt(match[1]!, 16);
    if (size === 0) return Buffer.concat(parts); // trailers, if any, are of no interest
    const end = /^\r?\n/.exec(text.slice(at + size, at + size + 2));
    if (!end) return undefined;
    parts.push(bytes.subarray(at, at + size));
    at += size + end[0].length;
  }
}
