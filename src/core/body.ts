import type { Chunk } from "./exchange.ts";

/** An open file that outlives its descriptor's first user: caches and ranges share it. */
export interface OpenFile {
  readonly fd: number;
  readonly path: string;
  readonly sizeBytes: number;
  /** Last modification, whole seconds since the epoch. */
  readonly mtimeSeconds: number;
  /** Another user of the file; each `release` ends one, the last one closes it. */
  retain(): void;
  release(): void;
  /** The file's bytes kept in memory, when it is small and a cache holds it. */
  readonly bytes?: Uint8Array | undefined;
}

/** Bytes `start` to `end` (exclusive) of a file. */
export interface FileSlice {
  readonly file: OpenFile;
  readonly start: number;
  readonly end: number;
}

export type Segment = Chunk | FileSlice;

/** A whole response body: text, bytes, part of a file, or several of these in turn. */
export type Body = Segment | readonly Segment[];

/**
 * Passes a chunk on to the client or to the next filter; `last` is true exactly once. A promise asks the source to
 * wait.
 */
export type Sink = (chunk: Chunk, last: boolean) => void | Promise<void>;

/** One filter of a response's body, in its two forms. */
export interface BodyFilter {
  readonly stream: (next: Sink) => Sink;
  readonly whole: ((body: Body) => Body | undefined) | undefined;
  /** Completes the body from elsewhere: stays before all that only change it. */
  readonly source?: boolean;
}

export function isFileSlice(segment: Segment): segment is FileSlice {
  return typeof segment === "object" && "file" in segment;
}

export function segmentsOf(body: Body): readonly Segment[] {
  return Array.isArray(body) ? (body as readonly Segment[]) : [body as Segment];
}

/** How many bytes the body has on the wire. */
export function byteLength(body: Body): number {
  if (typeof body === "string") return Buffer.byteLength(body);
  if (body instanceof Uint8Array) return body.byteLength;
  let sum = 0;
  for (const segment of segmentsOf(body))
    sum += isFileSlice(segment) ? segment.end - segment.start : Buffer.byteLength(segment);
  return sum;
}

/** Ends this user's hold on the files of a body that will not be sent, or has been. */
export function releaseBody(body: Body | undefined): void {
  if (body === undefined || typeof body === "string" || body instanceof Uint8Array) return;
  for (const segment of segmentsOf(body)) if (isFileSlice(segment)) segment.file.release();
}
