import { rmSync } from "node:fs";
import { join } from "node:path";
import { LineBuffer } from "../std/line_buffer.ts";
import type { LogSink } from "../std/log_file.ts";
import { createReserved, mapShared, zoneDirectory } from "./file.ts";

/** What most lines take. */
const lineBytes = 512;

/**
 * A log that costs no writing to a disk: a ring in memory, which keeps the last lines. It lies in a file of shared
 * memory, so that it can be read while the process runs, and after it was killed.
 */
export class MemoryLog implements LogSink {
  readonly #path: string;
  readonly #ring: Uint8Array;
  readonly #line = new LineBuffer(lineBytes);
  #at = 0;

  /** @param name Tells the logs of this process apart. */
  constructor(name: string, sizeBytes: number) {
    this.#path = join(zoneDirectory(sizeBytes), `resty-${process.pid}-memory-${name}`);
    this.#ring = shared(this.#path, sizeBytes);
    process.on("exit", () => this.close());
  }

  write(line: string): void {
    this.begin().add(line);
    this.commit();
  }

  begin(): LineBuffer {
    this.#line.clear();
    return this.#line;
  }

  commit(): void {
    const ring = this.#ring;
    let { bytes } = this.#line;
    if (bytes.length > ring.length) bytes = bytes.subarray(bytes.length - ring.length);
    const before = Math.min(bytes.length, ring.length - this.#at);
    ring.set(bytes.subarray(0, before), this.#at);
    ring.set(bytes.subarray(before), 0);
    this.#at = (this.#at + bytes.length) % ring.length;
  }

  flush(): void {}
  reopen(): void {}

  close(): void {
    rmSync(this.#path, { force: true });
  }
}

/** Where there is no room for a file the lines are kept all the same: for a debugger. */
function shared(path: string, sizeBytes: number): Uint8Array {
  try {
    createReserved(path, sizeBytes, () => undefined);
    return mapShared(path);
  } catch {
    return new Uint8Array(sizeBytes);
  }
}
