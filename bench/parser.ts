/** What `ResponseParser.feed` says when a response is not complete yet: everything given was consumed. */
export const NEED_MORE = -1;
/** What `ResponseParser.feed` says when the bytes are no HTTP/1 response; `problem` says why. */
export const MALFORMED = -2;

const HEAD_BYTES_MAX = 64 * 1024;

const enum State {
  head,
  lengthBody,
  chunkSize,
  chunkData,
  chunkEnd,
  trailers,
  closeBody,
}

const EMPTY = new Uint8Array(0);
const CR = 13;
const LF = 10;
const COLON = 58;

/**
 * Reads HTTP/1 responses as they come, one after another (RFC 9112). One object serves one connection for its life,
 * and an answer that comes in one piece costs no allocation unless its bytes were asked for with `keep`.
 */
export class ResponseParser {
  /** Set these before a response's first byte. */
  headRequest = false;
  /** Keep head and body for `head` and `body`; else they are only counted. */
  keep = false;

  status = 0;
  /** May the connection be used again after this response? */
  keepAlive = true;
  bodyBytes = 0;
  /** The kept status line and header lines, and the kept body with transfer coding removed. */
  head: Uint8Array = EMPTY;
  body: Uint8Array = EMPTY;
  /** Why `feed` said MALFORMED. */
  problem = "";
  /** Has any byte of the present response come? */
  started = false;

  #state: State = State.head;
  /** The bytes of a head, chunk-size line or trailer line that was cut by the end of a read. */
  #pending: Uint8Array = EMPTY;
  #remaining = 0;
  #kept: Uint8Array[] = [];

  /**
   * Reads from `start` until one response is complete.
   * @returns The offset behind it, NEED_MORE, or MALFORMED.
   */
  feed(input: Uint8Array, start: number): number {
    let data = input;
    let at = start;
    // Offsets returned count in `input`; this is how many carried bytes `data` has in front of it.
    let carried = 0;
    if (this.#pending.length > 0) {
      carried = this.#pending.length;
      data = new Uint8Array(carried + input.length - start);
      data.set(this.#pending);
      data.set(start === 0 ? input : input.subarray(start), carried);
      carried -= start;
      at = 0;
      this.#pending = EMPTY;
    }
    const end = data.length;
    if (at >= end) return NEED_MORE;
    if (!this.started) {
      this.started = true;
      this.bodyBytes = 0;
      if (this.keep) {
        this.#kept.length = 0;
        this.head = this.body = EMPTY;
      }
    }
    for (;;) {
      switch (this.#state) {
        case State.head: {
          const next = this.#readHead(data, at);
          if (next === NEED_MORE) {
            if (end - at > HEAD_BYTES_MAX) return this.#refuse(`a head of more than ${HEAD_BYTES_MAX} bytes`);
            return this.#carry(data, at);
          }
          if (next === MALFORMED) return MALFORMED;
          at = next;
          // An interim answer (RFC 9110, 15.2) precedes the real one.
          if (this.status < 200) {
            if (this.status === 101) return this.#refuse("101 to a request that asked for no upgrade");
            if (at === end) return NEED_MORE;
            continue;
          }
          if (this.#isBodiless()) return this.#complete(at, carried);
          if (at === end) return NEED_MORE;
          continue;
        }
        case State.lengthBody: {
          const available = end - at;
          const taken = available < this.#remaining ? available : this.#remaining;
          this.#take(data, at, at + taken);
          this.#remaining -= taken;
          at += taken;
          return this.#remaining === 0 ? this.#complete(at, carried) : NEED_MORE;
        }
        case State.chunkSize: {
          const lineEnd = data.indexOf(LF, at);
          if (lineEnd < 0)
            return end - at > 256 ? this.#refuse("a chunk size line without end") : this.#carry(data, at);
          const size = chunkSize(data, at, lineEnd);
          if (size < 0) return this.#refuse("a chunk size that is no hexadecimal number");
          at = lineEnd + 1;
          this.#remaining = size;
          this.#state = size === 0 ? State.trailers : State.chunkData;
          break;
        }
        case State.chunkData: {
          const available = end - at;
          const taken = available < this.#remaining ? available : this.#remaining;
          this.#take(data, at, at + taken);
          this.#remaining -= taken;
          at += taken;
          if (this.#remaining === 0) this.#state = State.chunkEnd;
          break;
        }
        case State.chunkEnd: {
          if (data[at] === CR) {
            if (at + 1 === end) return this.#carry(data, at);
            at++;
          }
          if (data[at] !== LF) return this.#refuse("a chunk longer than its size");
          at++;
          this.#state = State.chunkSize;
          break;
        }
        case State.trailers: {
          const lineEnd = data.indexOf(LF, at);
          if (lineEnd < 0) return end - at > HEAD_BYTES_MAX ? this.#refuse("endless trailers") : this.#carry(data, at);
          const blank = lineEnd === at || (lineEnd === at + 1 && data[at] === CR);
          at = lineEnd + 1;
          if (blank) return this.#complete(at, carried);
          break;
        }
        case State.closeBody:
          this.#take(data, at, end);
          return NEED_MORE;
      }
      if (at === end) return NEED_MORE;
    }
  }

  /** The peer closed. Was that the proper end of a response that has no other (RFC 9112, 6.3, last rule)? */
  finish(): boolean {
    if (this.#state !== State.closeBody) return false;
    this.#complete(0, 0);
    return true;
  }

  /** Forgets what came: the connection is a new one. */
  reset(): void {
    this.#state = State.head;
    this.#pending = EMPTY;
    this.#kept.length = 0;
    this.started = false;
    this.keepAlive = true;
  }

  /** Of the response whose head was just read. */
  #isBodiless(): boolean {
    if (this.headRequest || this.status === 204 || this.status === 304) return true;
    return this.#state === State.lengthBody && this.#remaining === 0;
  }

  #carry(data: Uint8Array, at: number): number {
    this.#pending = data.slice(at);
    return NEED_MORE;
  }

  #refuse(problem: string): number {
    this.problem = problem;
    return MALFORMED;
  }

  #take(data: Uint8Array, from: number, to: number): void {
    this.bodyBytes += to - from;
    if (this.keep && to > from) this.#kept.push(data.subarray(from, to));
  }

