import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { start } from "../lib/index.ts";

const folder = mkdtempSync(join(tmpdir(), "resty-tls-"));
const file = (name: string): string => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

beforeAll(() => {
  for (const name of ["a", "client"]) {
    const made = Bun.spawnSync([
      ...[
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
      ],
      ...["-subj", `/CN=${name}.test`, "-addext", `subjectAltName=DNS:${name}.test`],
      ...["-keyout", file(`${name}.key`), "-out", file(`${name}.crt`)],
    ]);
    if (made.exitCode !== 0) throw new Error(made.stderr.toString());
  }
});

test("certificates are verified, and what one location trusts is not trusted by another", async () => {
  let connections = 0;
  using upstream = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    tls: { key: Bun.file(file("a.key")), cert: Bun.file(file("a.crt")), requestCert: true, rejectUnauthorized: false },
    socket: {
      open: () => void connections++,
      data: (socket) => void socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
      error: () => undefined,
    },
  });
  const pass = `proxy_pass https://127.0.0.1:${upstream.port};`;
  const trusted = `proxy_ssl_verify on; proxy_ssl_trusted_certificate ${file("a.crt")};`;
  await using server = await start({
    server: `
      location /open { ${pass} }
      location /named { ${pass} ${trusted} proxy_ssl_name a.test; }
      location /variable { ${pass} ${trusted} proxy_ssl_name $arg_name; }
      location /other { ${pass} ${trusted} proxy_ssl_name b.test; }
      location /untrusted { ${pass} proxy_ssl_verify on; proxy_ssl_name a.test;
        proxy_ssl_trusted_certificate ${file("client.crt")}; }
      location /ours { ${pass} proxy_ssl_certificate ${file("client.crt")};
        proxy_ssl_certificate_key ${file("client.key")}; }
    `,
  });
  const statusOf = async (path: string): Promise<number> => (await server.exchange({ path })).status;
  expect([await statusOf("/open"), await statusOf("/open"), connections]).toEqual([200, 200, 1]);
  expect([await statusOf("/named"), await statusOf("/named"), connections]).toEqual([200, 200, 2]);
  expect([await statusOf("/other"), await statusOf("/untrusted")]).toEqual([502, 502]);
  await server.logged("SSL_do_handshake() failed (Hostname/IP does not match certificate's altnames");
  await server.logged("SSL_do_handshake() failed (self signed certificate");
  expect([await statusOf("/variable?name=a.test"), await statusOf("/variable?name=b.test")]).toEqual([200, 502]);
  expect(await statusOf("/ours")).toBe(200);
});
