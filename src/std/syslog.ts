import type { Socket } from "node:dgram";
import { hostname } from "node:os";
import { isIPv6 } from "./ip.ts";
import { nodeDgram } from "./builtins.ts";
import { syslogTime } from "./clock.ts";
import { LineBuffer } from "./line_buffer.ts";
import type { LogSink } from "./log_file.ts";
import { sendDatagram } from "./posix_socket.ts";

const severities = ["emerg", "alert", "crit", "error", "warn", "notice", "info", "debug"];
const facilities =
  "kern user mail daemon auth intern lpr news uucp clock authpriv ftp ntp audit alert cron local0 local1 local2 local3 local4 local5 local6 local7".split(
    " ",
  );

/** `syslog:server=…,facility=…,severity=…,tag=…,nohostname` */
export interface SyslogOptions {
  readonly server: { readonly path: string } | { readonly host: string; readonly port: number };
  readonly facility: number;
  /** Of messages that bring none of their own. */
  readonly severity: number;
  /** nginx's own default is kept: what sorts an operator's messages goes by it. */
  readonly tag: string;
  readonly hostname: boolean;
}

/** @returns what is wrong, in nginx's words, where the text is no such target. */
export function parseSyslog(text: string): SyslogOptions | string {
  let server: SyslogOptions["server"] | undefined;
  let facility: number | undefined;
  let severity: number | undefined;
  let tag: string | undefined;
  let withHost = true;
  for (const part of text.slice("syslog:".length).split(",")) {
    const [key, value = ""] = part.split(/=(.*)/s) as [string, string?];
    if (key === "server") {
      if (server) return 'duplicate syslog "server"';
      server = parseServer(value);
      if (!server) return `invalid address in syslog server "${value}"`;
    } else if (key === "facility") {
      if (facility !== undefined) return 'duplicate syslog "facility"';
      facility = facilities.indexOf(value);
      if (facility < 0) return `unknown syslog facility "${value}"`;
    } else if (key === "severity") {
      if (severity !== undefined) return 'duplicate syslog "severity"';
      severity = severities.indexOf(value);
      if (severity < 0) return `unknown syslog severity "${value}"`;
    } else if (key === "tag") {
      if (tag !== undefined) return 'duplicate syslog "tag"';
      if (value.length > 32) return "syslog tag length exceeds 32";
      if (!/^\w+$/.test(value)) return 'syslog "tag" only allows alphanumeric characters and underscore';
      tag = value;
    } else if (part === "nohostname") withHost = false;
    else return `unknown syslog parameter "${part}"`;
  }
  if (!server) return "no syslog server specified";
  return {
    server,
    facility: facility ?? facilities.indexOf("local7"),
    severity: severity ?? 6,
    tag: tag ?? "nginx",
    hostname: withHost,
  };
}

function parseServer(text: string): SyslogOptions["server"] | undefined {
  if (text.startsWith("unix:")) return text.length > 5 ? { path: text.slice(5) } : undefined;
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]\s]+))(?::(\d{1,5}))?$/.exec(text);
  if (!match) return undefined;
  const port = Number(match[3] ?? 514);
  return port > 0 && port < 65_536 ? { host: (match[1] ?? match[2])!, port } : undefined;
}

const host = hostname().toLowerCase();

const usualLineBytes = 1024;

/** Sends each line as a datagram (RFC 3164); what cannot be sent is lost, as datagrams are. */
export class Syslog implements LogSink {
  #socket: Socket | undefined;
  readonly #line = new LineBuffer(usualLineBytes);

  constructor(private readonly options: SyslogOptions) {}

  /** @param level A level of the error log, which is the severity; without one, the target's own. */
  write(line: string, level?: string): void {
    const { facility, severity, tag, hostname: withHost } = this.options;
    const own = level === undefined ? severity : Math.max(0, severities.indexOf(level));
    const priority = facility * 8 + own;
    this.#send(
      `<${priority}>${syslogTime(Date.now())} ${withHost ? `${host} ` : ""}${tag}: ${line.replace(/\n$/, "")}`,
    );
  }

  begin(): LineBuffer {
    this.#line.clear();
    return this.#line;
  }

  commit(): void {
    this.write(Buffer.from(this.#line.bytes).toString("latin1"));
  }

  #send(message: string): void {
    const { server } = this.options;
    try {
      if ("path" in server) return sendDatagram(server.path, message);
      this.#socket ??= this.#open(server.host);
      this.#socket.send(Buffer.from(message, "latin1"), server.port, server.host, () => undefined);
    } catch {
      return; // nobody listens there now
    }
  }

  #open(address: string): Socket {
    const socket = nodeDgram().createSocket(isIPv6(address) ? "udp6" : "udp4");
    socket.on("error", () => undefined);
    socket.unref();
    return socket;
  }

  flush(): void {}

  reopen(): void {
    this.close();
  }

  close(): void {
    this.#socket?.close();
    this.#socket = undefined;
  }
}
