import { httpTime } from "../std/clock.ts";
import { HeaderList } from "./header_list.ts";

/** The head of the answer while filters may still change it. */
export class ResponseHead {
  /** 0 until something sets it. */
  status = 0;
  /** Overrides the usual reason phrase. */
  reason: string | undefined;
  /** Without the charset. */
  contentType: string | undefined;
  charset: string | undefined;
  /** -1: not known. */
  contentLength = -1;
  /** Seconds since the epoch; -1: none. */
  lastModified = -1;
  location: string | undefined;
  etag: string | undefined;
  contentEncoding: string | undefined;
  /** May a range filter cut this body? */
  allowRanges = false;
  /** Where in the whole body the part begins that is sent. */
  contentOffset = 0;
  /** The maker of the body sends no more than the part that a range filter names by offset and length. */
  cutsItself = false;
  /** Adds `Vary: Accept-Encoding`, to an error page too: another request might not have led to it. */
  varyByEncoding = false;
  /** In place of our own `Server` and `Date`; null for none. */
  server: string | null | undefined;
  date: string | null | undefined;
  /** Everything else. */
  readonly headers = new HeaderList();
  trailers: string[] | undefined;

  /**
   * The value that a field of this class will have on the wire, by its lower-case name; the others are in `headers`.
   */
  known(name: string): string | undefined {
    switch (name) {
      case "content-type":
        return this.contentType && this.contentType + (this.charset ? `; charset=${this.charset}` : "");
      case "content-length":
        return this.contentLength < 0 ? undefined : String(this.contentLength);
      case "last-modified":
        return this.lastModified < 0 ? undefined : httpTime(this.lastModified);
      case "location":
        return this.location;
      case "etag":
        return this.etag;
      case "content-encoding":
        return this.contentEncoding;
      case "accept-ranges":
        return this.allowRanges ? "bytes" : undefined;
      default:
        return undefined;
    }
  }

  /** What no longer holds once a filter changes the body. */
  forgetBody(): void {
    this.contentLength = -1;
    this.allowRanges = false;
  }

  /** As `forgetBody`, and what validated the old body. A strong ETag becomes a weak one, as nginx does. */
  weaken(): void {
    const tag = this.etag;
    if (tag !== undefined && !tag.startsWith("W/")) this.etag = tag.startsWith('"') ? `W/${tag}` : undefined;
  }

  /** Back to nothing, for an error page in place of what was begun. */
  clear(): void {
    this.reason = undefined;
    this.contentType = undefined;
    this.charset = undefined;
    this.contentLength = -1;
    this.lastModified = -1;
    this.location = undefined;
    this.etag = undefined;
    this.contentEncoding = undefined;
    this.allowRanges = false;
    this.contentOffset = 0;
    this.cutsItself = false;
    this.server = undefined;
    this.date = undefined;
    this.headers.flat.length = 0;
    this.trailers = undefined;
  }
}