  #complete(at: number, carried: number): number {
    this.#state = State.head;
    this.started = false;
    if (this.keep) {
      this.body = this.#kept.length === 1 ? this.#kept[0]! : Buffer.concat(this.#kept);
      this.#kept.length = 0;
    }
    return at - carried;
  }

  /** Reads status line and header lines from `at`; says where the body starts and in `#state` how it ends. */
  #readHead(data: Uint8Array, at: number): number {
    const end = data.length;
    // "HTTP/1.1 200": refuse what cannot become one as soon as it shows, or garbage without a line end would wait.
    const seen = end - at < 12 ? end - at : 12;
    for (let i = 0; i < seen; i++) {
      const byte = data[at + i]!;
      const right = i < 7 ? byte === "HTTP/1.".charCodeAt(i) : i === 8 ? byte === 32 : isDigit(byte);
      if (!right) return this.#refuse("no HTTP/1 status line");
    }
    if (seen < 12) return NEED_MORE;
    const version = data[at + 7]! - 48;
    const status = (data[at + 9]! - 48) * 100 + (data[at + 10]! - 48) * 10 + (data[at + 11]! - 48);
    if (status < 100) return this.#refuse(`status ${status}`);
    let keepAlive = version >= 1;
    let length = -1;
    let chunked = false;
    let coded = false;
    let line = at + 12;
    while (line < end && data[line] !== LF) line++;
    line++;
    for (;;) {
      if (line >= end) return NEED_MORE;
      const first = data[line]!;
      if (first === LF) {
        line++;
        break;
      }
      if (first === CR) {
        if (line + 1 >= end) return NEED_MORE;
        if (data[line + 1] === LF) {
          line += 2;
          break;
        }
      }
      let lineEnd = line + 1;
      while (lineEnd < end && data[lineEnd] !== LF) lineEnd++;
      if (lineEnd >= end) return NEED_MORE;
      // Only three header fields matter, and two letters tell them from all others.
      const letter = first | 0x20;
      if (letter === 0x63) {
        if (isField(data, line, lineEnd, "content-length")) {
          const value = decimal(data, line + 15, lineEnd);
          if (value < 0) return this.#refuse("a Content-Length that is no number");
          if (length >= 0 && length !== value) return this.#refuse("two different Content-Lengths");
          length = value;
        } else if (isField(data, line, lineEnd, "connection")) {
          if (holds(data, line + 11, lineEnd, "close")) keepAlive = false;
          else if (version === 0 && holds(data, line + 11, lineEnd, "keep-alive")) keepAlive = true;
        }
      } else if (letter === 0x74 && isField(data, line, lineEnd, "transfer-encoding")) {
        coded = true;
        // "chunked" has to be the last coding (RFC 9112, 6.1): where it is not, its chunks will not parse.
        chunked = holds(data, line + 18, lineEnd, "chunked");
      }
      line = lineEnd + 1;
    }
    this.status = status;
    this.keepAlive = keepAlive;
    if (this.keep) this.head = data.slice(at, line);
    if (status < 200) return line;
    if (chunked) this.#state = State.chunkSize;
    else if (!coded && length >= 0) {
      this.#state = State.lengthBody;
      this.#remaining = length;
    } else {
      this.#state = State.closeBody;
      if (!this.#isBodiless()) this.keepAlive = false;
    }
    return line;
  }
}

