import { recordHeadBytes, recordType } from "./fastcgi.ts";
import { fields, headEnd } from "./http1_parser.ts";
import { BadResponse, type ResponseHandler, type ResponseParser } from "./response_parser.ts";

const headBytesMax = 256 * 1024;
const nothing = Buffer.alloc(0);

/** Reads what a FastCGI application answers: a CGI response in the records of its standard output. */
export class FastcgiParser implements ResponseParser {
  #handler: ResponseHandler | undefined;
  #method = "GET";
  /** Of a record that is not whole yet: its head; of the CGI response: its head. */
  #pending: Buffer = nothing;
  #cgiHead: Buffer = nothing;
  #headDone = false;
  #any = false;
  /** The record being read. */
  #type = 0;
  #content = 0;
  #padding = 0;
  /** Bytes of the body that are still to come; Infinity where nothing says how many. */
  #remaining = Number.POSITIVE_INFINITY;
  /** Its standard output was ended by the application. */
  #stdoutEnded = false;

  /** @param keep The connection is kept open when the request is over. */
  constructor(private readonly keep: boolean) {}

  get started(): boolean {
    return this.#any;
  }

  readonly tunnelling = false;

  expect(method: string, handler: ResponseHandler): void {
    this.#handler = handler;
    this.#method = method;
    this.#pending = nothing;
    this.#cgiHead = nothing;
    this.#headDone = false;
    this.#any = false;
    this.#type = 0;
    this.#content = 0;
    this.#padding = 0;
    this.#remaining = Number.POSITIVE_INFINITY;
    this.#stdoutEnded = false;
  }

  feed(piece: Uint8Array): void {
    this.#any = true;
    let data = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    if (this.#pending.length > 0) data = Buffer.concat([this.#pending, data]);
    this.#pending = nothing;
    let at = 0;
    while (at < data.length && this.#handler) {
      if (this.#content > 0) {
        const end = Math.min(at + this.#content, data.length);
        this.#content -= end - at;
        this.#take(data.subarray(at, end));
        at = end;
      } else if (this.#padding > 0) {
        const end = Math.min(at + this.#padding, data.length);
        this.#padding -= end - at;
        at = end;
      } else if (data.length - at < recordHeadBytes) {
        this.#pending = Buffer.from(data.subarray(at));
        return;
      } else {
        this.#record(data, at);
        at += recordHeadBytes;
      }
      if (this.#content === 0 && this.#padding === 0 && this.#type === recordType.end) this.#finish();
    }
  }

  #record(data: Buffer, at: number): void {
    if (data[at] !== 1) throw new BadResponse(`upstream sent unsupported FastCGI protocol version: ${data[at]}`);
    this.#type = data[at + 1]!;
    this.#content = data.readUInt16BE(at + 4);
    this.#padding = data[at + 6]!;
    const { stdout, stderr, end } = recordType;
    if (this.#type !== stdout && this.#type !== stderr && this.#type !== end)
      throw new BadResponse(`upstream sent unexpected FastCGI record: ${this.#type}`);
    if (this.#type === stdout && this.#content === 0) this.#stdoutEnded = true;
  }

  #take(content: Buffer): void {
    if (this.#type === recordType.stderr) this.#handler!.stderr?.(content.toString("latin1"));
    else if (this.#type === recordType.stdout) this.#stdout(content);
  }

  #stdout(content: Buffer): void {
    if (this.#headDone) return this.#body(content);
    const all = this.#cgiHead.length === 0 ? content : Buffer.concat([this.#cgiHead, content]);
    const end = headEnd(all, 0);
    if (end < 0) {
      if (all.length > headBytesMax) throw new BadResponse("upstream sent too big header");
      this.#cgiHead = Buffer.from(all);
      return;
    }
    this.#headDone = true;
    this.#head(all.toString("latin1", 0, end));
    if (end < all.length) this.#body(all.subarray(end));
  }

  /** @see RFC 3875, section 6.3: `Status` is 302 where there is a `Location`, else 200, unless it is said. */
  #head(text: string): void {
    const flat = fields(text, 0);
    const headers: string[] = [];
    let status = 0;
    let reason = "";
    let isElsewhere = false;
    for (let i = 0; i < flat.length; i += 2) {
      const lower = flat[i]!.toLowerCase();
      const value = flat[i + 1]!;
      if (lower === "status") {
        const match = /^(\d{3})(?:\s+(.*))?$/.exec(value);
        if (!match) throw new BadResponse(`upstream sent invalid status "${value}"`);
        status = Number(match[1]);
        reason = match[2] ?? "";
      } else if (lower === "content-length") {
        if (!/^\d+$/.test(value)) throw new BadResponse(`upstream sent invalid "Content-Length" header: "${value}"`);
        this.#remaining = Number(value);
      } else if (lower === "location") isElsewhere = true;
      headers.push(flat[i]!, value);
    }
    if (status === 0) status = isElsewhere ? 302 : 200;
    this.#handler!.head(status, reason, headers);
  }

  #body(content: Buffer): void {
    const part = content.length > this.#remaining ? content.subarray(0, this.#remaining) : content;
    this.#remaining -= part.length;
    if (part.length > 0 && this.#method !== "HEAD") this.#handler?.data(part);
  }

  #finish(): void {
    if (!this.#isComplete) throw new BadResponse(this.#cut());
    const handler = this.#handler;
    this.#handler = undefined;
    handler?.end([], this.keep);
  }

  /** Has all come that was promised? */
  get #isComplete(): boolean {
    return (
      this.#headDone &&
      (this.#remaining === Number.POSITIVE_INFINITY || this.#remaining === 0 || this.#method === "HEAD")
    );
  }

  #cut(): string {
    return this.#headDone
      ? "upstream prematurely closed FastCGI request"
      : "upstream prematurely closed FastCGI stdout";
  }

  closed(): boolean {
    if (!this.#handler) return true;
    if (!this.#stdoutEnded || !this.#isComplete) return false;
    const handler = this.#handler;
    this.#handler = undefined;
    handler.end([], false);
    return true;
  }
}
