import { closeSync, constants, openSync, writeSync } from "node:fs";
import { LineBuffer } from "./line_buffer.ts";

const bufferBytes = 64 * 1024;
const openFlags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT;

/** What a full or vanished disk did to a log, said once until a write succeeds again. */
export type LogFailure = (path: string, error: Error, lostBytes: number) => void;

/** Where the lines of a log go. */
export interface LogSink {
  /**
   * @param line Latin-1 text that ends in "\n".
   * @param level For those who pass it on; the line itself has it already.
   */
  write(line: string, level?: string): void;
  /** Where to put the next line together, "\n" included. One that is never committed is lost. */
  begin(): LineBuffer;
  commit(): void;
  flush(): void;
  reopen(): void;
  close(): void;
}

/**
 * An append-only log shared by processes: whole lines, each batch one write with O_APPEND, so none is torn.
 * Lines of one turn of the event loop go out together (0.4 µs a line of 138 bytes against 1.2 µs each alone, Bun
 * 1.4.5).
 */
export class LogFile implements LogSink {
  #fd: number | undefined;
  /** Lines that wait for the next flush. */
  readonly #waiting = new LineBuffer(bufferBytes);
  /** Bytes of those that are complete. */
  #complete = 0;
  #failing = false;
  #scheduled = false;
  readonly #flushLater = (): void => {
    this.#scheduled = false;
    this.flush();
  };

  /** @throws when the file cannot be opened. */
  constructor(
    readonly path: string,
    private readonly onFailure: LogFailure = () => undefined,
    /** Milliseconds a line may wait; 0 writes at the end of this turn of the event loop. */
    private readonly flushMs = 0,
    /** Bytes to gather before writing without waiting for the time. */
    private readonly gatherBytes = bufferBytes,
    /** Applied to each batch: compression, of which members may follow each other in one file. */
    private readonly encode: (batch: Uint8Array) => Uint8Array = (batch) => batch,
  ) {
    this.#fd = openLog(path);
  }

  write(line: string): void {
    this.begin().add(line);
    this.commit();
  }

  begin(): LineBuffer {
    this.#waiting.length = this.#complete;
    return this.#waiting;
  }

  commit(): void {
    this.#complete = this.#waiting.length;
    if (this.#complete >= this.gatherBytes) return this.flush();
    if (this.#scheduled) return;
    if (this.flushMs === Number.POSITIVE_INFINITY) return;
    this.#scheduled = true;
    if (this.flushMs > 0) setTimeout(this.#flushLater, this.flushMs).unref();
    else setImmediate(this.#flushLater);
  }

  flush(): void {
    const waiting = this.begin();
    if (this.#complete === 0) return;
    this.#complete = 0;
    this.#put(waiting.bytes);
    waiting.clear();
  }

  #put(batch: Uint8Array): void {
    if (this.#fd === undefined) return;
    const bytes = this.encode(batch);
    try {
      for (let done = 0; done < bytes.length;) done += writeSync(this.#fd, bytes, done, bytes.length - done);
      this.#failing = false;
    } catch (error) {
      if (!this.#failing) this.onFailure(this.path, error as Error, bytes.length);
      this.#failing = true;
    }
  }

  /** Opens the path anew, after a rotation moved the file; keeps the old one when that fails. */
  reopen(): void {
    this.flush();
    const fd = openLog(this.path);
    if (this.#fd !== undefined && this.#fd > 2) closeSync(this.#fd);
    this.#fd = fd;
  }

  close(): void {
    this.flush();
    if (this.#fd !== undefined && this.#fd > 2) closeSync(this.#fd);
    this.#fd = undefined;
  }
}

function openLog(path: string): number {
  if (path === "/dev/stderr") return 2;
  if (path === "/dev/stdout") return 1;
  return openSync(path, openFlags, 0o644);
}