function isDigit(byte: number): boolean {
  return byte >= 48 && byte <= 57;
}

/** Does the line hold the field `name` (lower case)? */
function isField(data: Uint8Array, from: number, to: number, name: string): boolean {
  if (to - from <= name.length || data[from + name.length] !== COLON) return false;
  for (let i = 1; i < name.length; i++) if ((data[from + i]! | 0x20) !== (name.charCodeAt(i) | 0x20)) return false;
  return true;
}

/** Does the value hold `word` (lower case)? No string is made of it: this runs for every response. */
function holds(data: Uint8Array, from: number, to: number, word: string): boolean {
  const first = word.charCodeAt(0);
  for (let at = from; at <= to - word.length; at++) {
    if ((data[at]! | 0x20) !== first) continue;
    let i = 1;
    while (i < word.length && (data[at + i]! | 0x20) === word.charCodeAt(i)) i++;
    if (i === word.length) return true;
  }
  return false;
}

/** A decimal number with blanks around it; -1 when it is something else. */
function decimal(data: Uint8Array, from: number, to: number): number {
  let at = from;
  let until = to;
  while (at < until && (data[at] === 32 || data[at] === 9)) at++;
  while (until > at && (data[until - 1] === CR || data[until - 1] === 32 || data[until - 1] === 9)) until--;
  if (at === until || until - at > 15) return -1;
  let value = 0;
  for (; at < until; at++) {
    const byte = data[at]!;
    if (!isDigit(byte)) return -1;
    value = value * 10 + byte - 48;
  }
  return value;
}

/** The size at the head of a chunk-size line, its extensions passed over; -1 when there is none. */
function chunkSize(data: Uint8Array, from: number, to: number): number {
  let value = 0;
  let at = from;
  for (; at < to; at++) {
    const byte = data[at]!;
    const letter = byte | 0x20;
    const digit = isDigit(byte) ? byte - 48 : letter >= 97 && letter <= 102 ? letter - 87 : -1;
    if (digit < 0) break;
    value = value * 16 + digit;
  }
  const none = at === from || at - from > 13;
  const follower = data[at];
  const proper = follower === CR || follower === LF || follower === 59 || follower === 32 || follower === 9;
  return none || !proper ? -1 : value;
}
