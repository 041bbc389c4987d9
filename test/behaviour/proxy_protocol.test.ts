import { expect, test } from "bun:test";
import { block, isNginx, start, until } from "../lib/index.ts";

const said = 'return 200 "$remote_addr $proxy_protocol_addr:$proxy_protocol_port $realip_remote_addr";';
const header = "PROXY TCP4 192.0.2.1 192.0.2.2 123 5678\r\n";
const get = (path = "/", fields = "") => `GET ${path} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`;
const signature = "\r\n\r\n\0\r\nQUIT\n";

block("the client that a PROXY protocol header names", {
  http: `
    log_format proxied '$proxy_protocol_addr:$proxy_protocol_port>$proxy_protocol_server_addr:$proxy_protocol_server_port';
    access_log logs/access.log proxied;
  `,
  server: `
    listen 127.0.0.1:%port% proxy_protocol;
    location / { ${said} }
    location /trusted/ { set_real_ip_from 127.0.0.1; real_ip_header proxy_protocol; alias html/; add_header X-From "$remote_addr:$remote_port"; }
    location /others/ { set_real_ip_from 198.51.100.0/24; real_ip_header proxy_protocol; alias html/; add_header X-From "$remote_addr"; }
  `,
  files: { "a.html": "ok" },
  steps: [
    { raw: header + get(), body: "127.0.0.1 192.0.2.1:123 127.0.0.1" },
    { raw: `PROXY UNKNOWN\r\n${get()}`, body: "127.0.0.1 : 127.0.0.1" },
    { raw: `PROXY TCP6 2001:db8::1 ::1 80 81\r\n${get()}`, body: "127.0.0.1 2001:db8::1:80 127.0.0.1" },
    { raw: header + get("/trusted/a.html"), body: "ok", headersOut: { "X-From": "192.0.2.1:123" } },
    { raw: header + get("/others/a.html"), body: "ok", headersOut: { "X-From": "127.0.0.1" } },
    { raw: `${signature}\x20\x00\x00\x00${get()}`, body: "127.0.0.1 : 127.0.0.1" },
  ],
  accessLog: [/^192\.0\.2\.1:123>192\.0\.2\.2:5678$/m, /^-:->-:-$/m],
});

block("fields of version 2, by nginx's names and by number", {
  server: `
    listen 127.0.0.1:%port% proxy_protocol;
    location / { return 200 "$proxy_protocol_tlv_alpn $proxy_protocol_tlv_0x5 $tls $proxy_protocol_tlv_authority."; }
    set $tls "$proxy_protocol_tlv_ssl_cn $proxy_protocol_tlv_ssl_verify";
  `,
  alsoNginx: false, // Debian's is too old
  steps: [
    {
      raw:
        `${signature}\x21\x11\x00\x26\xc0\x00\x02\x01\xc0\x00\x02\x02\x00\x7b\x16\x2e` +
        `\x01\x00\x02h2\x05\x00\x02id\x20\x00\x0d\x01\x00\x00\x00\x01\x22\x00\x05alice${get()}`,
      body: "h2 id alice 1 .",
    },
  ],
});

block("without the parameter there is no such client", {
  server: `location / { ${said} }`,
  steps: [{ get: "/", body: "127.0.0.1 : 127.0.0.1" }],
});

const proxied = `listen 127.0.0.1:%port% proxy_protocol; location / { ${said} } location /files/ { alias html/; }`;

test("whoever sends no header is not served, and the log says why", async () => {
  await using server = await start({ server: proxied });
  for (const sent of [get(), "PROXY TCP4 192.0.2.1\r\n", `${signature}\x31\x11\x00\x0c`, "\x16\x03\x01\x02\x00"])
    expect([sent, await server.raw(sent)]).toEqual([sent, ""]);
  const log = await server.logged("unknown PROXY protocol version: 3 while reading PROXY protocol, client: 127.0.0.1");
  expect(log).toMatch(
    /\[error\] .*broken header: "GET \/ HTTP\/1\.1[^"]*" while reading PROXY protocol, client: 127\.0\.0\.1, server: 127\.0\.0\.1:\d+$/m,
  );
  expect(server.accessLog()).toBe("");
}, 30_000);

test.skipIf(isNginx)(
  "a header in pieces, then requests on the connection, a body and a large answer among them",
  async () => {
    const large = "0123456789".repeat(200_000);
    await using server = await start({ server: proxied, files: { "large.txt": large } });
    using connection = await server.connect();
    for (const piece of [header.slice(0, 7), header.slice(7, 30), `${header.slice(30)}GET / HT`]) {
      connection.write(piece);
      await Bun.sleep(1); // so that they come one by one; that they do is not what is tested
    }
    connection.write("TP/1.1\r\nHost: a\r\n\r\n");
    expect((await connection.answer()).body).toBe("127.0.0.1 192.0.2.1:123 127.0.0.1");
    connection.request({ path: "/files/large.txt" });
    expect((await connection.answer()).body).toBe(large);
    connection.request({ method: "POST", path: "/", body: large.slice(0, 500_000) });
    connection.request({ path: "/" });
    for (let i = 0; i < 2; i++) expect((await connection.answer()).status).toBe(200);
  },
);

test.skipIf(isNginx)(
  "a reload keeps connections, an end closes them",
  async () => {
    await using server = await start({ server: proxied });
    using connection = await server.connect();
    connection.write(header);
    connection.request({ path: "/" });
    expect((await connection.answer()).status).toBe(200);
    await server.reload({ server: proxied.replace("return 200", "return 201") });
    connection.request({ path: "/" });
    expect((await connection.answer()).status).toBe(201);

    // Without the parameter the address takes others.
    await server.reload({ server: proxied.replace(" proxy_protocol", "") });
    expect((await server.get("/")).status).toBe(200);
    await server.reload({ server: proxied });
    expect(await server.raw(get())).toBe("");
    server.kill("SIGQUIT");
    await until("the end of the connection", () => connection.closed);
    await server.stop();
  },
  30_000,
);
