import { lowerCase } from "../std/lower_case.ts";
import { BadResponse, type ResponseHandler, type ResponseParser } from "./response_parser.ts";

const headBytesMax = 256 * 1024;
const usualHeadBytesMax = 2048;
const cr = 13;
const lf = 10;

type State = "head" | "length" | "close" | "chunk size" | "chunk data" | "chunk end" | "trailers" | "done" | "tunnel";

/**
 * Reads one HTTP/1 response after the other from the pieces a socket delivers; body chunks are passed on as they
 * lie in the piece, without a copy.
 * @see RFC 9112, sections 6 and 7
 */
export class Http1Parser implements ResponseParser {
  #state: State = "done";
  #handler: ResponseHandler | undefined;
  #method = "GET";
  #pending: Buffer | undefined;
  #remaining = 0;
  #trailers: string[] = [];
  #keepAlive = true;

  expect(method: string, handler: ResponseHandler): void {
    this.#state = "head";
    this.#method = method;
    this.#handler = handler;
    this.#trailers = [];
    this.#pending = undefined;
  }

  get started(): boolean {
    return this.#state !== "head" || this.#pending !== undefined;
  }

  get tunnelling(): boolean {
    return this.#state === "tunnel";
  }

  feed(piece: Uint8Array): void {
    let data = piece instanceof Buffer ? piece : Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    if (this.#pending) {
      data = Buffer.concat([this.#pending, data]);
      this.#pending = undefined;
    }
    for (let at = 0; at < data.length || this.#state === "done";) {
      const next = this.#step(data, at);
      if (next < 0) {
        this.#pending = data.subarray(at);
        if (this.#pending.length > headBytesMax) throw new BadResponse("upstream sent too big header");
        this.#pending = Buffer.from(this.#pending);
        return;
      }
      if (this.#state === "done") {
        if (next < data.length) this.#keepAlive = false; // more than was asked for: not to be trusted with another
        return this.#finish();
      }
      at = next;
    }
  }

  closed(): boolean {
    if (this.#state === "close" || this.#state === "tunnel") {
      this.#keepAlive = false;
      this.#finish();
      return true;
    }
    return this.#handler === undefined;
  }

  #finish(): void {
    const handler = this.#handler;
    this.#handler = undefined;
    this.#state = "done";
    handler?.end(this.#trailers, this.#keepAlive);
  }

  /** Reads one element at `at`; returns where the next starts, or -1 for "not all of it is here". */
  #step(data: Buffer, at: number): number {
    switch (this.#state) {
      case "head":
        return this.#head(data, at);
      case "length": {
        const end = Math.min(at + this.#remaining, data.length);
        this.#remaining -= end - at;
        if (this.#remaining === 0) this.#state = "done";
        this.#handler!.data(data.subarray(at, end));
        return end;
      }
      case "close":
      case "tunnel":
        this.#handler!.data(at === 0 ? data : data.subarray(at));
        return data.length;
      case "chunk size":
        return this.#chunkSize(data, at);
      case "chunk data": {
        const end = Math.min(at + this.#remaining, data.length);
        this.#remaining -= end - at;
        if (this.#remaining === 0) this.#state = "chunk end";
        this.#handler!.data(data.subarray(at, end));
        return end;
      }
      case "chunk end": {
        if (data[at] === cr && at + 1 >= data.length) return -1;
        const end = data[at] === cr ? at + 1 : at;
        if (data[end] !== lf) throw new BadResponse("upstream sent invalid chunked response");
        this.#state = "chunk size";
        return end + 1;
      }
      case "trailers":
        return this.#trailer(data, at);
      case "done":
        throw new BadResponse("upstream sent data that nothing asked for");
    }
  }

  #head(data: Buffer, start: number): number {
    // Most heads are in one piece and short: one call into the runtime finds their end and has their text.
    let text = data.toString("latin1", start, Math.min(data.length, start + usualHeadBytesMax));
    const blank = blankLine.exec(text);
    let end: number;
    if (blank) {
      end = start + blank.index + blank[0].length;
      text = text.slice(0, blank.index + 1);
    } else {
      end = headEnd(data, start);
      if (end < 0) return -1;
      text = data.toString("latin1", start, end);
    }
    const lineEnd = text.indexOf("\n");
    const statusLine = /^HTTP\/1\.([01]) +(\d{3})(?: (.*?))?\r?$/.exec(text.slice(0, lineEnd));
    if (!statusLine) throw new BadResponse("upstream sent no valid HTTP/1.0 header");
    const status = Number(statusLine[2]);
    const reason = statusLine[3] ?? "";
    const headers = fields(text, lineEnd + 1);
    if (status >= 100 && status < 200 && status !== 101) {
      this.#handler!.interim?.(status, reason, headers);
      return end;
    }
    this.#frame(status, headers, statusLine[1] === "1");
    this.#handler!.head(status, reason, headers);
    return end;
  }

  /** How the body ends (RFC 9112, section 6.3). */
  #frame(status: number, headers: readonly string[], isHttp11: boolean): void {
    let connection = "";
    let encoding: string | undefined;
    let length: string | undefined;
    for (let i = 0; i < headers.length; i += 2) {
      const name = lowerCase(headers[i]!);
      if (name === "connection") connection = headers[i + 1]!.toLowerCase();
      else if (name === "transfer-encoding") encoding ??= headers[i + 1]!.toLowerCase();
      else if (name === "content-length") length ??= headers[i + 1]!;
    }
    this.#keepAlive = isHttp11 ? !connection.includes("close") : connection.includes("keep-alive");
    if (status === 101 || (this.#method === "CONNECT" && status < 300)) this.#state = "tunnel";
    else if (this.#method === "HEAD" || status === 204 || status === 304) this.#state = "done";
    else if (encoding !== undefined) {
      if (length !== undefined)
        throw new BadResponse('upstream sent "Content-Length" and "Transfer-Encoding" headers at the same time');
      if (encoding.trim() !== "chunked")
        throw new BadResponse(`upstream sent unknown "Transfer-Encoding": "${encoding}"`);
      this.#state = "chunk size";
    } else if (length !== undefined) {
      if (!/^\d+$/.test(length)) throw new BadResponse(`upstream sent invalid "Content-Length" header: "${length}"`);
      this.#remaining = Number(length);
      this.#state = this.#remaining === 0 ? "done" : "length";
    } else {
      this.#keepAlive = false;
      this.#state = "close";
    }
  }

  #chunkSize(data: Buffer, at: number): number {
    const end = data.indexOf(lf, at);
    if (end < 0) return -1;
    const match = /^([0-9a-fA-F]{1,13})[ \t]*(?:;.*)?\r?$/.exec(data.toString("latin1", at, end));
    if (!match) throw new BadResponse("upstream sent invalid chunked response");
    this.#remaining = Number.parseInt(match[1]!, 16);
    this.#state = this.#remaining === 0 ? "trailers" : "chunk data";
    return end + 1;
  }

  #trailer(data: Buffer, at: number): number {
    const end = data.indexOf(lf, at);
    if (end < 0) return -1;
    const line = data.toString("latin1", at, end).replace(/\r$/, "");
    if (line === "") this.#state = "done";
    else this.#trailers.push(...fields(line, 0));
    return end + 1;
  }
}

const blankLine = /\n\r?\n/;

/** Where the empty line that ends a head ends, or -1. */
export function headEnd(data: Buffer, start: number): number {
  for (let newline = data.indexOf(lf, start); newline >= 0; newline = data.indexOf(lf, newline + 1)) {
    if (data[newline + 1] === lf) return newline + 2;
    if (data[newline + 1] === cr && data[newline + 2] === lf) return newline + 3;
  }
  return -1;
}

/** Name and value of each line of `text` from `start` on; a line that is no field is an error. */
export function fields(text: string, start: number): string[] {
  if (unfit.test(text)) throw new BadResponse("upstream sent invalid header");
  const flat: string[] = [];
  for (let at = start; at < text.length;) {
    let end = text.indexOf("\n", at);
    if (end < 0) end = text.length;
    const next = end + 1;
    if (end > at && text.charCodeAt(end - 1) === cr) end--;
    if (end > at) {
      const colon = text.indexOf(":", at);
      if (colon <= at || colon >= end) throw new BadResponse("upstream sent invalid header");
      let nameEnd = colon;
      while (nameEnd > at && isBlank(text.charCodeAt(nameEnd - 1))) nameEnd--;
      let from = colon + 1;
      while (from < end && isBlank(text.charCodeAt(from))) from++;
      while (end > from && isBlank(text.charCodeAt(end - 1))) end--;
      flat.push(text.slice(at, nameEnd), text.slice(from, end));
    }
    at = next;
  }
  return flat;
}

/** NUL, or a carriage return that ends no line. */
const unfit = /\0|\r(?!\n|$)/;

function isBlank(code: number): boolean {
  return code === 32 || code === 9;
}
