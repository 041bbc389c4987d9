import type { LogLevel } from "../../core/log.ts";
import type { ListenSpec } from "../../core/plan.ts";
import { type ProxyHeader, readProxyHeader } from "../../std/proxy_protocol.ts";
import { plainAddress } from "../../std/address.ts";
import { type Timed, TimerWheel } from "../../std/timer_wheel.ts";
import type { OpenConnection, OpenConnections } from "./connections.ts";

// `listen … proxy_protocol`. The runtime takes a PROXY protocol header for a broken request, and has no way to read it
// first. So connections are accepted here, their header is read, and the rest goes through a connection of this process
// to itself, to the server that the runtime makes. By the port of that connection it is known whose it is; a stranger
// who connects to that server is in no table, and is not served. It costs a second pass of all bytes through the
// process, on these addresses alone. TLS and HTTP/2, which begin behind the header, are the inner server's.

/** As long as the runtime gives the head of a request, of which this is the beginning. */
const headerMs = 12_000;
/** How long a client that was sent everything may take to close, so that no reset overtakes the last bytes: nginx's. */
const lingerMs = 5_000;

/** Connections within the process are accepted in its next turns. */
const acceptMs = 5;

const loopback = "127.0.0.1";
const wheel = new TimerWheel();

type Socket = Bun.Socket<Relay>;

/** Copies what comes from one socket to the other, no faster than that one takes it. */
class Flow {
  #rest: Uint8Array | undefined;
  #ended = false;

  constructor(
    private readonly from: Socket,
    private readonly to: Socket,
    private readonly onEnd: () => void,
  ) {}

  push(chunk: Uint8Array): void {
    if (this.#rest) {
      this.#rest = Buffer.concat([this.#rest, chunk]);
      return;
    }
    const written = Math.max(0, this.to.write(chunk));
    if (written === chunk.length) return;
    this.#rest = chunk.slice(written);
    this.from.pause();
  }

