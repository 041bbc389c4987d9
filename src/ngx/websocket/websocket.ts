import { nodeCrypto } from "../../std/builtins.ts";
import type { Tunnel } from "../../core/exchange.ts";
import type { Request } from "../../core/request.ts";
import { asHost } from "../../std/host_context.ts";
import { HttpError } from "../signals.ts";
import { encodeFrame, type Frame, FrameReader, opcode, ProtocolError } from "./frames.ts";

export interface WebSocketOptions {
  /** Largest message taken, bytes; default 16 MiB. A larger one ends the connection with 1009. */
  readonly messageBytesMax?: number;
  /** Chosen of what the client offers in Sec-WebSocket-Protocol. */
  readonly protocol?: string;
  /** How long nothing may come before the connection ends; the server sends a ping at half of it. Default 60. */
  readonly idleTimeoutSeconds?: number;
}

/** Text arrives as a string, binary messages as bytes. */
export type Message = string | Uint8Array;

const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** A WebSocket connection in a handler: iterate over its messages, and send. */
export class ServerWebSocket implements AsyncIterable<Message> {
  /** As the client said it, or 1005 where it said none, 1006 where it just went; 0 while the connection is open. */
  closeCode = 0;
  closeReason = "";
  readonly #tunnel: Tunnel;
  readonly #bytesMax: number;
  readonly #reader: FrameReader;
  readonly #messages: Message[] = [];
  #messagesBytes = 0;
  #paused = false;
  /** Some of what was sent waits for the client to take it. */
  #full: PromiseWithResolvers<void> | undefined;
  readonly #parts: Uint8Array[] = [];
  #partsBytes = 0;
  #partsOpcode = 0;
  #waiting: PromiseWithResolvers<void> | undefined;
  #closeSent = false;
  #lastMs = Date.now();
  #timer: Timer;
  readonly #utf8 = new TextDecoder("utf-8", { fatal: true });

