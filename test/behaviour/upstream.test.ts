import { expect, test } from "bun:test";
import { answered, block, freePort, type Server, start, until, Upstream } from "../lib/index.ts";

/** Which of several peers answers each of `count` requests, by the names they give. */
async function order(server: Server, count: number, path = "/"): Promise<string> {
  let names = "";
  for (let i = 0; i < count; i++) names += (await server.exchange({ path })).body;
  return names;
}

const named = (name: string): Upstream => new Upstream((request) => request.write(answered(name)));

test("turns, weights, backups and peers that are down", async () => {
  using a = named("a");
  using b = named("b");
  using c = named("c");
  await using server = await start({
    http: `
      upstream turns { server ${a.address}; server ${b.address}; }
      upstream weights { server ${a.address} weight=5; server ${b.address}; server ${c.address}; }
      upstream down { server ${a.address} down; server ${b.address}; server ${c.address} backup; }
      upstream backup { server 127.0.0.1:${await freePort()}; server ${c.address} backup; }
    `,
    server: `
      location / { proxy_pass http://turns; }
      location /weights { proxy_pass http://weights; }
      location /down { proxy_pass http://down; }
      location /backup { proxy_pass http://backup; add_header X-Tries "$upstream_addr $upstream_status"; }
    `,
  });
  expect(await order(server, 4)).toBe("abab");
  expect(await order(server, 7, "/weights")).toBe("aabacaa");
  expect(await order(server, 3, "/down")).toBe("bbb");
  const first = await server.exchange({ path: "/backup" });
  expect(first.body).toBe("c");
  expect(first.header("x-tries")).toMatch(new RegExp(`^127.0.0.1:\\d+, ${c.address} 502, 200$`));
  // It has failed, and for fail_timeout nobody asks it again.
  expect((await server.exchange({ path: "/backup" })).header("x-tries")).toBe(`${c.address} 200`);
});

test("hashes keep a key at its peer", async () => {
  using a = named("a");
  using b = named("b");
  using c = named("c");
  const all = `server ${a.address}; server ${b.address}; server ${c.address};`;
  await using server = await start({
    http: `
      upstream key { hash $arg_k; ${all} }
      upstream ring { hash $arg_k consistent; ${all} }
      upstream ring_less { hash $arg_k consistent; server ${a.address}; server ${b.address}; server ${c.address} down; }
      upstream ip { ip_hash; ${all} }
      upstream chance { random two; ${all} }
    `,
    server: `
      location /key { proxy_pass http://key; }
      location /ring { proxy_pass http://ring; }
      location /ring-less { proxy_pass http://ring_less; }
      location /ip { proxy_pass http://ip; }
      location /chance { proxy_pass http://chance; }
    `,
  });
  const seen = new Set<string>();
  for (let k = 0; k < 30; k++) {
    const names = await order(server, 2, `/key?k=${k}`);
    expect(names[0]).toBe(names[1]!);
    seen.add(names[0]!);
    const full = await order(server, 1, `/ring?k=${k}`);
    // Only the keys of the peer that went have moved.
    if (full !== "c") expect(await order(server, 1, `/ring-less?k=${k}`)).toBe(full);
  }
  expect([...seen].sort().join("")).toBe("abc");
  expect(new Set(await order(server, 5, "/ip")).size).toBe(1);
  expect(await order(server, 5, "/chance")).toMatch(/^[abc]{5}$/);
}, 30_000);

test("which failures another peer is asked after", async () => {
  using broken = new Upstream((request) => {
    if (request.head.includes("/500")) request.write(answered("their own", "", "500 Internal Server Error"));
    else if (request.head.includes("/404")) request.write(answered("not theirs", "", "404 Not Found"));
    else if (request.head.includes("/garbage")) request.write("nonsense\r\n\r\n");
    request.close();
  });
  using good = named("good");
  const peers = `server ${broken.address} max_fails=0; server ${good.address} backup;`;
  await using server = await start({
    http: `upstream pair { ${peers} } upstream lonely { server ${broken.address}; }`,
    server: `
      location / { proxy_pass http://pair; }
      location /status/ { proxy_pass http://pair; proxy_next_upstream http_500 http_404; }
      location /invalid/ { proxy_pass http://pair; proxy_next_upstream invalid_header; }
      location /off/ { proxy_pass http://pair; proxy_next_upstream off; }
      location /all/ { proxy_pass http://pair; proxy_next_upstream error non_idempotent; }
      location /lonely/ { proxy_pass http://lonely; proxy_next_upstream http_404; }
      location /tries/ { proxy_pass http://pair; proxy_next_upstream_tries 1; }
    `,
  });
  const of = async (path: string, method = "GET"): Promise<string> => {
    const { status, body } = await server.exchange({ method, path, ...(method === "POST" ? { body: "x" } : {}) });
    return `${status} ${body.startsWith("<html>") ? "page" : body}`;
  };
  expect(await of("/")).toBe("200 good");
  expect(await of("/500")).toBe("500 their own");
  expect(await of("/status/500")).toBe("200 good");
  expect(await of("/status/404")).toBe("200 good");
  expect(await of("/garbage")).toBe("502 page");
  expect(await of("/invalid/garbage")).toBe("200 good");
  expect(await of("/off/")).toBe("502 page");
  expect(await of("/tries/")).toBe("502 page");
  // What was sent may have been done: not again, unless the configuration says so.
  expect(await of("/", "POST")).toBe("502 page");
  expect(await of("/all/", "POST")).toBe("200 good");
  // The last peer's answer is an answer.
  expect(await of("/lonely/404")).toBe("404 not theirs");
});