  /** There is room again. */
  drain(): void {
    if (!this.#rest) return;
    const written = Math.max(0, this.to.write(this.#rest));
    this.#rest = written === this.#rest.length ? undefined : this.#rest.subarray(written);
    if (this.#rest) return;
    this.from.resume();
    if (this.#ended) this.onEnd();
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (!this.#rest) this.onEnd();
  }
}

/** One connection of a client that a proxy passes on. */
class Relay implements Timed, OpenConnection {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  /** What the header said; undefined where it named no addresses. */
  header: ProxyHeader | undefined;
  /** The connection as requests see it, from the first one on. */
  inner: OpenConnection | undefined;
  deadlineMs = Date.now() + headerMs;
  lookMs = Number.POSITIVE_INFINITY;
  #early: Uint8Array | undefined;
  #state: "header" | "connecting" | "open" | "lingering" | "closed" = "header";
  #clientEnded = false;
  #server: Socket | undefined;
  #toServer: Flow | undefined;
  #toClient: Flow | undefined;

  constructor(
    readonly client: Socket,
    private readonly front: ProxiedListener,
  ) {
    const { spec } = front;
    const isUnix = spec.family === "unix";
    this.remoteAddress = isUnix ? "unix:" : plainAddress(client.remoteAddress);
    this.remotePort = isUnix ? 0 : client.remotePort;
    this.localAddress = isUnix ? spec.key : plainAddress(client.localAddress);
    wheel.watch(this);
  }

  fromClient(chunk: Uint8Array): void {
    if (this.#toServer) return this.#toServer.push(chunk);
    if (this.#state === "closed" || this.#state === "lingering") return;
    this.#early = this.#early ? Buffer.concat([this.#early, chunk]) : chunk.slice();
    if (this.#state === "connecting") return;
    const read = readProxyHeader(this.#early);
    if (read.state === "partial") return;
    if (read.state === "broken") return this.#refuse(read.why);
    this.header = read.header;
    this.#early = this.#early.subarray(read.length);
    this.#state = "connecting";
    this.deadlineMs = Number.POSITIVE_INFINITY;
    this.client.pause();
    this.front.connect(this);
  }

  #refuse(why: string): void {
    this.front.log("error", why, this);
    this.close();
  }

  connected(server: Socket): void {
    if (this.#state === "closed") return void server.terminate();
    this.#state = "open";
    this.#server = server;
    this.#toServer = new Flow(this.client, server, () => void server.shutdown());
    this.#toClient = new Flow(server, this.client, () => this.#linger());
    const early = this.#early!;
    this.#early = undefined;
    this.client.resume();
    if (early.length > 0) this.#toServer.push(early);
    if (this.#clientEnded) this.#toServer.end();
    this.front.changed();
  }

  fromServer(chunk: Uint8Array): void {
    this.#toClient!.push(chunk);
  }

  /** One of the sockets takes more. */
  drained(socket: Socket): void {
    if (socket === this.client) this.#toClient?.drain();
    else this.#toServer?.drain();
  }

  /** One of the sockets has sent its FIN. */
  ended(socket: Socket): void {
    if (socket !== this.client) return this.#toClient?.end();
    this.#clientEnded = true;
    if (this.#state === "open") this.#toServer!.end();
    else if (this.#state !== "connecting") this.close();
  }

  /** One of the sockets is closed. @param error It was reset. */
  closed(socket: Socket, error: Error | undefined): void {
    if (socket === this.client) this.close();
    else if (error) this.abort();
    else if (this.#state === "open") this.#toClient!.end();
  }

  /** The client has all of the answer: it is told so, and has a moment to read it before the connection goes. */
  #linger(): void {
    if (this.#state === "closed") return;
    this.#toServer = undefined;
    this.#server!.end();
    if (this.#clientEnded || this.front.stopping) return this.close();
    this.#state = "lingering";
    this.client.shutdown();
    this.deadlineMs = Date.now() + lingerMs;
    wheel.watch(this);
  }

  onDeadline(): void {
    if (this.#state === "header") this.front.log("info", "client timed out", this);
    this.close();
  }

  close(): void {
    if (this.#finish()) this.client.end();
  }

  /** The connection ends at once, by a reset. */
  abort(): void {
    if (this.#finish()) this.client.terminate();
  }

  #finish(): boolean {
    if (this.#state === "closed") return false;
    this.#state = "closed";
    wheel.forget(this);
    this.#server?.terminate();
    this.front.forget(this);
    return true;
  }

  /** The inner server has yet to see it, so that it must not be stopped. */
  get isUnknownInside(): boolean {
    return this.#state === "header" || this.#state === "connecting";
  }

  closeAfterAnswer(): void {
    if (this.#state === "header" || this.#state === "lingering") this.close();
    else this.inner?.closeAfterAnswer();
  }
}

/** Who is at the other end of a connection to the inner server, by its port. */
export type ProxiedPeers = ReadonlyMap<number, ProxiedPeer>;
export type ProxiedPeer = Pick<Relay, "remoteAddress" | "remotePort" | "localAddress" | "header" | "inner">;

interface Binding {
  readonly hostname: string;
  readonly port: number;
}

export interface ProxiedListenerOptions {
  readonly spec: ListenSpec;
  readonly connections: OpenConnections;
  /** Makes the server that sees what is behind the header. */
  readonly serve: (binding: Binding, peers: ProxiedPeers) => Bun.Server<undefined>;
  readonly log: (level: LogLevel, message: string) => void;
}

/** Serves one address whose connections begin with a PROXY protocol header. */
export class ProxiedListener {
  readonly spec: ListenSpec;
  stopping = false;
  readonly #options: ProxiedListenerOptions;
  readonly #peers = new Map<number, Relay>();
  readonly #relays = new Set<Relay>();
  readonly #inner: Bun.Server<undefined>;
  #listener: Bun.SocketListener<Relay> | undefined;
  #onChange: (() => void) | undefined;

  constructor(options: ProxiedListenerOptions) {
    this.#options = options;
    this.spec = options.spec;
    this.#inner = options.serve({ hostname: loopback, port: 0 }, this.#peers);
  }

  /** Accepts from where `binding` says. */
  listen(binding: Bun.TCPSocketListenOptions<Relay> | Bun.UnixSocketOptions<Relay> | object): this {
    const options = {
      ...binding,
      allowHalfOpen: true,
      socket: {
        open: (client: Socket) => {
          client.data = new Relay(client, this);
          this.#relays.add(client.data);
          this.#options.connections.add(client.data);
        },
        data: (client: Socket, chunk: Uint8Array) => client.data.fromClient(chunk),
        drain: (client: Socket) => client.data.drained(client),
        end: (client: Socket) => client.data.ended(client),
        close: (client: Socket, error?: Error) => client.data.closed(client, error),
        error: (client: Socket) => client.data.abort(),
      },
    };
    this.#listener = Bun.listen(options as unknown as Bun.TCPSocketListenOptions<Relay>);
    return this;
  }

  connect(relay: Relay): void {
    const options = {
      hostname: loopback,
      port: this.#inner.port!,
      allowHalfOpen: true,
      data: relay,
      socket: {
        open: (server: Socket) => {
          this.#peers.set(server.localPort, relay);
          relay.connected(server);
        },
        data: (_server: Socket, chunk: Uint8Array) => relay.fromServer(chunk),
        drain: (server: Socket) => relay.drained(server),
        end: (server: Socket) => relay.ended(server),
        close: (server: Socket, error?: Error) => {
          this.#peers.delete(server.localPort);
          relay.closed(server, error);
        },
        error: () => relay.abort(),
      },
    };
    Bun.connect<Relay>(options as unknown as Bun.TCPSocketConnectOptions<Relay>).catch((error: Error) => {
      this.log("error", `the connection within the process failed: ${error.message}`, relay);
      relay.abort();
    });
  }

  log(level: LogLevel, message: string, { remoteAddress }: Relay): void {
    const where = `while reading PROXY protocol, client: ${remoteAddress}, server: ${this.spec.key}`;
    this.#options.log(level, `${message} ${where}`);
  }

  forget(relay: Relay): void {
    this.#relays.delete(relay);
    this.#options.connections.delete(relay);
    this.changed();
  }

  /** A connection got further. */
  changed(): void {
    this.#onChange?.();
  }

  /** As the runtime's own: accepts no more, and resolves when the last connection has ended. */
  async stop(closeActive = false): Promise<void> {
    this.stopping = true;
    this.#listener?.stop(closeActive);
    if (closeActive) {
      for (const relay of [...this.#relays]) relay.abort();
      return this.#inner.stop(true);
    }
    await this.#until(() => ![...this.#relays].some((relay) => relay.isUnknownInside));
    await Bun.sleep(acceptMs);
    await this.#inner.stop(false);
    await this.#until(() => this.#relays.size === 0);
  }

  #until(done: () => boolean): Promise<void> {
    if (done()) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onChange = () => done() && resolve();
    });
  }
}
