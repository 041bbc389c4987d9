import { describe, expect, test } from "bun:test";
import { parseCount, parseDurationMs, readOptions } from "./options.ts";
import { UsageError } from "./usage.ts";

const url = "http://127.0.0.1:8080/";

test("the defaults make a short run of the session scenario", () => {
  expect(readOptions([])).toMatchObject({
    url: undefined,
    scenario: "session",
    connections: 64,
    durationMs: 10_000,
    rampMs: 1000,
    rate: 0,
    sessions: 1000,
    timeoutMs: 30_000,
    keepAlive: true,
  });
});

test("--c10k is the guide's run, and options beside it win", () => {
  expect(readOptions(["--c10k"])).toMatchObject({
    connections: 10_000,
    rampMs: 60_000,
    durationMs: 300_000,
    sessions: 1000,
  });
  expect(readOptions(["--c10k", "-d", "5s"])).toMatchObject({ connections: 10_000, durationMs: 5000 });
});

test("wrk's letters mean what they mean there", () => {
  expect(readOptions(["-t2", "-c100", "-d30s", "-H", "A: 1", "-H", "B: 2", "-R", "2k", url])).toMatchObject({
    threads: 2,
    connections: 100,
    durationMs: 30_000,
    headers: [
      ["A", "1"],
      ["B", "2"],
    ],
    rate: 2000,
  });
});

test.each([
  [[url], "http"],
  [["http://127.0.0.1:8080"], "session"],
  [["--scenario", "session", url], "session"],
  [["--scenario", "http", "http://127.0.0.1:8080"], "http"],
  [["--script", "steps.ts", url], "script"],
])("%p is scenario %s", (args, scenario) => {
  expect(readOptions(args as string[]).scenario).toBe(scenario as "http");
});

test("a body makes it a POST", () => {
  expect(readOptions([url, "--body", "a=1"])).toMatchObject({ method: "POST", body: new TextEncoder().encode("a=1") });
  expect(readOptions([url, "--body", "a=1", "--method", "PUT"]).method).toBe("PUT");
});

test("the command is written so that it can be pasted", () => {
  expect(readOptions([url, "--slo", "p99<5ms"]).command).toBe(`resty bench ${url} --slo 'p99<5ms'`);
});

describe("is refused:", () => {
  const refused: [string, string[]][] = [
    ["an unknown option", ["--conections", "5"]],
    ["a URL without a scheme", ["localhost:8080"]],
    ["another scheme", ["ftp://localhost/"]],
    ["a port that is none", ["http://localhost:99999/"]],
    ["a URL with a blank", ["http://localhost/a b"]],
    ["two URLs", [url, url]],
    ["a duration of letters", [url, "--duration", "long"]],
    ["a negative rate", [url, "--rate=-5"]],
    ["a rate of 0", [url, "--rate", "0"]],
    ["no connections", [url, "-c", "0"]],
    ["half a connection", [url, "-c", "1.5"]],
    ["more threads than connections", [url, "-c", "1", "-t", "2"]],
    ["nothing to measure", [url, "-d", "0"]],
    ["a header without a colon", [url, "-H", "nonsense"]],
    ["a header with a line break", [url, "-H", "A: b\r\nC: d"]],
    ["a method with a blank", [url, "-m", "GET /"]],
    ["a missing body file", [url, "-b", "@/does/not/exist"]],
    ["an unknown scenario", [url, "--scenario", "chaos"]],
    ["http without a URL", ["--scenario", "http"]],
    ["an unknown step of the mix", ["--mix", "login=1"]],
    ["a mix of nothing", ["--mix", "validate=0"]],
    ["a rate to search and one given", [url, "--find-max", "--rate", "5"]],
    ["pipelining over connections that close", [url, "--pipeline", "2", "--no-keepalive"]],
    ["one report to compare", ["--compare", "a.json"]],
    ["a status of two digits", [url, "--expect", "20"]],
  ];
  test.each(refused)("%s", (_, args) => expect(() => readOptions(args)).toThrow(UsageError));
});

test("times and counts have units", () => {
  expect(["500ms", "1.5s", "2m", "1h", "3"].map((text) => parseDurationMs("--x", text))).toEqual([
    500, 1500, 120_000, 3_600_000, 3000,
  ]);
  expect(["250", "10k", "1.5M"].map((text) => parseCount("--x", text, 1))).toEqual([250, 10_000, 1_500_000]);
});
