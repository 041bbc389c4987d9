/**
 * A wire between two programs that a test can cut: what is sent is then lost without a word, as when a cable is
 * pulled.
 */
import { connect, createServer, type Server, type Socket } from "node:net";
import { freePort } from "./wait.ts";

export class TcpLink implements AsyncDisposable {
  #cut = false;
  readonly #sockets = new Set<Socket>();

  private constructor(
    readonly port: number,
    private readonly server: Server,
  ) {}

  static async to(target: number): Promise<TcpLink> {
    const port = await freePort();
    const server = createServer((near) => link.#join(near, connect({ host: "127.0.0.1", port: target })));
    const link = new TcpLink(port, server);
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    return link;
  }

  #join(near: Socket, far: Socket): void {
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(from);
      from.on("data", (chunk) => {
        if (!this.#cut) to.write(chunk);
      });
      from.on("error", () => to.destroy());
      from.on("close", () => {
        this.#sockets.delete(from);
        if (!this.#cut) to.destroy();
      });
    }
  }

  /** Nothing comes through any more, and nobody is told. */
  cut(): void {
    this.#cut = true;
  }

  /** New connections work again; those that lost something break. */
  heal(): void {
    this.#cut = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
