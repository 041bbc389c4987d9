/** How a store is spoken to over TLS. Texts are PEM. */
export interface StoreTls {
  /** Certificates to trust instead of the system's. */
  readonly ca: string | undefined;
  /** What the client shows of itself, where the server wants to know. */
  readonly cert: string | undefined;
  readonly key: string | undefined;
  /** False believes whoever answers: it keeps listeners out, and nobody who can come between. */
  readonly verify: boolean;
  /** Whom the certificate has to be for; without it, the host that was connected to, be it a name or an address. */
  readonly serverName: string | undefined;
}

/** As `tls.connect` takes it. */
export function connectOptions({ ca, cert, key, verify, serverName }: StoreTls): {
  ca?: string;
  cert?: string;
  key?: string;
  rejectUnauthorized: boolean;
  servername?: string;
} {
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(serverName === undefined ? {} : { servername: serverName }),
    rejectUnauthorized: verify,
  };
}
