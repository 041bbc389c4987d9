/** A server that says exactly the bytes it is told to, whenever it is told to: for upstreams that misbehave. */

export interface Received {
  /** Serial number of the request, from 1. */
  readonly number: number;
  /** Of the connection it came over, from 1. */
  readonly connection: number;
  /** The head, with the empty line. */
  readonly head: string;
  /** What of the body came with it. */
  body: string;
  write(bytes: string | Uint8Array): void;
  /** Ends the connection: at once, or when all is written. */
  close(): void;
  reset(): void;
}

interface State {
  connection: number;
  pending: string;
  current: Received | undefined;
}

/** Is what comes next another request? After an upgrade nothing is. */
function isComplete({ head, body }: Received): boolean {
  if (/^upgrade:/im.test(head)) return false;
  if (/^transfer-encoding: chunked/im.test(head)) return body.endsWith("0\r\n\r\n");
  return body.length >= Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0);
}

export class Upstream implements Disposable {
  readonly requests: Received[] = [];
  connections = 0;
  readonly #listener: Bun.TCPSocketListener<State>;

  constructor(answer: (request: Received, upstream: Upstream) => void | Promise<void>) {
    this.#listener = Bun.listen<State>({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        open: (socket) => {
          socket.data = { connection: ++this.connections, pending: "", current: undefined };
        },
        data: (socket, bytes) => {
          const { data } = socket;
          if (data.current && !isComplete(data.current)) {
            data.current.body += bytes.toString("latin1");
            return;
          }
          data.pending += bytes.toString("latin1");
          const end = data.pending.indexOf("\r\n\r\n");
          if (end < 0) return;
          const request: Received = {
            number: this.requests.length + 1,
            connection: data.connection,
            head: data.pending.slice(0, end + 4),
            body: data.pending.slice(end + 4),
            write: (text) => void socket.write(text),
            close: () => void socket.end(),
            reset: () => void socket.terminate(),
          };
          data.pending = "";
          data.current = request;
          this.requests.push(request);
          void answer(request, this);
        },
        error: () => undefined,
      },
    });
  }

  get port(): number {
    return this.#listener.port;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  [Symbol.dispose](): void {
    this.#listener.stop(true);
  }
}

/** An answer of HTTP/1.1 with its length. */
export function answered(body: string, headers = "", status = "200 OK"): string {
  return `HTTP/1.1 ${status}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${headers}\r\n${body}`;
}