test("max_conns, and nobody left", async () => {
  using slow = new Upstream((request) => {
    if (!request.head.includes("/wait")) request.write(answered("slow"));
  });
  await using server = await start({
    http: `upstream one { server ${slow.address} max_conns=1; }`,
    server: "location / { proxy_pass http://one; add_header X-Addr $upstream_addr always; }",
  });
  using waiting = await server.connect();
  waiting.write("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
  await until("the request", () => slow.requests.length === 1);
  const refused = await server.exchange({ path: "/" });
  expect([refused.status, refused.header("x-addr")]).toEqual([502, "one"]);
  await server.logged("no live upstreams while connecting to upstream");
  slow.requests[0]!.write(answered("at last"));
  expect((await waiting.answer()).body).toBe("at last");
  expect((await server.exchange({ path: "/" })).body).toBe("slow");
});

test("as many idle connections as keepalive says", async () => {
  const waiting: (() => void)[] = [];
  using upstream = new Upstream((request) => {
    const answer = (): void => request.write(answered(`${request.connection}`));
    if (request.head.includes("/wait")) waiting.push(answer);
    else answer();
  });
  await using server = await start({
    http: `
      upstream kept { server ${upstream.address}; keepalive 1; }
      upstream two { server ${upstream.address}; keepalive 4; keepalive_requests 2; }
      upstream none { server ${upstream.address}; keepalive 0; }
    `,
    server: `
      location / { proxy_pass http://kept; }
      location /two { proxy_pass http://two; }
      location /none { proxy_pass http://none; }
    `,
  });
  const both = [server.exchange({ path: "/wait" }), server.exchange({ path: "/wait" })];
  await until("two requests", () => waiting.length === 2);
  for (const answer of waiting) answer();
  expect((await Promise.all(both)).map(({ body }) => body).sort()).toEqual(["1", "2"]);
  const kept = await order(server, 3);
  expect(["111", "222"]).toContain(kept);
  expect(await order(server, 4, "/two")).toBe("3344");
  expect(await order(server, 2, "/none")).toBe("56");
});

test("variables of several tries", async () => {
  using upstream = new Upstream((request) => {
    request.write(answered("body", "X-Own: 1\r\nSet-Cookie: a=first; Path=/\r\nSet-Cookie: b=second\r\n"));
  });
  await using server = await start({
    http: `
      log_format tried "$upstream_addr|$upstream_status|$upstream_response_length|$upstream_connect_time|$upstream_bytes_received|$upstream_http_x_own|$upstream_cookie_b";
      upstream u { server 127.0.0.1:${await freePort()}; server ${upstream.address}; }
    `,
    server: "location / { proxy_pass http://u; access_log logs/tried.log tried; }",
  });
  await server.exchange({ path: "/" });
  await server.stop();
  expect(await Bun.file(server.path("logs/tried.log")).text()).toMatch(
    new RegExp(`^127.0.0.1:\\d+, ${upstream.address}\\|502, 200\\|0, 4\\|-, \\d\\.\\d{3}\\|0, \\d+\\|1\\|second\n$`),
  );
});

test("a name stands for all its addresses", async () => {
  await using server = await start({
    http: "upstream named { server localhost:%port_back%; }",
    server: `
      listen 127.0.0.1:%port%;
      location / { proxy_pass http://named; }
      location /direct { proxy_pass http://localhost:%port_back%; }
      location /variable { set $to 127.0.0.1; proxy_pass http://$to:%port_back%; }
    }
    server { listen 127.0.0.1:%port_back%; location / { return 200 "$server_addr $uri"; }
    `,
  });
  expect((await server.exchange({ path: "/" })).body).toBe("127.0.0.1 /");
  expect((await server.exchange({ path: "/direct" })).body).toBe("127.0.0.1 /direct");
  expect((await server.exchange({ path: "/variable?x" })).body).toBe("127.0.0.1 /variable");
});

for (const [what, options] of Object.entries({
  'duplicate upstream "u"': {
    http: "upstream u { server 127.0.0.1:1; } upstream u { server 127.0.0.1:2; }",
    server: "",
  },
  "no servers are inside upstream": { http: "upstream u { }", server: "" },
  'invalid parameter "heavy=1"': { http: "upstream u { server 127.0.0.1:1 heavy=1; }", server: "" },
  'host not found in upstream "no-such-host.invalid"': {
    server: "location / { proxy_pass http://no-such-host.invalid; }",
  },
  "invalid URL prefix": { server: "location / { proxy_pass ftp://a; }" },
  '"proxy_pass" cannot have URI part': { server: "location ~ x { proxy_pass http://127.0.0.1/x; }" },
  'no port in upstream "127.0.0.1"': { server: "location / { fastcgi_pass 127.0.0.1; }" },
}))
  block(`refuses: ${what}`, { ...options, refused: [what] });

test("zone: what other workers do counts", async () => {
  using slow = new Upstream((request) => {
    if (!request.head.includes("/wait")) request.write(answered("slow"));
  });
  using other = named("other");
  await using server = await start({
    workers: 2,
    http: `upstream shared { zone peers 64k; server ${slow.address} max_conns=1; server ${other.address} backup; }`,
    server: "location / { proxy_pass http://shared; }",
  });
  using waiting = await server.connect();
  waiting.write("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
  await until("the request", () => slow.requests.length === 1);
  // Connections come to either worker: none of them asks the peer that is busy with one.
  expect(await order(server, 20)).toBe("other".repeat(20));
  slow.requests[0]!.write(answered("at last"));
  expect((await waiting.answer()).body).toBe("at last");
  await until("its turn", async () => (await server.exchange({ path: "/" })).body === "slow");
});

block("refuses: a zone without size", {
  http: "upstream u { zone z; server 127.0.0.1:1; }",
  server: "",
  refused: ['zero size shared memory zone "z"'],
});
