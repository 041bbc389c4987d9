// What src/runtime/adapters/raw.ts takes for granted of Bun.serve({ onNodeHTTPRequest }), which Bun does not document.
// One test a property, straight against Bun: when a new Bun fails one, that file is where to look.
import { describe, expect, test } from "bun:test";
import type { NativeResponse, NativeSocket } from "../../src/runtime/adapters/native.ts";
import { type Connection, connect } from "../lib/http.ts";
import { until } from "../lib/wait.ts";

interface Arrival {
  target: string;
  method: string;
  bits: number;
  response: NativeResponse;
  hasBody: boolean;
  socket: NativeSocket & { mark?: string };
  isNew: boolean;
  isHttp10: boolean;
  isPipelined: boolean;
}

type Handler = (arrival: Arrival) => void;

class NativeServer implements AsyncDisposable {
  readonly #server: Bun.Server<undefined>;

  constructor(handler: Handler, options: Record<string, unknown> = {}) {
    const onNodeHTTPRequest = (
      _server: unknown,
      target: string,
      method: string,
      bits: number,
      response: NativeResponse,
      hasBody: boolean,
      socket: NativeSocket,
      isNew: boolean,
      _nodeSocket: unknown,
      isHttp10: boolean,
      _connectHead: unknown,
      isPipelined: boolean,
    ) => handler({ target, method, bits, response, hasBody, socket, isNew, isHttp10, isPipelined });
    const all = { port: 0, hostname: "127.0.0.1", idleTimeout: 0, ...options, onNodeHTTPRequest };
    this.#server = Bun.serve(all as never) as Bun.Server<undefined>;
  }

  get port(): number {
    return this.#server.port!;
  }

  connect(options: { tls?: { servername: string } } = {}): Promise<Connection> {
    return connect({ port: this.port, ...options });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop(true);
  }
}

const ok: Handler = ({ response }) => response.writeHeadAndEnd(200, "OK", ["Content-Length", "2"], "ok");
const get = (target = "/", fields = "") => `GET ${target} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`;

/** Sends bytes, closes this side when the first answer is there, and gives all that came. */
async function exchange(handler: Handler, request: string): Promise<string> {
  await using server = new NativeServer(handler);
  using connection = await server.connect();
  connection.write(request);
  await connection.until(() => connection.received.includes("\r\n\r\n"), "an answer");
  connection.end();
  return connection.rest();
}

/** What the handler was given for a request. */
async function arrivalOf(request: string): Promise<Arrival & { headers: string[] }> {
  let seen: (Arrival & { headers: string[] }) | undefined;
  await exchange((arrival) => {
    seen = { ...arrival, headers: arrival.response.takeRawHeaders() ?? [] };
    ok(arrival);
  }, request);
  return seen!;
}

describe("a request comes as it was sent", () => {
  for (const target of ["/a%20b//c/../d/./e?x=%2F&y", '/x"<>|{}\\^', "http://other:99/p?q", "/?", "//a", "/a#b"])
    test(`target ${target}`, async () => expect((await arrivalOf(get(target))).target).toBe(target));

  for (const method of ["GET", "PURGE", "PROPFIND", "TRACE", "DELETE"])
    test(`method ${method}`, async () =>
      expect((await arrivalOf(`${method} / HTTP/1.1\r\nHost: a\r\n\r\n`)).method).toBe(method));

  test("header fields keep case, order and duplicates, and their bytes", async () => {
    const { headers } = await arrivalOf(get("/", "X-FOO: 1\r\nx-bar:  \xe4 \r\nX-foo: 2\r\n"));
    expect(headers).toEqual(["Host", "a", "X-FOO", "1", "x-bar", "\xe4", "X-foo", "2"]);
  });

  test("bit 1 says that the client wants the connection closed", async () => {
    expect((await arrivalOf(get("/", "Connection: close\r\n"))).bits & 1).toBe(1);
    expect((await arrivalOf(get())).bits & 1).toBe(0);
  });

  test("a request of HTTP/1.0 says so, and needs no Host", async () => {
    expect((await arrivalOf("GET / HTTP/1.0\r\n\r\n")).isHttp10).toBe(true);
    expect((await arrivalOf(get())).isHttp10).toBe(false);
  });

  test("hasBody is known with the head, for GET too", async () => {
    expect((await arrivalOf(`${get("/", "Content-Length: 1\r\n")}x`)).hasBody).toBe(true);
    expect((await arrivalOf(`${get("/", "Transfer-Encoding: chunked\r\n")}0\r\n\r\n`)).hasBody).toBe(true);
    expect((await arrivalOf(get())).hasBody).toBe(false);
  });
});

