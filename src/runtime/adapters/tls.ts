import type { TlsServer } from "../../core/plan.ts";

/** Versions as Bun's `tls` wants them: by name they are refused (1.4.5). */
const versions = { "TLSv1.2": 0x0303, "TLSv1.3": 0x0304 } as const;

/** What `Bun.serve({ tls })` takes: an entry a name, and before them the one for names that nobody has. */
export function tlsOptions(servers: readonly TlsServer[]): Record<string, unknown>[] {
  return servers.flatMap(entriesOf);
}

function entriesOf(server: TlsServer, index: number): Record<string, unknown>[] {
  const options = {
    cert: server.cert,
    key: server.key,
    minVersion: versions[server.minVersion],
    maxVersion: versions[server.maxVersion],
    ...(server.ciphers === undefined ? {} : { ciphers: server.ciphers }),
    // Whoever comes without a certificate, or with a wrong one, is answered: the configuration says what.
    ...(server.clientAuthorities === undefined
      ? {}
      : { ca: server.clientAuthorities, requestCert: true, rejectUnauthorized: false }),
  };
  const names = server.names.filter((name) => name !== "" && !name.startsWith("~") && !name.endsWith(".*"));
  const named = names.map((name) => ({
    ...options,
    ...server.chosen[name],
    serverName: name.replace(/^\./, "*."),
  }));
  return index === 0 ? [{ ...options, ...server.chosen[""] }, ...named] : named;
}
