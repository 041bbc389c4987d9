import { type Body, byteLength, type OpenFile, releaseBody, type Sink } from "../../core/body.ts";
import type { Request } from "../../core/request.ts";
import { Flush, ZlibStream } from "../../std/deflate_stream.ts";
import { readBody } from "../open_file_cache/read_body.ts";

/** What `$gzip_ratio` is made of. */
export interface Tally {
  plainBytes: number;
  compressedBytes: number;
}

/**
 * All of a body in one call: 7 µs for 8 KB of JSON at level 1, 17 by libdeflate (Bun 1.4.5); of a file that is kept in
 * memory, the result is kept with it. Takes the body over.
 */
export function gzipWhole(body: Body, level: number, tally: Tally): Uint8Array {
  const kept = keptFile(body);
  const plainBytes = kept ? kept.sizeBytes : byteLength(body);
  let compressed = kept && compressedFiles.get(kept)?.[level];
  if (compressed) releaseBody(body);
  else {
    compressed = Bun.gzipSync(readBody(body) as Uint8Array<ArrayBuffer>, { level: level as 1, library: "zlib" });
    if (kept) keep(kept, level, compressed);
  }
  tally.plainBytes += plainBytes;
  tally.compressedBytes += compressed.length;
  return compressed;
}

/** Of files that open_file_cache keeps in memory, by level: gone with the file. */
const compressedFiles = new WeakMap<OpenFile, (Uint8Array | undefined)[]>();

/** The file that is all of the body, if its bytes are kept and so cannot change. */
export function keptFile(body: Body): OpenFile | undefined {
  if (typeof body !== "object" || !("file" in body)) return undefined;
  const { file, start, end } = body;
  return file.bytes && start === 0 && end === file.bytes.length ? file : undefined;
}

function keep(file: OpenFile, level: number, compressed: Uint8Array): void {
  const byLevel = compressedFiles.get(file) ?? [];
  byLevel[level] = compressed;
  compressedFiles.set(file, byLevel);
}

const nothing = new Uint8Array(0);

/**
 * Compresses chunk by chunk. What a source writes in one turn of the event loop is compressed together and flushed
 * when the turn is over, so that a client sees each event of a slow source, and many small writes still compress well.
 */
export function gzipStream(request: Request, level: number, tally: Tally, next: Sink): Sink {
  const stream = ZlibStream.gzip(level);
  let ended = false;
  let unflushed = false;
  /** The next filter has asked to wait; nothing may overtake what it is busy with. */
  let busy: Promise<void> | undefined;

  const end = (): void => {
    if (!ended) stream.close();
    ended = true;
  };
  request.exchange.onAbort(end);

  const pass = (compressed: Uint8Array, last: boolean): void | Promise<void> => {
    tally.compressedBytes += compressed.length;
    if (compressed.length === 0 && !last) return undefined;
    const pending = next(compressed, last);
    if (!pending) return undefined;
    busy = pending.finally(() => (busy = undefined));
    return busy;
  };
  const flush = (): void => {
    if (ended || !unflushed) return;
    if (busy) return void busy.then(flush, end);
    unflushed = false;
    pass(stream.write(nothing, Flush.sync), false)?.catch(end); // the source meets the failure at its next write
  };
  const write: Sink = (chunk, last) => {
    if (busy) return busy.then(() => write(chunk, last));
    if (ended) return undefined;
    const bytes = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
    tally.plainBytes += bytes.length;
    if (last) {
      const compressed = stream.write(bytes, Flush.finish);
      end();
      return pass(compressed, true);
    }
    if (bytes.length > 0 && !unflushed) {
      unflushed = true;
      setImmediate(flush);
    }
    return pass(stream.write(bytes, Flush.none), false);
  };
  return write;
}
