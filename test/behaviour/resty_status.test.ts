import { expect, test } from "bun:test";
import { block, start } from "../lib/index.ts";

const name = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const label = String.raw`[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"`;
const sampleLine = new RegExp(
  String.raw`^(${name})((?:\{${label}(?:,${label})*\})?) (-?\d+(?:\.\d+)?(?:e[+-]?\d+)?|NaN|[+-]?Inf)$`,
);

/**
 * Reads the text format as strictly as its description allows: help and type before the samples of their name, all
 * samples of a name together, none twice, a newline at the end.
 */
function readMetrics(text: string): Map<string, number> {
  expect(text).toEndWith("\n");
  const samples = new Map<string, number>();
  const types = new Map<string, string>();
  let current = "";
  let helped = "";
  for (const line of text.slice(0, -1).split("\n")) {
    const help = new RegExp(`^# HELP (${name}) \\S[^\\\\]*$`).exec(line);
    if (help) {
      helped = help[1]!;
      continue;
    }
    const type = new RegExp(`^# TYPE (${name}) (counter|gauge)$`).exec(line);
    if (type) {
      expect(types.has(type[1]!)).toBe(false);
      types.set((current = type[1]!), type[2]!);
      expect(helped).toBe(current);
      expect(type[2] === "counter").toBe(current.endsWith("_total"));
      continue;
    }
    const sample = sampleLine.exec(line);
    if (!sample) throw new Error(`no sample: ${line}`);
    expect(sample[1]).toBe(current);
    const series = sample[1]! + sample[2]!;
    expect(samples.has(series)).toBe(false);
    samples.set(series, Number(sample[3]!.replace("Inf", "Infinity")));
  }
  return samples;
}

const http = `
  shared_dict metrics 64k;
  upstream group { server 127.0.0.1:1; server 127.0.0.1:1 backup; server 127.0.0.1:2 down; }
`;
const locations = `
  location = /metrics { resty_status format=prometheus metrics=metrics; }
  location = /json { resty_status format=json metrics=metrics; }
  location = /plain { resty_status; }
  location = /count { content_by_ts_block {
    const { metrics } = ngx.shared;
    metrics.incr('logins_total{by="password"}', 1, 0);
    metrics.incr('logins_total{by="a\\\\\\\\ \\\\"key\\\\""}', 0.5, 0);
    metrics.set("temperature", -1.5e-7);
    metrics.set("limit", Infinity);
    for (const key of ["no metric", "1st", 'open{a="', 'x{a="b"} 1', "resty_requests_total", 'x{a="\\n"}', "text"])
      metrics.set(key, key === "text" ? "5" : 5);
    ngx.say("counted");
  } }
`;

test("what Prometheus collects: the server's own figures, and those of scripts", async () => {
  await using server = await start({ http, server: locations, workers: 2 });
  for (let i = 0; i < 3; i++) await server.get("/count");
  const answer = await server.get("/metrics");
  expect(answer.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  const samples = readMetrics(await answer.text());
  expect(samples.get("resty_requests_total")).toBe(4);
  expect(samples.get("resty_connections_accepted_total")).toBeGreaterThanOrEqual(1);
  expect(samples.get('resty_zone_size_bytes{zone="metrics",kind="dict"}')).toBe(65_536);
  const up = (peer: string, position: number) =>
    samples.get(`resty_upstream_peer_up{upstream="group",peer="${peer}",position="${position}"}`);
  expect([up("127.0.0.1:1", 0), up("127.0.0.1:1", 1), up("127.0.0.1:2", 2)]).toEqual([1, 1, 0]);
  const own = [...samples].filter(([series]) => !series.startsWith("resty_"));
  expect(own).toEqual([
    ["limit", Infinity],
    ['logins_total{by="a\\\\ \\"key\\""}', 1.5],
    ['logins_total{by="password"}', 3],
    ["temperature", -1.5e-7],
  ]);

  const document = JSON.parse(await (await server.get("/json")).text());
  expect(document.metrics['logins_total{by="password"}']).toBe(3);
  expect(JSON.parse(await (await server.get("/plain")).text()).metrics).toBeUndefined();
  expect((await server.get("/metrics")).status).toBe(200);
});

block("only GET and HEAD are answered", {
  server: "location / { resty_status format=prometheus; }",
  steps: [
    { post: "/", status: 405 },
    { head: "/", status: 200, body: "" },
  ],
});

const refused = (directive: string, ...words: string[]) =>
  block(`${directive} is refused`, { server: `location / { ${directive} }`, refused: words });
refused("resty_status format=xml;", 'invalid parameter "format=xml"', "format=prometheus");
refused("resty_status metrics=none;", 'no dictionary "none" is declared', "shared_dict none 64k;");
