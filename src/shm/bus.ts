import { type FileOwner, createReserved, mapShared, readWords, whileOpening } from "./file.ts";
import { T_BOOLEAN, T_NUMBER, T_STRUCTURED } from "./layout.ts";
import { lockSlowly, ownerLives, ownerWord } from "./lock.ts";
import type { TextBuffer } from "./memory.ts";
import { fence } from "./order.ts";
import { copyOut, revive, Staged, type Value } from "./value.ts";

const MAGIC = 0x42545352;
const VERSION = 1;
const H_MAGIC = 0;
const H_VERSION = 1;
const H_BYTES = 2;
const H_LOCK = 16;
/** How many rows were ever in use: the others need not be looked at. */
const H_ROWS = 17;
/** Raised after each message, so that who has seen it sees the message as well. */
const H_PUBLISHED = 32;
/** How many bytes were ever written, as a float: position, halved. */
const F_HEAD = 20;

/** A subscriber's row: owner, port it is woken at, whether it sleeps and may lose messages; how far it has read. */
const ROWS_AT = 48;
const ROW_WORDS = 16;
const ROWS = 128;
const R_OWNER = 0;
const R_PORT = 1;
const R_SLEEPS = 2;
const R_LOSSY = 3;
const R_READ = 4;
const RING_AT_BYTES = (ROWS_AT + ROWS * ROW_WORDS) * 4;

/** A message: its length in all, type and topic's length, value's length, sender; topic, value, to the next 8 bytes. */
const M_LENGTH = 0;
const M_KIND = 1;
const M_VALUE_BYTES = 2;
const M_SENDER = 3;
const HEADER_BYTES = 16;
/** In place of a length: the rest of the ring is not used. */
const WRAP = -1;
const MESSAGES_PER_TURN = 500;
/** Messages wake their readers; this is for one whose wake-up got lost. */
const LOOK_EVERY_MS = 100;

export interface BusOptions {
  path: string;
  /** How much may lie unread; a message may take half of it. */
  sizeBytes: number;
  owner?: FileOwner;
  /** Told what handlers throw; without it, that is an unhandled rejection. */
  failed?: (error: unknown) => void;
}

export interface SubscribeOptions {
  /**
   * Whether this worker loses messages when it falls behind by more than the bus holds, instead of making publishers
   * wait. It holds for all of this worker's subscriptions once one asks for it.
   */
  mayLose?: boolean;
  /** Told how many bytes of messages were lost. */
  lost?: (bytes: number) => void;
}

/** @param sender Process id of who published it. */
export type Handler = (value: Value, topic: string, sender: number) => void;

export interface Subscription {
  unsubscribe(): void;
}

/**
 * Messages between workers: a ring in shared memory that all write to and each reads at its own pace. A message costs
 * about as much as a `set`; one datagram wakes a worker that has nothing to read. Every subscriber gets every message
 * that was published after it subscribed, in one order, also those of its own process.
 */
export class Bus {
  readonly #words: Int32Array;
  readonly #floats: Float64Array;
  readonly #bytes: TextBuffer;
  readonly #ringBytes: number;
  readonly #staged = new Staged();
  readonly #topic = Buffer.alloc(3 * 1024) as TextBuffer;
  readonly #handlers = new Map<string, Set<Handler>>();
  #row = 0;
  #socket: Promise<Bun.udp.Socket<"buffer">> | undefined;
  #sender: Bun.udp.Socket<"buffer"> | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  #reading = false;
  #lost: ((bytes: number) => void) | undefined;
  readonly #failed: (error: unknown) => void;

  constructor(mapping: Uint8Array, failed: (error: unknown) => void) {
    this.#failed = failed;
    const { buffer, byteOffset, byteLength } = mapping;
    this.#words = new Int32Array(buffer, byteOffset, byteLength / 4);
    this.#floats = new Float64Array(buffer, byteOffset, byteLength / 8);
    this.#bytes = Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength) as TextBuffer;
    this.#ringBytes = this.#words[H_BYTES]!;
  }

