import { HttpError } from "../signals.ts";

/** One part of a multipart body. Its bytes can be read once, and have to be before the next part comes. */
export interface UploadPart {
  /** Of the form's field. */
  readonly name: string;
  /** As the client calls the file; never a path to trust. */
  readonly filename: string | undefined;
  readonly contentType: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: AsyncIterable<Uint8Array>;
}

const headBytesMax = 16 * 1024;

/**
 * Takes `multipart/form-data` apart as it comes: no file is ever in memory as a whole.
 * @param body `ngx.req.stream()`.
 * @param contentType The request's Content-Type, which has the boundary.
 * @throws HttpError with 400 or 415 for a body that is none
 */
export async function* upload(
  body: AsyncIterable<Uint8Array>,
  contentType: string | undefined,
): AsyncGenerator<UploadPart, void, void> {
  const boundary = /^multipart\/form-data\s*;.*?\bboundary=(?:"([^"]+)"|([^\s;]+))/i.exec(contentType ?? "");
  if (!boundary) throw new HttpError(415, "the body is no multipart form");
  const source = new Source(body, Buffer.from(`\r\n--${boundary[1] ?? boundary[2]}`, "latin1"));
  await source.skip(); // what stands before the first boundary
  while (!(await source.isLast())) {
    const headers = parseHead(await source.head());
    const disposition = headers["content-disposition"] ?? "";
    const part = source.part();
    yield {
      name: parameter(disposition, "name") ?? "",
      filename: parameter(disposition, "filename"),
      contentType: headers["content-type"] ?? "text/plain",
      headers,
      body: part,
    };
    for await (const _ of part); // what nobody wanted
  }
}

function parseHead(text: string): Record<string, string> {
  const headers: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const line of text.split("\r\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) headers[line.slice(0, colon).trim().toLowerCase()] = line.slice(colon + 1).trim();
  }
  return headers;
}

function parameter(disposition: string, name: string): string | undefined {
  const match = new RegExp(`;\\s*${name}=(?:"((?:[^"\\\\]|\\\\.)*)"|([^;\\s]*))`, "i").exec(disposition);
  if (!match) return undefined;
  return Buffer.from((match[1] ?? match[2]!).replace(/\\(["\\])/g, "$1"), "latin1").toString("utf8");
}

class Source {
  readonly #iterator: AsyncIterator<Uint8Array>;
  #buffer: Buffer = Buffer.alloc(0);
  #ended = false;

  constructor(
    body: AsyncIterable<Uint8Array>,
    private readonly delimiter: Buffer,
  ) {
    this.#iterator = body[Symbol.asyncIterator]();
  }

  async #more(): Promise<void> {
    const next = await this.#iterator.next();
    if (next.done) {
      if (this.#ended) throw new HttpError(400, "the multipart body ends in the middle");
      this.#ended = true;
    } else
      this.#buffer = this.#buffer.length === 0 ? Buffer.from(next.value) : Buffer.concat([this.#buffer, next.value]);
  }

  async skip(): Promise<void> {
    this.#buffer = Buffer.concat([Buffer.from("\r\n"), this.#buffer]);
    for await (const _ of this.part());
  }

  /** Behind a boundary: "--" for the last one, else the end of its line. */
  async isLast(): Promise<boolean> {
    while (this.#buffer.length < 2) await this.#more();
    const isLast = this.#buffer[0] === 45 && this.#buffer[1] === 45;
    if (isLast) return true;
    if (this.#buffer[0] !== 13 || this.#buffer[1] !== 10)
      throw new HttpError(400, "a boundary of the multipart body is broken");
    this.#buffer = this.#buffer.subarray(2);
    return false;
  }

  async head(): Promise<string> {
    for (;;) {
      const end = this.#buffer.indexOf("\r\n\r\n");
      if (end >= 0) {
        const text = this.#buffer.toString("latin1", 0, end);
        // The line end stays: in front of an empty part's boundary it is the boundary's.
        this.#buffer = this.#buffer.subarray(end + 2);
        return text;
      }
      if (this.#buffer.length > headBytesMax)
        throw new HttpError(400, "a part of the multipart body has too large a head");
      await this.#more();
    }
  }

  /** The bytes up to the next boundary, which is taken as well. */
  async *part(): AsyncGenerator<Uint8Array, void, void> {
    const { delimiter } = this;
    while (this.#buffer.length < delimiter.length) await this.#more();
    if (!this.#buffer.subarray(0, delimiter.length).equals(delimiter)) this.#buffer = this.#buffer.subarray(2);
    for (;;) {
      const at = this.#buffer.indexOf(delimiter);
      if (at >= 0) {
        const bytes = this.#buffer.subarray(0, at);
        this.#buffer = this.#buffer.subarray(at + delimiter.length);
        if (bytes.length > 0) yield bytes;
        return;
      }
      const safe = this.#buffer.length - delimiter.length;
      if (safe > 0) {
        const bytes = this.#buffer.subarray(0, safe);
        this.#buffer = this.#buffer.subarray(safe);
        yield bytes;
      }
      await this.#more();
    }
  }
}