  constructor(request: Request, head: string, options: WebSocketOptions) {
    const { exchange } = request;
    if (!exchange.tunnel) throw new HttpError(501, "WebSockets need HTTP/1.1");
    this.#bytesMax = options.messageBytesMax ?? 16 * 1024 * 1024;
    this.#reader = new FrameReader(this.#bytesMax);
    this.#tunnel = exchange.tunnel({
      onData: (chunk) => this.#receive(chunk),
      onClose: () => this.#gone(1006),
      onDrain: () => this.#drained(),
    });
    this.#tunnel.write(Buffer.from(head, "latin1"));
    const idleMs = (options.idleTimeoutSeconds ?? 60) * 1000;
    this.#timer = setInterval(() => this.#watch(idleMs), idleMs / 2);
  }

  get open(): boolean {
    return this.closeCode === 0 && !this.#closeSent;
  }

  /**
   * Sends a message; false when the connection is closed. What the client does not take yet waits in memory: who sends
   * much awaits `drained`.
   */
  send(message: Message): boolean {
    if (!this.open) return false;
    if (typeof message === "string") this.#write(opcode.text, Buffer.from(message));
    else this.#write(opcode.binary, message);
    return true;
  }

  /** Resolves when the client has taken all that was sent, or has gone. */
  drained(): Promise<void> {
    return this.#full?.promise ?? Promise.resolve();
  }

  ping(data: string | Uint8Array = ""): void {
    if (this.open) this.#write(opcode.ping, typeof data === "string" ? Buffer.from(data) : data);
  }

  /** Says goodbye; the messages end when the client has answered. */
  close(code = 1000, reason = ""): void {
    if (this.#closeSent || this.closeCode !== 0) return;
    const text = Buffer.from(reason).subarray(0, 123);
    const payload = Buffer.allocUnsafe(2 + text.length);
    payload.writeUInt16BE(code, 0);
    payload.set(text, 2);
    this.#write(opcode.close, payload);
    this.#closeSent = true;
  }

  /** The next message; undefined when there will be none any more. */
  async receive(): Promise<Message | undefined> {
    for (;;) {
      const message = this.#messages.shift();
      if (message !== undefined) {
        this.#messagesBytes -= message.length;
        if (this.#paused && this.#messagesBytes < this.#bytesMax) this.#resume();
        return message;
      }
      if (this.closeCode !== 0) return undefined;
      this.#waiting ??= Promise.withResolvers();
      await this.#waiting.promise;
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Message, void, void> {
    try {
      for (let message = await this.receive(); message !== undefined; message = await this.receive()) yield message;
    } finally {
      this.close();
    }
  }

  /** The handler is done: whatever it left open is closed. */
  end(): void {
    this.close();
    this.#gone(1005);
    this.#tunnel.end();
  }

  #write(code: number, payload: Uint8Array): void {
    if (!asHost(() => this.#tunnel.write(encodeFrame(code, payload)))) this.#full ??= Promise.withResolvers();
  }

  #drained(): void {
    this.#full?.resolve();
    this.#full = undefined;
  }

  #resume(): void {
    this.#paused = false;
    asHost(() => this.#tunnel.resume());
  }

  #receive(chunk: Uint8Array): void {
    this.#lastMs = Date.now();
    try {
      this.#reader.push(chunk);
      for (let frame = this.#reader.next(); frame; frame = this.#reader.next()) this.#handle(frame);
    } catch (error) {
      const code = error instanceof ProtocolError ? error.code : 1007;
      this.close(code, error instanceof ProtocolError ? error.message : "text is not UTF-8");
      this.#gone(code);
    }
  }

  #handle(frame: Frame): void {
    switch (frame.opcode) {
      case opcode.ping:
        if (!this.#closeSent) this.#write(opcode.pong, frame.payload);
        return;
      case opcode.pong:
        return;
      case opcode.close:
        return this.#closedBy(frame.payload);
      case opcode.continuation:
        if (this.#partsOpcode === 0) throw new ProtocolError(1002, "a continuation of nothing");
        break;
      case opcode.text:
      case opcode.binary:
        if (this.#partsOpcode !== 0) throw new ProtocolError(1002, "a message inside another one");
        this.#partsOpcode = frame.opcode;
        break;
      default:
        throw new ProtocolError(1002, `opcode ${frame.opcode} has no meaning`);
    }
    this.#parts.push(frame.payload);
    this.#partsBytes += frame.payload.length;
    if (this.#partsBytes > this.#bytesMax) throw new ProtocolError(1009, "the message is too large");
    if (frame.final) this.#deliver();
  }

  #deliver(): void {
    const bytes = this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts);
    const message = this.#partsOpcode === opcode.text ? this.#utf8.decode(bytes) : new Uint8Array(bytes);
    this.#messages.push(message);
    this.#messagesBytes += message.length;
    // A client that sends faster than the handler reads waits.
    if (!this.#paused && this.#messagesBytes >= this.#bytesMax) {
      this.#paused = true;
      this.#tunnel.pause();
    }
    this.#parts.length = 0;
    this.#partsBytes = 0;
    this.#partsOpcode = 0;
    this.#wake();
  }

  #closedBy(payload: Uint8Array): void {
    const code = payload.length >= 2 ? (payload[0]! << 8) | payload[1]! : 1005;
    this.closeReason = Buffer.from(payload.subarray(2)).toString();
    this.close(code === 1005 ? 1000 : code);
    this.#gone(code);
  }

  #gone(code: number): void {
    if (this.closeCode === 0) this.closeCode = code;
    clearInterval(this.#timer);
    this.#wake();
    this.#drained();
  }

  #wake(): void {
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }

  #watch(idleMs: number): void {
    if (this.#paused || Date.now() - this.#lastMs < idleMs) return this.ping();
    this.close(1001, "nothing has come for too long");
    this.#gone(1006);
  }
}

/** Answers the handshake. @throws HttpError for a request that is none */
export function acceptWebSocket(request: Request, options: WebSocketOptions): ServerWebSocket {
  const has = (name: string, token: string): boolean =>
    (request.header(name) ?? "").split(",").some((part) => part.trim().toLowerCase() === token);
  const key = request.header("sec-websocket-key");
  if (request.method !== "GET" || !has("upgrade", "websocket") || !has("connection", "upgrade") || !key)
    throw new HttpError(426, "this is no WebSocket handshake");
  if (request.header("sec-websocket-version") !== "13") {
    request.response.headers.set("Sec-WebSocket-Version", "13");
    throw new HttpError(426, "only version 13 of WebSocket is spoken");
  }
  let head = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n`;
  head += `Sec-WebSocket-Accept: ${nodeCrypto()
    .createHash("sha1")
    .update(key + guid)
    .digest("base64")}\r\n`;
  const { protocol } = options;
  if (protocol !== undefined) {
    if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(protocol)) throw new TypeError(`"${protocol}" is no name of a protocol`);
    if ((request.header("sec-websocket-protocol") ?? "").split(",").some((part) => part.trim() === protocol))
      head += `Sec-WebSocket-Protocol: ${protocol}\r\n`;
  }
  const { flat } = request.response.headers;
  for (let i = 0; i < flat.length; i += 2) head += `${flat[i]}: ${flat[i + 1]}\r\n`;
  request.response.status = 101;
  request.headSent = true;
  request.ended = true;
  request.keepalive = false;
  return new ServerWebSocket(request, `${head}\r\n`, options);
}
