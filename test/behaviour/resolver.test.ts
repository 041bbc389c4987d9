import { expect, test } from "bun:test";
import { answered, block, start, Upstream } from "../lib/index.ts";

/** A name server that knows some names; it counts what it is asked. */
async function nameServer(known: Readonly<Record<string, readonly string[]>>) {
  const asked: string[] = [];
  const socket = await Bun.udpSocket({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data(self, bytes, port, address) {
        const question = Buffer.from(bytes);
        let at = 12;
        const labels: string[] = [];
        for (; question[at]! > 0; at += question[at]! + 1)
          labels.push(question.toString("latin1", at + 1, at + 1 + question[at]!));
        const name = labels.join(".");
        const type = question.readUInt16BE(at + 1);
        if (type === 1) asked.push(name);
        const addresses = type === 1 ? (known[name] ?? []) : [];
        const head = Buffer.from(question.subarray(0, 12));
        head.writeUInt16BE(0x8180 | (known[name] ? 0 : 3), 2);
        head.writeUInt16BE(addresses.length, 6);
        head.fill(0, 8, 12);
        const records = addresses.map((text) =>
          Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...text.split(".").map(Number)]),
        );
        self.send(Buffer.concat([head, question.subarray(12, at + 5), ...records]), port, address);
      },
    },
  });
  return { asked, port: socket.port, [Symbol.dispose]: () => socket.close() };
}

test("names of requests are asked for, and their addresses are peers", async () => {
  using names = await nameServer({ "one.test": ["127.0.0.1"], "two.test": ["127.0.0.9", "127.0.0.1"] });
  using upstream = new Upstream((request) => request.write(answered(/host: ([^:\r]+)/i.exec(request.head)![1]!)));
  await using server = await start({
    http: `resolver 127.0.0.1:${names.port} ipv6=off; resolver_timeout 2s;`,
    server: `location / { proxy_pass http://$arg_to:${upstream.port}; add_header X-Addr $upstream_addr always; }`,
  });
  const ask = async (to: string) => {
    const { status, body, header } = await server.exchange({ path: `/?to=${to}` });
    return `${status} ${status === 200 ? body : ""} ${header("x-addr") ?? ""}`;
  };
  expect(await ask("one.test")).toBe(`200 one.test ${upstream.address}`);
  expect(await ask("one.test")).toBe(`200 one.test ${upstream.address}`);
  expect(names.asked).toEqual(["one.test"]);
  const two = [await ask("two.test"), await ask("two.test")];
  expect(two).toContain(`200 two.test 127.0.0.9:${upstream.port}, ${upstream.address}`);
  expect(await ask("127.0.0.1")).toBe(`200 127.0.0.1 ${upstream.address}`);
  expect(await ask("none.test")).toStartWith("502 ");
  await server.logged("none.test could not be resolved (3: Host not found)");
});

block("refuses: a name as a name server", {
  http: "resolver dns.test;",
  server: "",
  refused: ['invalid address "dns.test"'],
});
block("refuses: no addresses at all", {
  http: "resolver 127.0.0.1 ipv4=off ipv6=off;",
  server: "",
  refused: ['"ipv4" and "ipv6" cannot both be "off"'],
});
