/** Which of a server's ports: how its session service reaches its store. */
export type Variant = "connect" | "pool" | "cache";

/** One row of the table: the same requests to both servers. */
export interface Workload {
  name: string;
  /** resty ÷ peer, at most; undefined where none was set. */
  ratio: number | undefined;
  variant: Variant;
  /** Arguments of the load generator; `URL` stands for the server. */
  load: readonly string[];
  /** Over TLS and HTTP/2, which resty bench does not speak: h2load sends then, and `load` is its arguments. */
  http2?: true;
  /** Operations in one request. */
  operations: number;
  /** The row is of no use where the peer's variant differs from resty's. */
  peerVariant?: Variant;
}

const session = (...more: string[]): string[] => ["--scenario", "session", "--sessions", "1000", ...more, "URL"];

/** Work and figures of the design; the order of the table. */
export const workloads: readonly Workload[] = [
  { name: "hello from a script", ratio: 1.0, variant: "pool", load: ["URL/hello"], operations: 1 },
  {
    name: "JSON from arguments and headers",
    ratio: 0.9,
    variant: "pool",
    load: ["-H", "User-Agent: Mozilla/5.0 (X11; Linux x86_64)", "URL/json?user_id=42&page=3"],
    operations: 1,
  },
  {
    name: "session validate, Redis, a connection for each request in the peer",
    ratio: undefined,
    variant: "pool",
    peerVariant: "connect",
    load: session("--mix", "validate"),
    operations: 1,
  },
  {
    name: "session validate, Redis, pooled connections in the peer",
    ratio: 0.6,
    variant: "pool",
    load: session("--mix", "validate"),
    operations: 1,
  },
  {
    name: "session validate, shared cache hit",
    ratio: 1.0,
    variant: "cache",
    load: session("--mix", "validate"),
    operations: 1,
  },
  {
    name: "session batch of 100, Redis",
    ratio: 0.6,
    variant: "pool",
    load: session("--mix", "batch", "--batch", "100"),
    operations: 1,
  },
  { name: "session create, Redis", ratio: 0.7, variant: "pool", load: session("--mix", "create"), operations: 1 },
  { name: "static file 1 KB", ratio: 0.6, variant: "pool", load: ["URL/static/1k.html"], operations: 1 },
  { name: "static file 1 MB", ratio: 1.0, variant: "pool", load: ["-c", "16", "URL/static/1m.bin"], operations: 1 },
  { name: "proxy_pass, keep-alive", ratio: 1.0, variant: "pool", load: ["URL/proxy/"], operations: 1 },
  { name: "shared dictionary get", ratio: 1.0, variant: "pool", load: ["-c", "4", "URL/dict/get"], operations: 1000 },
  { name: "shared dictionary set", ratio: 1.0, variant: "pool", load: ["-c", "4", "URL/dict/set"], operations: 1000 },
  { name: "shared dictionary incr", ratio: 1.0, variant: "pool", load: ["-c", "4", "URL/dict/incr"], operations: 1000 },
  {
    name: "HTTP/2 over TLS, hello from a script",
    ratio: 0.5,
    variant: "pool",
    load: ["-c", "8", "-m", "32", "URL/hello"],
    operations: 1,
    http2: true,
  },
];
