import { isIPv4, isIPv6 } from "../../std/ip.ts";
import type { Arguments } from "../../core/arguments.ts";
import { ConfigError } from "../../core/arguments.ts";
import type { ListenSpec } from "../../core/plan.ts";
import type { ListenDeclaration } from "../../compile/listen.ts";
import { parseSize, parseTimeSeconds } from "../../std/units.ts";

interface Address {
  readonly family: ListenSpec["family"];
  readonly address: string;
  readonly ports: readonly number[];
}

/** Linux' own limit is `net.core.somaxconn`; 511 is nginx's default. */
const defaultBacklog = 511;

/** `listen`: where, and with which parameters. */
export function readListen(args: Arguments): ListenDeclaration {
  const address = readAddress(args);
  let backlog = defaultBacklog;
  let ipv6only = true;
  let reuseport = false;
  let setsSocket = false;
  const flags = new Set<string>();
  const sockets: { -readonly [K in "rcvbuf" | "sndbuf" | "fastopen" | "deferAccept" | "keepalive"]?: ListenSpec[K] } =
    {};

  for (let i = 1; i < args.count; i++) {
    const word = args.text(i);
    const [key, setting] = word.includes("=")
      ? [word.slice(0, word.indexOf("=")), word.slice(word.indexOf("=") + 1)]
      : [word];
    if (["default_server", "default", "ssl", "http2", "proxy_protocol"].includes(word)) {
      flags.add(word === "default" ? "default_server" : word);
      continue;
    }
    if (word === "quic")
      throw args.wrong(i, `"${word}" of "listen" is known to nginx, not supported by resty`, "no such parameter");
    setsSocket = true;
    if (word === "bind") continue;
    else if (word === "reuseport") reuseport = true;
    else if (word === "deferred") sockets.deferAccept = true;
    else if (key === "backlog") backlog = positive(args, i, setting);
    else if (key === "fastopen") sockets.fastopen = positive(args, i, setting);
    else if (key === "rcvbuf" || key === "sndbuf") sockets[key] = sizeOf(args, i, setting);
    else if (key === "ipv6only" && (setting === "on" || setting === "off")) {
      if (address.family !== "inet6") throw args.wrong(i, `ipv6only is not supported on addr "${args.text(0)}"`);
      ipv6only = setting === "on";
    } else if (key === "so_keepalive" && setting !== undefined) sockets.keepalive = keepaliveOf(args, i, setting);
    else if (key === "accept_filter" || key === "setfib") continue;
    else throw args.invalidParameter(i, "a parameter of listen");
  }
  return {
    level: args.level,
    place: args.words[0]!.place,
    specs: address.ports.map((port) => ({
      key: keyOf(address, port),
      family: address.family,
      address: address.address,
      port,
      backlog,
      ipv6only,
      reuseport,
      ...sockets,
    })),
    setsSocket,
    defaultServer: flags.has("default_server"),
    ssl: flags.has("ssl"),
    http2: flags.has("http2"),
    proxyProtocol: flags.has("proxy_protocol"),
  };
}

/** Where a server without `listen` listens: port 80 for root, 8000 for others, as in nginx. */
export function defaultListen(): ListenSpec {
  const port = process.geteuid?.() === 0 ? 80 : 8000;
  const address: Address = { family: "inet", address: "0.0.0.0", ports: [port] };
  return {
    key: keyOf(address, port),
    family: "inet",
    address: "0.0.0.0",
    port,
    backlog: defaultBacklog,
    ipv6only: true,
    reuseport: false,
  };
}

function keyOf({ family, address }: Address, port: number): string {
  if (family === "unix") return `unix:${address}`;
  return family === "inet6" ? `[${address}]:${port}` : `${address}:${port}`;
}

function readAddress(args: Arguments): Address {
  const text = args.text(0);
  if (text.startsWith("unix:")) {
    if (text.length === 5) throw refused(args, "no path in the unix domain socket");
    return { family: "unix", address: text.slice(5), ports: [0] };
  }
  const match = /^(?:(\[[^\]]*\]|[^:[\]]*):)?(\d+(?:-\d+)?)$/.exec(text);
  const hostText = match ? match[1] : text;
  const ports = match ? portsOf(args, match[2]!) : [80];
  const host = hostText ?? "*";
  if (host.startsWith("[") && host.endsWith("]")) {
    const inner = host.slice(1, -1);
    if (!isIPv6(inner)) throw refused(args, "invalid IPv6 address");
    return { family: "inet6", address: canonicalIPv6(inner), ports };
  }
  if (host === "*" || host === "") return { family: "inet", address: "0.0.0.0", ports };
  if (isIPv4(host)) return { family: "inet", address: host, ports };
  if (host === "localhost") return { family: "inet", address: "127.0.0.1", ports };
  if (!/^[\w.-]+$/.test(host)) throw refused(args, "invalid host");
  throw refused(args, "host not found");
}

function canonicalIPv6(address: string): string {
  return new URL(`http://[${address}]/`).hostname.slice(1, -1);
}

function refused(args: Arguments, why: string): ConfigError {
  return args.wrong(
    0,
    `${why} in "${args.text(0)}" of the "listen" directive`,
    "a port, ADDRESS:PORT, [IPV6]:PORT or unix:PATH with a numeric address",
  );
}

function portsOf(args: Arguments, text: string): number[] {
  const [first, last] = text.split("-").map(Number) as [number, number?];
  const end = last ?? first;
  if (first < 1 || end > 65_535 || end < first) throw refused(args, "invalid port");
  return Array.from({ length: end - first + 1 }, (_, i) => first + i);
}

function positive(args: Arguments, index: number, text: string | undefined): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw args.wrong(index, `invalid backlog "${text ?? ""}"`, "a number from 1");
  return value;
}

function sizeOf(args: Arguments, index: number, text: string | undefined): number {
  const value = parseSize(text ?? "");
  if (!value) throw args.invalidParameter(index, "a size such as 64k");
  return value;
}

function keepaliveOf(args: Arguments, index: number, text: string): NonNullable<ListenSpec["keepalive"]> {
  if (text === "on" || text === "off") return text === "on";
  const [idle, interval, count] = text.split(":");
  const seconds = (part: string | undefined): number | undefined => (part ? parseTimeSeconds(part) : undefined);
  const tries = count ? Number(count) : undefined;
  if (tries !== undefined && !Number.isInteger(tries)) throw args.invalidParameter(index);
  return {
    ...(idle ? { idleSeconds: seconds(idle) ?? 0 } : {}),
    ...(interval ? { intervalSeconds: seconds(interval) ?? 0 } : {}),
    ...(tries !== undefined ? { count: tries } : {}),
  };
}