describe("a body of a request", () => {
  test("comes in chunks, the last one marked, the chunked coding taken off", async () => {
    const handler: Handler = ({ response }) => {
      const parts: string[] = [];
      response.ondata = (chunk, last) => {
        if (chunk) parts.push(Buffer.from(chunk).toString());
        if (last) response.writeHeadAndEnd(200, "OK", [], parts.join(""));
      };
    };
    const post = (fields: string, body: string) => `POST / HTTP/1.1\r\nHost: a\r\n${fields}\r\n\r\n${body}`;
    expect(await exchange(handler, post("Content-Length: 5", "hello"))).toEndWith("\r\n\r\nhello");
    const chunks = post("Transfer-Encoding: chunked", "2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nX-Sum: 7\r\n\r\n");
    expect(await exchange(handler, chunks)).toEndWith("\r\n\r\nhello");
  });

  test("is not read on while it is paused", async () => {
    let response!: NativeResponse;
    let received = 0;
    await using server = new NativeServer((arrival) => {
      response = arrival.response;
      response.ondata = (chunk, last) => {
        received += chunk?.length ?? 0;
        if (last) response.writeHeadAndEnd(200, "OK", ["Content-Length", "0"], undefined);
      };
      response.pause();
    });
    using connection = await server.connect();
    const total = 64 * 1024 * 1024;
    connection.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${total}\r\n\r\n`);
    connection.write(Buffer.alloc(total));
    await until("the request", () => response);
    // The client's system buffers fill up: what it still holds stops shrinking.
    let before = -1;
    await until("the upload to stand still", async () => {
      const stands = connection.socket.writableLength === before;
      before = connection.socket.writableLength;
      await Bun.sleep(50);
      return stands;
    });
    expect(before).toBeGreaterThan(total / 2);
    expect(received).toBeLessThan(1024 * 1024);
    response.resume();
    await connection.answer();
    expect(received).toBe(total);
  });

  test("that nobody reads does not spoil the connection", async () => {
    await using server = new NativeServer(ok);
    using connection = await server.connect();
    connection.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello`);
    expect((await connection.answer()).body).toBe("ok");
    connection.write(get());
    expect((await connection.answer()).body).toBe("ok");
  });
});

