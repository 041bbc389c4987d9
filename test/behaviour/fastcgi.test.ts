import { expect, test } from "bun:test";
import { endOf, recordType } from "../../src/clients/fastcgi.ts";
import { freePort, start, until } from "../lib/index.ts";

/** What an application got of one request. */
interface Asked {
  readonly params: Record<string, string>;
  readonly body: string;
  readonly keep: boolean;
  readonly connection: number;
}

interface Reading {
  bytes: Buffer;
  params: Buffer;
  body: Buffer;
  keep: boolean;
  number: number;
}

function record(type: number, content: string, padding = 0): Buffer {
  const bytes = Buffer.from(content, "latin1");
  const head = Buffer.from([1, type, 0, 1, bytes.length >> 8, bytes.length & 255, padding, 0]);
  return Buffer.concat([head, bytes, Buffer.alloc(padding)]);
}

/** A FastCGI application of its own: what `answer` gives is its standard output. */
function application(answer: (asked: Asked) => string | { stdout?: string; stderr?: string; raw?: Buffer }) {
  let connections = 0;
  const asked: Asked[] = [];
  const listener = Bun.listen<Reading>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open(socket) {
        const empty = Buffer.alloc(0);
        socket.data = { bytes: empty, params: empty, body: empty, keep: false, number: ++connections };
      },
      data(socket, chunk) {
        const reading = socket.data;
        reading.bytes = Buffer.concat([reading.bytes, chunk]);
        for (;;) {
          const { bytes } = reading;
          if (bytes.length < 8) return;
          const length = bytes.readUInt16BE(4);
          const size = 8 + length + bytes[6]!;
          if (bytes.length < size) return;
          const content = bytes.subarray(8, 8 + length);
          reading.bytes = bytes.subarray(size);
          if (bytes[1] === recordType.begin) reading.keep = (content[2]! & 1) === 1;
          else if (bytes[1] === recordType.params) reading.params = Buffer.concat([reading.params, content]);
          else if (bytes[1] === recordType.stdin && length > 0) reading.body = Buffer.concat([reading.body, content]);
          else if (bytes[1] === recordType.stdin) finish(socket, reading);
        }
      },
      error: () => undefined,
    },
  });

  function finish(socket: Bun.Socket<Reading>, reading: Reading): void {
    const request = {
      params: decode(reading.params),
      body: reading.body.toString("latin1"),
      keep: reading.keep,
      connection: reading.number,
    };
    reading.params = reading.body = Buffer.alloc(0);
    asked.push(request);
    const said = answer(request);
    const { stdout = "", stderr = "", raw = undefined } = typeof said === "string" ? { stdout: said } : said;
    if (raw) socket.write(raw);
    else {
      if (stderr !== "") socket.write(record(recordType.stderr, stderr, 3));
      socket.write(
        Buffer.concat([
          record(recordType.stdout, stdout.slice(0, 9), 7),
          record(recordType.stdout, stdout.slice(9)),
          endOf(recordType.stdout),
          record(recordType.end, "\0\0\0\0\0\0\0\0"),
        ]),
      );
    }
    if (!reading.keep) socket.end();
  }

  return { asked, address: `127.0.0.1:${listener.port}`, [Symbol.dispose]: () => listener.stop(true) };
}

function decode(bytes: Buffer): Record<string, string> {
  const params: Record<string, string> = {};
  let at = 0;
  const length = (): number => {
    if (bytes[at]! < 128) return bytes[at++]!;
    at += 4;
    return bytes.readUInt32BE(at - 4) & 0x7fffffff;
  };
  while (at < bytes.length) {
    const [nameLength, valueLength] = [length(), length()];
    const name = bytes.toString("latin1", at, at + nameLength);
    params[name] = bytes.toString("latin1", at + nameLength, at + nameLength + valueLength);
    at += nameLength + valueLength;
  }
  return params;
}

const usual = `
  fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
  fastcgi_param PATH_INFO $fastcgi_path_info;
  fastcgi_param QUERY_STRING $query_string;
  fastcgi_param REQUEST_METHOD $request_method;
  fastcgi_param CONTENT_LENGTH $content_length if_not_empty;
`;

