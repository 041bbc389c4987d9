/** Opcodes of RFC 6455, section 5.2. */
export const opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** The peer has broken the protocol; the code is what it is told (RFC 6455, section 7.4.1). */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";

  constructor(
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
}

export interface Frame {
  readonly opcode: number;
  readonly final: boolean;
  /** Unmasked. */
  readonly payload: Uint8Array;
}

/** One frame as a server sends it: whole and unmasked. */
export function encodeFrame(code: number, payload: Uint8Array): Uint8Array {
  const { length } = payload;
  const headBytes = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const frame = Buffer.allocUnsafe(headBytes + length);
  frame[0] = 0x80 | code;
  if (length < 126) frame[1] = length;
  else if (length < 65_536) {
    frame[1] = 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = 127;
    frame.writeBigUInt64BE(BigInt(length), 2);
  }
  frame.set(payload, headBytes);
  return frame;
}

/** Takes a client's frames out of the bytes as they come. */
export class FrameReader {
  #buffer = Buffer.alloc(0);

  /** @param messageBytesMax No frame may be larger. */
  constructor(private readonly messageBytesMax: number) {}

  push(chunk: Uint8Array): void {
    this.#buffer = this.#buffer.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#buffer, chunk]);
  }

  /** @returns the next frame, undefined until all of it has come. @throws ProtocolError */
  next(): Frame | undefined {
    const buffer = this.#buffer;
    if (buffer.length < 2) return undefined;
    const first = buffer[0]!;
    const second = buffer[1]!;
    const code = first & 15;
    if ((first & 0x70) !== 0) throw new ProtocolError(1002, "an extension was used that was not agreed on");
    if ((second & 0x80) === 0) throw new ProtocolError(1002, "a client's frame has to be masked");
    let length = second & 0x7f;
    const isControl = code >= 8;
    if (isControl && (length > 125 || (first & 0x80) === 0))
      throw new ProtocolError(1002, "a control frame is too long, or in parts");
    let at = 2;
    if (length === 126) {
      if (buffer.length < 4) return undefined;
      length = buffer.readUInt16BE(2);
      at = 4;
    } else if (length === 127) {
      if (buffer.length < 10) return undefined;
      const large = buffer.readBigUInt64BE(2);
      if (large > BigInt(this.messageBytesMax)) throw new ProtocolError(1009, "the message is too large");
      length = Number(large);
      at = 10;
    }
    if (length > this.messageBytesMax) throw new ProtocolError(1009, "the message is too large");
    if (buffer.length < at + 4 + length) return undefined;
    const mask = buffer.subarray(at, at + 4);
    const payload = Buffer.allocUnsafe(length);
    for (let i = 0; i < length; i++) payload[i] = buffer[at + 4 + i]! ^ mask[i & 3]!;
    this.#buffer = buffer.subarray(at + 4 + length);
    return { opcode: code, final: (first & 0x80) !== 0, payload };
  }
}
