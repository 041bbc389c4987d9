import type { Zlib } from "node:zlib";
import { nodeZlib } from "./builtins.ts";

// node:zlib's streams compress in another thread and hand over by events: 112 µs for 10 KB, where the same work takes 8
// in place. Their native handle has a synchronous call, which node's own *Sync functions stand on; it is internal to
// Bun, declared here and nowhere else, and held by deflate_stream.test.ts.

interface NativeZlib {
  writeSync(
    flush: number,
    input: Uint8Array | null,
    inputOffset: number,
    inputLength: number,
    output: Uint8Array,
    outputOffset: number,
    outputLength: number,
  ): void;
  onerror: (message: string, errno: number, code: string) => void;
  close(): void;
}

type Stream = Zlib & { readonly _handle: NativeZlib; readonly _writeState: Uint32Array; close(): void };

const outputBytes = 64 * 1024;
/** Shared: what comes out of a call is copied before the next one starts. */
const output = new Uint8Array(outputBytes);

/** How much of what was given must come out at once. */
export const enum Flush {
  /** As little as the compressor likes. */
  none = 0,
  /** All of it, so that the reader can decode what came in so far. */
  sync = 2,
  finish = 4,
}

/** Compresses or expands a stream of bytes, in place and at once. */
export class ZlibStream {
  readonly #stream: Stream;
  #failure: string | undefined;

  private constructor(stream: object) {
    this.#stream = stream as Stream;
    this.#stream._handle.onerror = (message) => (this.#failure = message);
  }

  /** @param level 1 (fastest) to 9 (smallest). */
  static gzip(level: number): ZlibStream {
    return new ZlibStream(nodeZlib().createGzip({ level }));
  }

  static deflateRaw(level: number): ZlibStream {
    return new ZlibStream(nodeZlib().createDeflateRaw({ level }));
  }

  static gunzip(): ZlibStream {
    return new ZlibStream(nodeZlib().createGunzip());
  }

  /**
   * Takes all of `input` and returns what came out, possibly nothing.
   * @throws Error for bytes that are not of the format.
   */
  write(input: Uint8Array, flush: Flush): Uint8Array {
    const pieces: Uint8Array[] = [];
    const state = this.#stream._writeState;
    let offset = 0;
    for (;;) {
      const length = input.length - offset;
      this.#stream._handle.writeSync(flush, input, offset, length, output, 0, outputBytes);
      if (this.#failure !== undefined) throw new Error(this.#failure);
      const [outputLeft, inputLeft] = state as unknown as [number, number];
      if (outputLeft < outputBytes) pieces.push(output.slice(0, outputBytes - outputLeft));
      offset = input.length - inputLeft;
      // A full output may hide more of it, input or not.
      if (outputLeft > 0) break;
    }
    return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
  }

  /** Frees what is outside the garbage collector's sight; the stream cannot be used any more. */
  close(): void {
    this.#stream.close();
  }
}