describe("an answer goes out as it is written", () => {
  test("head and body, and nothing added", async () => {
    const fields = ["X-CaSe", "1", "X-Dup", "a", "X-Dup", "b", "Content-Length", "4"];
    const answer = await exchange(({ response }) => response.writeHeadAndEnd(200, "Fine", fields, "body"), get());
    expect(answer).toBe("HTTP/1.1 200 Fine\r\nX-CaSe: 1\r\nX-Dup: a\r\nX-Dup: b\r\nContent-Length: 4\r\n\r\nbody");
  });

  for (const status of [100 + 99, 299, 799, 999])
    test(`status ${status} with any reason`, async () => {
      const answer = await exchange(
        ({ response }) => response.writeHeadAndEnd(status, "Odd One", ["Content-Length", "0"], undefined),
        get(),
      );
      expect(answer).toStartWith(`HTTP/1.1 ${status} Odd One\r\n`);
    });

  test("a header's value is one byte a code unit", async () => {
    const fields = ["X-Byte", "\xe4", "Content-Length", "0"];
    const answer = await exchange(({ response }) => response.writeHeadAndEnd(200, "OK", fields, undefined), get());
    expect(answer).toContain("X-Byte: \xe4\r\n");
  });

  // The reason why resty checks header values itself.
  test("a line end in a header's value is not refused", async () => {
    const fields = ["X", "a\r\nY: b", "Content-Length", "0"];
    const answer = await exchange(({ response }) => response.writeHeadAndEnd(200, "OK", fields, undefined), get());
    expect(answer).toContain("X: a\r\nY: b\r\n");
  });

  test("a body with its length in pieces", async () => {
    const answer = await exchange(({ response }) => {
      response.writeHead(200, "OK", ["Content-Length", "6"]);
      response.write("abc");
      response.end(new TextEncoder().encode("def"));
    }, get());
    expect(answer).toBe("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabcdef");
  });

  test("a body without length is chunked, with trailers behind it", async () => {
    await using server = new NativeServer(({ response, socket }) => {
      response.writeHead(200, "OK", ["Transfer-Encoding", "chunked"]);
      response.write("abc");
      response.write("def");
      socket.setResponseTrailers("X-Sum: 9\r\n");
      response.end();
    });
    using connection = await server.connect();
    connection.write(get());
    const answer = await connection.answer();
    expect(answer.header("transfer-encoding")).toBe("chunked");
    expect(answer.body).toBe("abcdef");
    expect(answer.trailers).toEqual([["X-Sum", "9"]]);
  });

  // The reason why resty leaves bodies of HEAD out itself.
  test("a body to HEAD is not held back", async () => {
    const head = "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n";
    expect(await exchange(ok, head)).toEndWith("\r\n\r\nok");
    const bare: Handler = ({ response }) => response.writeHeadAndEnd(200, "OK", ["Content-Length", "2"], undefined);
    expect(await exchange(bare, head)).toBe("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
  });

  for (const status of [204, 304])
    test(`${status} is a head alone`, async () => {
      const answer = await exchange(
        ({ response }) => response.writeHeadAndEnd(status, "R", ["X", "1"], undefined),
        get(),
      );
      expect(answer).toBe(`HTTP/1.1 ${status} R\r\nX: 1\r\n\r\n`);
    });

  test("interim answers go before it", async () => {
    const answer = await exchange((arrival) => {
      arrival.response.writeInformational("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
      ok(arrival);
    }, get());
    expect(answer).toStartWith("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n");
  });

  test("100 is not sent unasked", async () => {
    const post = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n";
    expect(await exchange(ok, post)).toStartWith("HTTP/1.1 200 OK\r\n");
  });

  test("to a client that does not read, write() turns negative, and onwritable tells when it is gone", async () => {
    const piece = Buffer.alloc(64 * 1024, "x");
    let sent = 0;
    let blocked = false;
    await using server = new NativeServer(({ response }) => {
      response.writeHead(200, "OK", ["X", "1"]);
      while (response.write(piece) >= 0) sent += piece.length;
      sent += piece.length;
      blocked = true;
      response.onwritable = () => {
        response.onwritable = undefined;
        response.end();
      };
    });
    using connection = await server.connect();
    connection.socket.pause();
    connection.write(get());
    await until("write() to turn negative", () => blocked);
    connection.socket.resume();
    // Neither a length nor a coding was announced: Bun has chosen the chunked one, which answer() takes off.
    expect((await connection.answer()).bytes.length).toBe(sent);
  });
});

describe("a connection", () => {
  test("is one object, on which properties stay, and is new once", async () => {
    await using server = new NativeServer(({ socket, isNew, response }) => {
      socket.mark ??= crypto.randomUUID();
      const body = `${socket.mark} ${isNew}`;
      response.writeHeadAndEnd(200, "OK", ["Content-Length", String(body.length)], body);
    });
    using connection = await server.connect();
    const bodies: string[][] = [];
    for (let i = 0; i < 2; i++) {
      connection.write(get());
      bodies.push((await connection.answer()).body.split(" "));
    }
    expect(bodies[0]![0]).toBe(bodies[1]![0]!);
    expect(bodies.map(([, isNew]) => isNew)).toEqual(["true", "false"]);
  });

  test("knows both its ends", async () => {
    let ends: (number | string | undefined)[] = [];
    await using server = new NativeServer((arrival) => {
      const { remoteAddress, localAddress } = arrival.socket;
      ends = [remoteAddress?.address, remoteAddress?.port, localAddress?.address, localAddress?.port];
      ok(arrival);
    });
    using connection = await server.connect();
    connection.write(get());
    await connection.answer();
    expect(ends).toEqual(["127.0.0.1", connection.socket.localPort, "127.0.0.1", server.port]);
  });

  test("tells when it closes", async () => {
    let closed = 0;
    await using server = new NativeServer((arrival) => {
      arrival.socket.onclose = () => void closed++;
      ok(arrival);
    });
    using connection = await server.connect();
    connection.write(get());
    await connection.answer();
    expect(closed).toBe(0);
    connection.socket.destroy();
    await until("onclose", () => closed === 1);
  });

  test("a client that goes before the answer is an abort", async () => {
    let aborts = 0;
    let response: NativeResponse | undefined;
    await using server = new NativeServer((arrival) => {
      response = arrival.response;
      response.onabort = () => void aborts++;
    });
    using connection = await server.connect();
    connection.write(get());
    await until("the request", () => response);
    expect(response!.aborted).toBe(false);
    connection.socket.destroy();
    await until("onabort", () => aborts === 1);
    expect(response!.aborted).toBe(true);
  });

  test("close() ends it without a byte", async () => {
    await using server = new NativeServer(({ socket }) => socket.close());
    using connection = await server.connect();
    connection.write(get());
    expect(await connection.rest()).toBe("");
    expect(connection.error).toBeUndefined();
  });

  test("reset() breaks it", async () => {
    await using server = new NativeServer(({ socket }) => socket.reset());
    using connection = await server.connect();
    connection.write(get());
    await connection.rest();
    expect((connection.error as NodeJS.ErrnoException | undefined)?.code).toBe("ECONNRESET");
  });

  test("closeWhenDrained() sends what was written first", async () => {
    const body = Buffer.alloc(8 * 1024 * 1024, "x");
    await using server = new NativeServer(({ response, socket }) => {
      response.writeHeadAndEnd(200, "OK", ["Content-Length", String(body.length)], body);
      socket.closeWhenDrained();
      expect(socket.closed).toBe(false);
    });
    using connection = await server.connect();
    connection.write(get());
    expect((await connection.answer()).bytes.length).toBe(body.length);
    expect(await connection.rest()).toBe("");
    expect(connection.error).toBeUndefined();
  });

  test("requests that come before their turn say so, and answer in order when begun", async () => {
    const waiting: Arrival[] = [];
    const flags: boolean[] = [];
    const body = ({ target }: Arrival) => target.slice(1);
    const answer = (arrival: Arrival) =>
      arrival.response.writeHeadAndEnd(200, "OK", ["Content-Length", String(body(arrival).length)], body(arrival));
    await using server = new NativeServer((arrival) => {
      flags.push(arrival.isPipelined);
      waiting.push(arrival);
    });
    using connection = await server.connect();
    connection.write(get("/one") + get("/two") + get("/three"));
    await until("three requests", () => waiting.length === 3);
    expect(flags).toEqual([false, true, true]);
    for (const [i, arrival] of waiting.entries()) {
      if (i > 0) arrival.socket.startPipelinedResponse(arrival.response, false, false);
      answer(arrival);
    }
    const bodies = [await connection.answer(), await connection.answer(), await connection.answer()];
    expect(bodies.map((answered) => answered.body)).toEqual(["one", "two", "three"]);
  });

  test("becomes a tunnel of bytes, whose last chunk is empty and marked", async () => {
    const seen: string[] = [];
    await using server = new NativeServer(({ response, socket }) => {
      socket.onclose = () => void seen.push("closed");
      socket.upgradeToTunnel(false, response);
      socket.ondata = (chunk, last) => {
        seen.push(last ? `last ${chunk.length}` : "chunk");
        if (last) socket.end();
        else socket.write(chunk);
      };
      // The head of the answer goes this way too: what is written by `response` does not leave any more.
      socket.write(Buffer.from("HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\n\r\n"));
    });
    using connection = await server.connect();
    connection.write(get("/", "Upgrade: echo\r\nConnection: Upgrade\r\n"));
    expect((await connection.answer()).status).toBe(101);
    connection.write("\x00\xffGET / HTTP/1.1\r\n\r\n");
    expect(await connection.untilText("\r\n\r\n")).toBe("\x00\xffGET / HTTP/1.1\r\n\r\n");
    expect(seen).toEqual(["chunk"]);
    connection.end();
    expect(await connection.rest()).toBe("");
    await until("the tunnel's end", () => seen.at(-1) === "closed");
    expect(seen).toContain("last 0");
  });

  test("of TLS knows the name the client asked for", async () => {
    const folder = new URL("fixtures/", import.meta.url);
    const tls = { key: Bun.file(new URL("key.pem", folder)), cert: Bun.file(new URL("cert.pem", folder)) };
    let name: string | null | undefined;
    await using server = new NativeServer(
      (arrival) => {
        name = arrival.socket.servername;
        ok(arrival);
      },
      { tls },
    );
    using connection = await server.connect({ tls: { servername: "a.test" } });
    connection.write(get());
    expect((await connection.answer()).body).toBe("ok");
    expect(name).toBe("a.test");
  });
});

test("what is not HTTP is answered without the handler being asked", async () => {
  let asked = 0;
  await using server = new NativeServer((arrival) => {
    asked++;
    ok(arrival);
  });
  for (const [bytes, status] of [
    ["FOO\r\n\r\n", "400"],
    ["GET / HTTP/1.1\r\n\r\n", "400"],
    ["GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "400"],
    ["GET / HTTP/1.1\nHost: a\n\n", "505"],
    ["GET /\xe4 HTTP/1.1\r\nHost: a\r\n\r\n", "400"],
  ] as const) {
    using connection = await server.connect();
    connection.write(bytes);
    expect(await connection.rest()).toStartWith(`HTTP/1.1 ${status} `);
  }
  expect(asked).toBe(0);
});