test("what an application is asked, and answers", async () => {
  using app = application(({ params, body }) => {
    if (params.QUERY_STRING === "redirect") return "Location: http://x.test/\r\n\r\n";
    if (params.QUERY_STRING === "status")
      return "Status: 418 Teapot\nContent-Type: text/plain\nX-A: 1\n\nshort and stout";
    return `Content-Type: text/plain\r\n\r\n${body.length}`;
  });
  await using server = await start({
    http: "client_max_body_size 10m;",
    server: `
      root /srv;
      ${usual}
      location / { fastcgi_pass ${app.address}; fastcgi_index index.php; }
      location ~ ^(.+\\.php)(/.*)$ {
        fastcgi_split_path_info ^(.+\\.php)(/.*)$;
        fastcgi_pass ${app.address};
      }
      location /own/ { fastcgi_pass ${app.address}; fastcgi_param HTTP_X_A own; fastcgi_param X y; fastcgi_pass_request_headers off; }
    `,
  });
  const headers = { "X-A": ["1", "2"], Cookie: "a=b", Host: "fast.test:81" };
  expect((await server.exchange({ path: "/dir/?q=1", headers })).body).toBe("0");
  expect(app.asked[0]!.params).toMatchObject({
    SCRIPT_FILENAME: "/srv/dir/index.php",
    PATH_INFO: "",
    QUERY_STRING: "q=1",
    REQUEST_METHOD: "GET",
    HTTP_X_A: "1, 2",
    HTTP_COOKIE: "a=b",
    HTTP_HOST: "fast.test:81",
  });
  expect(app.asked[0]!.params).not.toHaveProperty("CONTENT_LENGTH");
  await server.exchange({ path: "/a.php/more/x" });
  expect(app.asked[1]!.params).toMatchObject({ SCRIPT_FILENAME: "/srv/a.php", PATH_INFO: "/more/x" });
  await server.exchange({ path: "/own/", headers });
  expect(app.asked[2]!.params).toEqual({ HTTP_X_A: "own", X: "y", HTTP_HOST: "fast.test:81" });
  const body = "0123456789".repeat(20_000);
  expect((await server.exchange({ method: "POST", path: "/", body })).body).toBe("200000");
  expect(app.asked[3]!.params.CONTENT_LENGTH).toBe("200000");
  expect(app.asked[3]!.body === body).toBe(true);
  const redirect = await server.exchange({ path: "/?redirect" });
  expect([redirect.status, redirect.header("location")]).toEqual([302, "http://x.test/"]);
  const status = await server.exchange({ path: "/?status" });
  expect([status.status, status.reason, status.body, status.header("x-a"), status.header("status")]).toEqual([
    418,
    "Teapot",
    "short and stout",
    "1",
    undefined,
  ]);
});

test("connections are kept only where fastcgi_keep_conn says so", async () => {
  using app = application(({ connection, keep }) => `X: y\n\n${connection} ${keep}`);
  await using server = await start({
    server: `
      location / { fastcgi_pass ${app.address}; }
      location /kept { fastcgi_pass ${app.address}; fastcgi_keep_conn on; }
    `,
  });
  const ask = async (path: string): Promise<string> => (await server.exchange({ path })).body;
  expect([await ask("/"), await ask("/"), await ask("/kept"), await ask("/kept")]).toEqual([
    "1 false",
    "2 false",
    "3 true",
    "3 true",
  ]);
});

test("failures, and what an application writes beside its answer", async () => {
  using app = application(({ params }) => {
    if (params.URI === "/garbage") return { raw: Buffer.from("HTTP/1.1 200 OK\r\n\r\n") };
    if (params.URI === "/cut") return { raw: record(recordType.stdout, "X: y\n\nhalf") };
    if (params.URI === "/short") return "Content-Length: 9\n\nshort";
    if (params.URI === "/fatal") return { stderr: "PHP Fatal error: x", stdout: "X: y\n\nnot this" };
    if (params.URI === "/missing") return "Status: 404\n\ntheirs";
    return { stderr: "only a notice", stdout: "X: y\n\nfine" };
  });
  await using server = await start({
    http: `upstream pair { server 127.0.0.1:${await freePort()}; server ${app.address}; }`,
    server: `
      fastcgi_param URI $uri;
      location / { fastcgi_pass ${app.address}; fastcgi_catch_stderr "Fatal error"; fastcgi_intercept_errors on; error_page 404 /ours; }
      location /pair { fastcgi_pass pair; add_header X-Tries $upstream_status; }
      location /ours { return 200 ours; }
    `,
  });
  const ask = async (path: string): Promise<string> => {
    const { status, body } = await server.exchange({ path });
    return `${status} ${body.startsWith("<html>") ? "page" : body}`;
  };
  expect(await ask("/")).toBe("200 fine");
  await server.logged('FastCGI sent in stderr: "only a notice"');
  expect(await ask("/fatal")).toBe("502 page");
  expect(await ask("/garbage")).toBe("502 page");
  await server.logged("upstream sent unsupported FastCGI protocol version");
  expect(await ask("/missing")).toBe("404 ours");
  const pair = await server.exchange({ path: "/pair" });
  expect([pair.body, pair.header("x-tries")]).toEqual(["fine", "502, 200"]);
  for (const path of ["/cut", "/short"]) {
    const text = await server.raw(`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    expect(text).not.toMatch(/\r\n0\r\n\r\n$/);
  }
  await server.logged("upstream prematurely closed");
});

test("answers are cached as proxy's are", async () => {
  using app = application(
    ({ params }) => `Cache-Control: max-age=60\nX-IMS: ${params.HTTP_IF_NONE_MATCH ?? "-"}\n\n${params.N}`,
  );
  await using server = await start({
    http: "fastcgi_cache_path cache keys_zone=one:1m;",
    server: `
      fastcgi_param N $arg_n;
      add_header X-Cache $upstream_cache_status;
      location / { fastcgi_pass ${app.address}; fastcgi_cache one; fastcgi_cache_key $uri; }
    `,
  });
  const headers = { "If-None-Match": '"x"' };
  const first = await server.exchange({ path: "/?n=1", headers });
  expect([first.header("x-cache"), first.body, first.header("x-ims")]).toEqual(["MISS", "1", "-"]);
  const second = await server.exchange({ path: "/?n=2" });
  expect([second.header("x-cache"), second.body]).toEqual(["HIT", "1"]);
  await until("one request", () => app.asked.length === 1);
  // The answer to a HEAD has no body, and is not one to a GET.
  await server.exchange({ method: "HEAD", path: "/head?n=3" });
  expect((await server.exchange({ path: "/head?n=4" })).body).toBe("4");
});
