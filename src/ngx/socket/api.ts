import { type ConnectOptions, type SocketOptions, TcpSocket } from "./tcp.ts";
import { UdpSocket } from "./udp.ts";

/** `ngx.socket`. */
export class SocketApi {
  constructor(private readonly options: SocketOptions) {}

  tcp(): TcpSocket {
    return new TcpSocket(this.options);
  }

  udp(): UdpSocket {
    return new UdpSocket();
  }

  /** A TCP socket that is connected. */
  async connect(host: string, port?: number, options?: ConnectOptions): Promise<TcpSocket> {
    const socket = this.tcp();
    await socket.connect(host, port, options);
    return socket;
  }
}
