// What src/runtime/adapters/serve_native.ts takes for granted of Bun and its node:http: when a new Bun fails one of
// these, that file is where to look, and malformed requests get the runtime's bare answers until then.
import { describe, expect, test } from "bun:test";
import type { NativeResponse } from "../../src/runtime/adapters/native.ts";
import { nativeError, serveNative } from "../../src/runtime/adapters/serve_native.ts";
import { connect } from "../lib/http.ts";

const get = (target = "/", fields = "") => `GET ${target} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`;

describe("a malformed request", () => {
  /** What a server tells of `sent`, and what a client sees that is answered "told" a turn later. */
  async function toldOf(sent: string): Promise<{ errors: number[]; packets: string[]; seen: string }> {
    const errors: number[] = [];
    const packets: string[] = [];
    const onNodeHTTPRequest = (...[, , , , response]: [unknown, string, string, number, NativeResponse]) =>
      response.writeHeadAndEnd(200, "OK", ["Content-Length", "2"], "ok");
    const server = serveNative({ port: 0, hostname: "127.0.0.1", onNodeHTTPRequest }, (socket, error, packet) => {
      errors.push(error);
      packets.push(Buffer.from(packet).toString("latin1"));
      setImmediate(() => {
        socket.write(Buffer.from("told"));
        socket.closeWhenDrained();
      });
    });
    try {
      using connection = await connect({ port: server.port! });
      connection.write(sent);
      return { errors, packets, seen: await connection.rest() };
    } finally {
      await server.stop(true);
    }
  }

  const rows: [what: string, sent: string, error: number][] = [
    ["bare line feeds", get().replaceAll("\r\n", "\n"), nativeError.version],
    ["a later version", get().replace("1.1", "1.7"), nativeError.version],
    ["an unknown method", get().replace("GET", "BREW"), nativeError.method],
    ["a byte above 127 in the target", get("/\xe4"), nativeError.target],
    ["a line that is no field", get("/", "X\r\n"), nativeError.headerToken],
    ["more than 198 fields", get("/", "X: y\r\n".repeat(200)), nativeError.tooLarge],
    ["a length that is none", get("/", "Content-Length: x\r\n"), nativeError.contentLength],
    ["two lengths", get("/", "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n"), nativeError.transferEncoding],
  ];
  for (const [what, sent, error] of rows)
    test(`is told of with its bytes, and can be answered: ${what}`, async () =>
      expect(await toldOf(sent)).toEqual({ errors: [error], packets: [sent], seen: "told" }));

  test("behind one that is well-formed comes after that is answered", async () => {
    const { errors, seen } = await toldOf(get() + get().replaceAll("\r\n", "\n"));
    expect([errors, seen]).toEqual([[nativeError.version], "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\noktold"]);
  });

  test("is not one without Host", async () => {
    const { errors, seen } = await toldOf("GET / HTTP/1.1\r\n\r\nx\r\n\r\n");
    expect([errors, seen]).toEqual([[nativeError.method], "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\noktold"]);
  });

  test("an address that cannot be had is an error at once", () => {
    expect(() => serveNative({ port: 0, hostname: "192.0.2.1" }, () => undefined)).toThrow();
  });
});
