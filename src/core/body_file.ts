import { closeSync, mkdirSync, openSync, readSync, unlinkSync, writeSync } from "node:fs";
import { nodeCrypto } from "../std/builtins.ts";
import { join } from "node:path";

const readBytes = 64 * 1024;

/** A request body that was too large for memory, in a temporary file. */
export class BodyFile {
  readonly path: string;
  sizeBytes = 0;
  readonly #fd: number;
  #closed = false;

  /** @throws a system error when no file can be made in `folder`. */
  constructor(folder: string) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.path = join(folder, `${nodeCrypto().randomBytes(8).toString("hex")}.body`);
    this.#fd = openSync(this.path, "wx+", 0o600);
  }

  append(chunk: Uint8Array): void {
    for (let done = 0; done < chunk.length;)
      done += writeSync(this.#fd, chunk, done, chunk.length - done, this.sizeBytes + done);
    this.sizeBytes += chunk.length;
  }

  bytes(): Uint8Array {
    const all = Buffer.allocUnsafe(this.sizeBytes);
    for (let done = 0; done < all.length;) {
      const count = readSync(this.#fd, all, done, all.length - done, done);
      if (count === 0) throw new Error(`"${this.path}" is shorter than what was written to it`);
      done += count;
    }
    return all;
  }

  *chunks(): Generator<Uint8Array, void, void> {
    for (let at = 0; at < this.sizeBytes;) {
      const piece = Buffer.allocUnsafe(Math.min(readBytes, this.sizeBytes - at));
      const count = readSync(this.#fd, piece, 0, piece.length, at);
      if (count === 0) throw new Error(`"${this.path}" is shorter than what was written to it`);
      at += count;
      yield piece.subarray(0, count);
    }
  }

  /** @param keep `client_body_in_file_only on`: the file is somebody else's now. */
  close(keep: boolean): void {
    if (this.#closed) return;
    this.#closed = true;
    closeSync(this.#fd);
    if (!keep) unlinkSync(this.path);
  }
}
