import { canonicalIpv6 } from "./forwarded.ts";

/** What a PROXY protocol header says of the connection that a proxy passes on. */
export interface ProxyHeader {
  /** The client as its proxy saw it; of version 1 as it was written. */
  readonly address: string;
  readonly port: number;
  /** Where the client had connected to. */
  readonly serverAddress: string;
  readonly serverPort: number;
  /** The type-length-value fields of version 2; empty where there are none. */
  readonly fields: Uint8Array;
}

/**
 * What the first bytes of a connection are: a whole header of `length` bytes (undefined where it names no addresses:
 * the proxy speaks for itself), the beginning of one, or something else.
 */
export type ProxyHeaderRead =
  | { readonly state: "whole"; readonly length: number; readonly header: ProxyHeader | undefined }
  | { readonly state: "partial" }
  | { readonly state: "broken"; readonly why: string };

const signature = new Uint8Array([0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]);
const keyword = "PROXY ";
/** Of version 1, by its specification. */
const lineBytesMax = 107;
/** Of version 2, as nginx has it. */
const headerBytesMax = 4096;
/** Signature, version and command, family and transport, length. */
const fixedBytes = 16;

const none = new Uint8Array(0);
const partial: ProxyHeaderRead = { state: "partial" };

/** @see https://www.haproxy.org/download/2.8/doc/proxy-protocol.txt */
export function readProxyHeader(bytes: Uint8Array): ProxyHeaderRead {
  return bytes[0] === signature[0] ? readBinary(bytes) : readLine(bytes);
}

function readLine(bytes: Uint8Array): ProxyHeaderRead {
  const text = latin1(bytes.subarray(0, lineBytesMax));
  const end = text.indexOf("\n");
  if (end < 0) {
    const possible = text.length < keyword.length ? keyword.startsWith(text) : text.startsWith(keyword);
    return possible && text.length < lineBytesMax ? partial : broken(text);
  }
  const line = text.slice(0, end);
  const whole = { state: "whole", length: end + 1 } as const;
  if (line.startsWith("PROXY UNKNOWN") && line.endsWith("\r")) return { ...whole, header: undefined };
  const match = /^PROXY TCP[46] ([\da-fA-F:.]*) ([\da-fA-F:.]*) (\d+) (\d+)\r$/.exec(line);
  const [port, serverPort] = [Number(match?.[3]), Number(match?.[4])];
  if (!match || port > 65_535 || serverPort > 65_535) return broken(text);
  return { ...whole, header: { address: match[1]!, port, serverAddress: match[2]!, serverPort, fields: none } };
}

function readBinary(bytes: Uint8Array): ProxyHeaderRead {
  const known = Math.min(bytes.length, signature.length);
  for (let i = 0; i < known; i++) if (bytes[i] !== signature[i]) return broken(latin1(bytes));
  if (bytes.length < fixedBytes) return partial;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const version = bytes[12]! >> 4;
  if (version !== 2) return { state: "broken", why: `unknown PROXY protocol version: ${version}` };
  const length = fixedBytes + view.getUint16(14);
  if (length > headerBytesMax) return { state: "broken", why: "header is too large" };
  if (bytes.length < length) return partial;
  const whole = { state: "whole", length } as const;
  const [isProxied, isStream] = [(bytes[12]! & 15) === 1, (bytes[13]! & 15) === 1];
  const addressBytes = [0, 4, 16][bytes[13]! >> 4] ?? 0;
  if (!isProxied || !isStream || addressBytes === 0) return { ...whole, header: undefined };
  const ports = fixedBytes + 2 * addressBytes;
  if (length < ports + 4) return broken("");
  return {
    ...whole,
    header: {
      address: addressText(bytes.subarray(fixedBytes, fixedBytes + addressBytes)),
      port: view.getUint16(ports),
      serverAddress: addressText(bytes.subarray(fixedBytes + addressBytes, ports)),
      serverPort: view.getUint16(ports + 2),
      fields: bytes.slice(ports + 4, length),
    },
  };
}

function broken(text: string): ProxyHeaderRead {
  const end = text.search(/[\r\n]/);
  return { state: "broken", why: `broken header: "${(end < 0 ? text : text.slice(0, end)).slice(0, lineBytesMax)}"` };
}

function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i]! << 8) | bytes[2 * i + 1]!).toString(16));
  return canonicalIpv6(groups.join(":"));
}

/** The value of the first field of this type; undefined where there is none, or the fields are not well-formed. */
export function proxyField(fields: Uint8Array, type: number): Uint8Array | undefined {
  for (let at = 0; at + 3 <= fields.length;) {
    const end = at + 3 + ((fields[at + 1]! << 8) | fields[at + 2]!);
    if (end > fields.length) return undefined;
    if (fields[at] === type) return fields.subarray(at + 3, end);
    at = end;
  }
  return undefined;
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}
