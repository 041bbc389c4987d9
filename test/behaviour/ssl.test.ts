import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { connect as connectHttp2 } from "node:http2";
import { connect as connectTcp } from "node:net";
import { join } from "node:path";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { block, freePort, start, until } from "../lib/index.ts";
import { makeFolder } from "../lib/folder.ts";

const folder = makeFolder("tls");

function certificate(name: string): { cert: string; key: string } {
  const [key, cert] = [join(folder, `${name}.key`), join(folder, `${name}.pem`)];
  const made = Bun.spawnSync(
    `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=${name} -keyout ${key} -out ${cert}`.split(
      " ",
    ),
  );
  if (made.exitCode !== 0) throw new Error(String(made.stderr));
  return { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") };
}

const a = certificate("a.test");
const b = certificate("b.test");
const files = { "/conf/a.pem": a.cert, "/conf/a.key": a.key, "/conf/b.pem": b.cert, "/conf/b.key": b.key };

/** Whom the certificate is for that a client sees who asks for `name`. */
function subjectSeen(port: number, name: string): string {
  const seen = Bun.spawnSync(["openssl", "s_client", "-connect", `127.0.0.1:${port}`, "-servername", name], {
    stdin: Buffer.from(""),
    stderr: "ignore",
  });
  return /subject=CN ?= ?(\S+)/.exec(String(seen.stdout))?.[1] ?? "";
}

function curl(...args: string[]): string {
  const run = Bun.spawnSync(["curl", "--silent", "--insecure", "--max-time", "20", ...args], { stderr: "inherit" });
  return String(run.stdout);
}

const twoServers = (port: number) => `
  server {
    listen 127.0.0.1:${port} ssl;
    server_name a.test;
    ssl_certificate a.pem;
    ssl_certificate_key a.key;
    location / { return 200 "a $scheme $https $ssl_server_name $request_uri"; }
  }
  server {
    listen 127.0.0.1:${port} ssl;
    server_name b.test;
    ssl_certificate b.pem;
    ssl_certificate_key b.key;
    location / { return 200 b; }
  }
`;

test("the certificate is the one of the name that is asked for, and a reload takes up a new one", async () => {
  const port = await freePort();
  await using server = await start({ http: twoServers(port), files, workers: 2 });
  expect(subjectSeen(port, "a.test")).toBe("a.test");
  expect(subjectSeen(port, "b.test")).toBe("b.test");
  expect(subjectSeen(port, "unknown.test")).toBe("a.test");
  expect(curl("--resolve", `a.test:${port}:127.0.0.1`, `https://a.test:${port}/x//y`)).toBe("a https on a.test /x//y");

  await server.reload({ files: { ...files, "/conf/b.pem": a.cert, "/conf/b.key": a.key } });
  expect(subjectSeen(port, "b.test")).toBe("a.test");
});

test("a script chooses certificates by name, and again when it said so", async () => {
  const port = await freePort();
  await using server = await start({
    http: `
      shared_dict state 1m;
      init_worker_by_ts_block { ngx.shared.state.set("init", true); }
      server {
        listen 127.0.0.1:${port} ssl;
        server_name a.test chosen.test other.test broken.test .wild.test ~^re www.open.*;
        ssl_certificate a.pem;
        ssl_certificate_key a.key;
        ssl_certificate_by_ts_block {
          import { readFile } from "node:fs/promises";
          const of = async (who) => ({ cert: await readFile(ngx.config.prefix() + "conf/" + who + ".pem", "utf8"), key: await readFile(ngx.config.prefix() + "conf/" + who + ".key", "utf8") });
          ngx.shared.state.rpush("asked", name);
          if (!ngx.shared.state.get("init") || ngx.getPhase() !== "ssl_certificate") throw new Error("too early");
          if (name === "chosen.test" || name === ".wild.test") return of("b");
          if (name === "other.test") return { ...(await of(ngx.shared.state.get("other") ?? "a")), refreshSeconds: 0.1 };
          if (name === "broken.test") return { ...(await of("b")), key: (await of("a")).key };
          if (name === "") return of("b");
        }
        location / { content_by_ts_block { ngx.shared.state.set("other", "b"); const asked = []; for (let name; (name = ngx.shared.state.lpop("asked")) !== undefined;) asked.push(name); return [...new Set(asked)].join(); } }
      }
    `,
    files,
  });
  const seen = (name: string): string => subjectSeen(port, name);
  expect([seen("a.test"), seen("chosen.test"), seen("x.wild.test"), seen("broken.test"), seen("nobody.test")]).toEqual([
    "a.test",
    "b.test",
    "b.test",
    "a.test",
    "b.test",
  ]);
  await server.logged(/ssl_certificate_by_ts_block failed for "broken.test", which keeps ssl_certificate: .*MISMATCH/);
  expect(seen("other.test")).toBe("a.test");
  expect(curl("--resolve", `a.test:${port}:127.0.0.1`, `https://a.test:${port}/`)).toBe(
    "a.test,chosen.test,other.test,broken.test,.wild.test,",
  );
  await until("the certificate that it chooses then", () => seen("other.test") === "b.test");
}, 30_000);

test("HTTP/2 by ALPN and by prior knowledge, whole answers and long ones", async () => {
  const [tls, plain] = [await freePort(), await freePort()];
  const long = "0123456789abcdef".repeat(256 * 1024);
  await using _server = await start({
    http: `
      server {
        listen 127.0.0.1:${tls} ssl;
        listen 127.0.0.1:${plain};
        http2 on;
        ssl_certificate a.pem;
        ssl_certificate_key a.key;
        location = /hello { return 200 "$server_protocol $scheme $http2"; }
        location = /echo { proxy_pass http://127.0.0.1:${plain}/length; }
        location = /length { return 200 "$request_method $content_length"; }
      }
    `,
    files: { ...files, "long.txt": long },
  });
  expect(curl("--http2", `https://127.0.0.1:${tls}/hello`)).toBe("HTTP/2.0 https h2");
  expect(curl("--http2-prior-knowledge", `http://127.0.0.1:${plain}/hello`)).toBe("HTTP/2.0 http h2");
  expect(curl("--http2", "--data", "abc", `https://127.0.0.1:${tls}/echo`)).toBe("POST 3");
  expect(curl("--http2", "--head", `https://127.0.0.1:${tls}/hello`)).toStartWith("HTTP/2 200");
  expect(curl("--http2", `https://127.0.0.1:${tls}/long.txt`) === long).toBe(true);
  expect(curl(`http://127.0.0.1:${plain}/long.txt`) === long).toBe(true);
});

test("a client certificate is asked for and judged", async () => {
  const port = await freePort();
  await using server = await start({
    main: "error_log logs/error.log info;",
    http: `
      server {
        listen 127.0.0.1:${port} ssl;
        ssl_certificate a.pem;
        ssl_certificate_key a.key;
        ssl_client_certificate b.pem;
        ssl_verify_client on;
        location / { return 200 $ssl_client_verify; }
      }
    `,
    files,
  });
  const known = ["--cert", server.path("conf/b.pem"), "--key", server.path("conf/b.key")];
  const unknown = ["--cert", server.path("conf/a.pem"), "--key", server.path("conf/a.key")];
  expect(curl(...known, `https://127.0.0.1:${port}/`)).toBe("SUCCESS");
  expect(curl(`https://127.0.0.1:${port}/`)).toContain("400 Bad Request");
  expect(curl(...unknown, `https://127.0.0.1:${port}/`)).toContain("400 Bad Request");
  await server.logged("client sent no required SSL certificate");
  await server.logged("client SSL certificate verify error");
});

block("TLS without a certificate is refused", {
  server: "listen 127.0.0.1:%port_tls% ssl;",
  refused: ['no "ssl_certificate" is defined for the "listen ... ssl" directive'],
});

block("a certificate that is not there is refused", {
  server: "listen 127.0.0.1:%port_tls% ssl; ssl_certificate none.pem; ssl_certificate_key none.key;",
  refused: [/cannot load certificate ".*none\.pem"/],
});

test("TLS and HTTP/2 behind a PROXY protocol header", async () => {
  const where = "ssl_certificate a.pem; ssl_certificate_key a.key; location / { return 200 $said; }";
  await using server = await start({
    http: 'map $uri $said { default "$remote_addr $proxy_protocol_addr $scheme $server_protocol"; }',
    server: `listen 127.0.0.1:%port% ssl proxy_protocol; ${where} }
      server { listen 127.0.0.1:%port_h2% ssl proxy_protocol; http2 on; ${where}`,
    files,
  });
  const secured = (port: number, protocol: string): TLSSocket => {
    const socket = connectTcp(port, "127.0.0.1");
    socket.write("PROXY TCP4 192.0.2.1 192.0.2.2 123 5678\r\n");
    return connectTls({ socket, ALPNProtocols: [protocol], rejectUnauthorized: false });
  };
  const plain = secured(server.port(), "http/1.1");
  plain.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  expect((await plain.toArray()).join("")).toEndWith("127.0.0.1 192.0.2.1 https HTTP/1.1");

  const tls = secured(server.port("h2"), "h2");
  const session = connectHttp2("https://a.test", { createConnection: () => tls });
  const request = session.request({ ":path": "/" });
  expect((await request.toArray()).join("")).toBe("127.0.0.1 192.0.2.1 https HTTP/2.0");
  session.destroy();
}, 30_000);
