import type { Getter } from "../../core/variable.ts";
import { type ProxyHeader, proxyField } from "../../std/proxy_protocol.ts";

/** What a proxy says of the connection it passes on; nothing where it says nothing. */
const of = (read: (header: ProxyHeader) => string): Getter => {
  return ({ exchange }) => exchange.connection.proxy && read(exchange.connection.proxy);
};

export const proxyVariables: Readonly<Record<string, Getter>> = {
  proxy_protocol_addr: of(({ address }) => address),
  proxy_protocol_port: of(({ port }) => String(port)),
  proxy_protocol_server_addr: of(({ serverAddress }) => serverAddress),
  proxy_protocol_server_port: of(({ serverPort }) => String(serverPort)),
};

/** Types of fields, by the names that nginx gives them. */
const types: Readonly<Record<string, number>> = {
  alpn: 0x01,
  authority: 0x02,
  unique_id: 0x05,
  ssl: 0x20,
  netns: 0x30,
};
const tlsTypes: Readonly<Record<string, number>> = {
  version: 0x21,
  cn: 0x22,
  cipher: 0x23,
  sig_alg: 0x24,
  key_alg: 0x25,
};
/** In front of the fields about TLS: who has a certificate, and whether it was found good. */
const tlsHeadBytes = 5;

/** `$proxy_protocol_tlv_NAME`: a name of nginx's, one of its `ssl_` ones, or a type as `0x` and hexadecimal digits. */
export function proxyFieldVariable(name: string): Getter {
  const isTls = name.startsWith("ssl_");
  const short = isTls ? name.slice("ssl_".length) : name;
  const type = /^0x[\da-f]{1,2}$/i.test(short) ? Number(short) : (isTls ? tlsTypes : types)[short];
  return ({ exchange }) => {
    const all = exchange.connection.proxy?.fields;
    const fields = all && isTls ? proxyField(all, types.ssl!) : all;
    if (!fields || (isTls && fields.length < tlsHeadBytes)) return undefined;
    if (isTls && short === "verify") return String(new DataView(fields.buffer, fields.byteOffset).getUint32(1));
    const value = type === undefined ? undefined : proxyField(isTls ? fields.subarray(tlsHeadBytes) : fields, type);
    return value && Buffer.from(value).toString("latin1");
  };
}