  /**
   * Sends a value to all subscribers of a topic.
   * @param topic Up to 1024 characters.
   * @returns "full" when a subscriber has so much unread that there is no room: try later, or use `publishWhenRoom`.
   */
  publish(topic: string, value: Value): true | "full" | "too large" | "bad value type" {
    if (topic.length > 1024) return "too large";
    const staged = this.#staged;
    if (!staged.stage(value)) return "bad value type";
    staged.settle();
    const topicBytes = this.#topic.utf8Write(topic, 0, this.#topic.length);
    const valueBytes = staged.isNumber ? 8 : staged.length;
    const length = (HEADER_BYTES + topicBytes + valueBytes + 15) & ~7; // with room for text's slack
    if (length > this.#ringBytes / 2) return "too large";
    this.#lock();
    try {
      const head = this.#floats[F_HEAD]!;
      const at = head % this.#ringBytes;
      const skipped = at + length > this.#ringBytes ? this.#ringBytes - at : 0;
      if (!this.#hasRoom(head + skipped + length)) return "full";
      if (skipped > 0) this.#words[(RING_AT_BYTES + at) >>> 2] = WRAP;
      this.#write(RING_AT_BYTES + (skipped > 0 ? 0 : at), length, topicBytes, valueBytes);
      // Until here nobody looks at it: a publisher that is killed has published nothing.
      fence();
      this.#floats[F_HEAD] = head + skipped + length;
      Atomics.add(this.#words, H_PUBLISHED, 1);
    } finally {
      Atomics.store(this.#words, H_LOCK, 0);
    }
    staged.clear();
    this.#wakeSleepers();
    return true;
  }

  /** As `publish`, but waits for room. @returns "full" if there was none for `timeoutSeconds`. */
  async publishWhenRoom(topic: string, value: Value, timeoutSeconds = 5): Promise<ReturnType<Bus["publish"]>> {
    const end = performance.now() + timeoutSeconds * 1000;
    for (let stepMs = 1; ; stepMs = Math.min(stepMs * 2, 20)) {
      const result = this.publish(topic, value);
      if (result !== "full" || performance.now() >= end) return result;
      await Bun.sleep(stepMs);
    }
  }

  #write(start: number, length: number, topicBytes: number, valueBytes: number): void {
    const staged = this.#staged;
    const at = start >>> 2;
    this.#words[at + M_LENGTH] = length;
    this.#words[at + M_KIND] = staged.type | (topicBytes << 8);
    this.#words[at + M_VALUE_BYTES] = valueBytes;
    this.#words[at + M_SENDER] = process.pid;
    this.#topic.copy(this.#bytes, start + HEADER_BYTES, 0, topicBytes);
    const valueAt = start + HEADER_BYTES + topicBytes;
    if (staged.isNumber) this.#bytes.writeDoubleLE(staged.number, valueAt);
    else staged.writeTo(this.#bytes, valueAt);
  }

  /** Locked. May the ring be written up to here? Subscribers that have died are dropped when it matters. */
  #hasRoom(head: number): boolean {
    for (let row = 0; row < this.#words[H_ROWS]!; row++) {
      const at = ROWS_AT + row * ROW_WORDS;
      const owner = this.#words[at + R_OWNER]!;
      if (owner === 0 || this.#words[at + R_LOSSY] === 1) continue;
      if (head - this.#floats[(at + R_READ) >>> 1]! <= this.#ringBytes) continue;
      if (ownerLives(owner)) return false;
      this.#words[at + R_OWNER] = 0;
    }
    return true;
  }

  #lock(): void {
    // Who dies with the lock has not moved the head, or has just moved it: there is nothing to repair.
    if (Atomics.compareExchange(this.#words, H_LOCK, 0, ownerWord) !== 0) lockSlowly(this.#words, H_LOCK);
  }

  #wakeSleepers(): void {
    Atomics.load(this.#words, H_PUBLISHED); // the message is seen before we look who sleeps
    for (let row = 0; row < this.#words[H_ROWS]!; row++) {
      const at = ROWS_AT + row * ROW_WORDS;
      if (this.#words[at + R_SLEEPS] !== 1 || this.#words[at + R_OWNER] === 0) continue;
      if (Atomics.compareExchange(this.#words, at + R_SLEEPS, 1, 0) !== 1) continue;
      const port = this.#words[at + R_PORT]!;
      if (this.#sender) this.#sender.send("", port, "127.0.0.1");
      else
        Bun.udpSocket({ hostname: "127.0.0.1" }).then((socket) => {
          socket.unref();
          this.#sender ??= socket;
          this.#sender.send("", port, "127.0.0.1");
        }, this.#failed);
    }
  }

  /**
   * Calls `handler` with every message of a topic from now on. If it throws, the other handlers get the message all
   * the same.
   */
  async subscribe(topic: string, handler: Handler, options: SubscribeOptions = {}): Promise<Subscription> {
    if (options.lost) this.#lost = options.lost;
    await (this.#socket ??= this.#open());
    if (options.mayLose) this.#words[this.#row + R_LOSSY] = 1;
    const handlers = this.#handlers.get(topic) ?? new Set();
    this.#handlers.set(topic, handlers.add(handler));
    return {
      unsubscribe: () => {
        handlers.delete(handler);
        if (handlers.size === 0 && this.#handlers.get(topic) === handlers) this.#handlers.delete(topic);
      },
    };
  }

  async #open(): Promise<Bun.udp.Socket<"buffer">> {
    const socket = await Bun.udpSocket({ hostname: "127.0.0.1", socket: { data: () => this.#read() } });
    socket.unref();
    this.#lock();
    try {
      this.#row = this.#freeRow();
      this.#words[this.#row + R_PORT] = socket.port;
      this.#words[this.#row + R_LOSSY] = 0;
      this.#floats[(this.#row + R_READ) >>> 1] = this.#floats[F_HEAD]!;
      fence();
      this.#words[this.#row + R_SLEEPS] = 1;
      this.#words[this.#row + R_OWNER] = ownerWord; // last: from here on publishers look at the row
    } finally {
      Atomics.store(this.#words, H_LOCK, 0);
    }
    this.#timer = setInterval(() => this.#read(), LOOK_EVERY_MS).unref();
    return socket;
  }

  #freeRow(): number {
    for (let row = 0; row < ROWS; row++) {
      const at = ROWS_AT + row * ROW_WORDS;
      const owner = this.#words[at + R_OWNER]!;
      if (owner !== 0 && ownerLives(owner)) continue;
      this.#words[H_ROWS] = Math.max(this.#words[H_ROWS]!, row + 1);
      return at;
    }
    throw new Error(`bus: ${ROWS} processes have subscribed already`);
  }

  /** Hands out what is unread, some at a time, so that requests get their turn. */
  #read(): void {
    if (this.#reading || this.#row === 0) return;
    this.#reading = true;
    for (let messages = 0; ; messages++) {
      if (messages === MESSAGES_PER_TURN) {
        setImmediate(() => {
          this.#reading = false;
          this.#read();
        });
        return;
      }
      if (this.#readOne()) continue;
      Atomics.store(this.#words, this.#row + R_SLEEPS, 1);
      Atomics.load(this.#words, H_PUBLISHED);
      if (this.#floats[F_HEAD] === this.#floats[(this.#row + R_READ) >>> 1]) break; // nothing came before we slept
    }
    this.#reading = false;
  }

  #readOne(): boolean {
    const words = this.#words;
    Atomics.load(words, H_PUBLISHED);
    const readAt = (this.#row + R_READ) >>> 1;
    const position = this.#floats[readAt]!;
    const head = this.#floats[F_HEAD]!;
    if (position === head) return false;
    fence();
    const start = RING_AT_BYTES + (position % this.#ringBytes);
    const length = words[start >>> 2]!;
    if (length === WRAP) {
      this.#floats[readAt] = position + this.#ringBytes - (position % this.#ringBytes);
      return this.#keptUp(position, head);
    }
    const kind = words[(start >>> 2) + M_KIND]!;
    const valueBytes = words[(start >>> 2) + M_VALUE_BYTES]!;
    const sender = words[(start >>> 2) + M_SENDER]!;
    const valueAt = start + HEADER_BYTES + (kind >>> 8);
    // Lengths that were overwritten while a lossy reader looked must not size anything.
    if (!this.#keptUp(position, head)) return true;
    const topic = this.#bytes.utf8Slice(start + HEADER_BYTES, valueAt);
    const handlers = this.#handlers.get(topic);
    const type = kind & 0xff;
    const isNumber = type === T_NUMBER || type === T_BOOLEAN;
    let value: Value | undefined;
    if (handlers)
      value = isNumber ? this.#bytes.readDoubleLE(valueAt) : copyOut(type, this.#bytes, valueAt, valueBytes);
    if (!this.#keptUp(position, head)) return true;
    this.#floats[readAt] = position + length;
    if (handlers === undefined || value === undefined) return true;
    if (type === T_BOOLEAN) value = value !== 0;
    else if (type === T_STRUCTURED) value = revive(type, value as Uint8Array);
    for (const handler of [...handlers]) {
      try {
        handler(value, topic, sender);
      } catch (error) {
        this.#failed(error);
      }
    }
    return true;
  }

  /** Whether what stands at `position` has not been overwritten meanwhile; if it was, goes on with the newest. */
  #keptUp(position: number, head: number): boolean {
    fence(); // what was read of the message stays in front, also of the news that it was read
    if (this.#words[this.#row + R_LOSSY] !== 1) return true;
    // A publisher writes ahead of the head that it then stores: a message may be half of the ring.
    if (this.#floats[F_HEAD]! - position <= this.#ringBytes / 2) return true;
    this.#floats[(this.#row + R_READ) >>> 1] = Math.max(head, this.#floats[F_HEAD]!);
    this.#lost?.(this.#floats[F_HEAD]! - position);
    return false;
  }

  /** Bytes that the slowest subscriber which publishers wait for has not read, and the bound. */
  stats(): { unreadBytes: number; sizeBytes: number; subscribers: number } {
    let unreadBytes = 0;
    let subscribers = 0;
    for (let row = 0; row < this.#words[H_ROWS]!; row++) {
      const at = ROWS_AT + row * ROW_WORDS;
      if (this.#words[at + R_OWNER] === 0) continue;
      subscribers++;
      if (this.#words[at + R_LOSSY] !== 1)
        unreadBytes = Math.max(unreadBytes, this.#floats[F_HEAD]! - this.#floats[(at + R_READ) >>> 1]!);
    }
    return { unreadBytes, sizeBytes: this.#ringBytes, subscribers };
  }

  /** Ends all subscriptions of this process. */
  async close(): Promise<void> {
    this.#handlers.clear();
    clearInterval(this.#timer);
    if (this.#row !== 0) this.#words[this.#row + R_OWNER] = 0;
    this.#row = 0;
    this.#sender?.close();
    (await this.#socket)?.close();
  }
}

/** Opens the bus at `path`, or makes it; one of another version or size is replaced. */
export function openBus({ path, sizeBytes, owner, failed = rejectUnhandled }: BusOptions): Bus {
  const ringBytes = sizeBytes - (sizeBytes % 8);
  if (!(ringBytes >= 4096 && ringBytes <= 2 ** 30))
    throw new RangeError(`bus: size ${sizeBytes} is not from 4 KiB to 1 GiB`);
  return whileOpening(path, owner, () => {
    const found = readWords(path, 3, owner);
    const [magic, version, bytes] = found?.words ?? [];
    const fits = magic === MAGIC && version === VERSION && bytes === ringBytes;
    if (!fits || found!.fileBytes !== RING_AT_BYTES + ringBytes)
      createReserved(
        path,
        RING_AT_BYTES + ringBytes,
        (mapping) => {
          const words = new Int32Array(mapping.buffer, mapping.byteOffset, 3);
          words[H_MAGIC] = MAGIC;
          words[H_VERSION] = VERSION;
          words[H_BYTES] = ringBytes;
        },
        owner,
      );
    return new Bus(mapShared(path), failed);
  });
}

function rejectUnhandled(error: unknown): void {
  void Promise.reject(error);
}
