import { SocketError } from "./tcp.ts";

/** Datagrams to and from one peer. */
export class UdpSocket {
  #socket: Bun.udp.ConnectedSocket<"buffer"> | undefined;
  readonly #received: Buffer[] = [];
  #wake: (() => void) | undefined;
  #timeoutMs = 60_000;

  setTimeout(ms: number): void {
    this.#timeoutMs = ms;
  }

  async setPeerName(host: string, port: number): Promise<void> {
    this.close();
    this.#socket = await Bun.udpSocket({
      connect: { hostname: host, port },
      socket: {
        data: (_socket, data) => {
          this.#received.push(data);
          this.#wake?.();
        },
      },
    });
  }

  send(data: string | Uint8Array): boolean {
    if (!this.#socket) throw new SocketError("closed");
    return this.#socket.send(data);
  }

  /** The next datagram. */
  async receive(): Promise<Buffer> {
    if (!this.#socket) throw new SocketError("closed");
    if (this.#received.length === 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      const timer = setTimeout(resolve, this.#timeoutMs);
      await promise;
      clearTimeout(timer);
      this.#wake = undefined;
    }
    const data = this.#received.shift();
    if (!data) throw new SocketError("timeout");
    return data;
  }

  close(): void {
    this.#socket?.close();
    this.#socket = undefined;
  }
}
