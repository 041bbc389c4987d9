// What the load generator reports is what was served: percentiles, errors by kind, and what it does when told to stop.
import { describe, expect, test } from "bun:test";
import { createHistogram, percentileMs, recordMs } from "../../bench/histogram.ts";
import { bench, brief, OK, rawServer, startBench } from "./bench_fixture.ts";

describe("percentiles", () => {
  test("are those of a server that sleeps by a known schedule", async () => {
    // Of each hundred answers: 90 after 20 ms, 8 after 200 ms, 2 after 600 ms. What the timers really did is kept.
    const served = createHistogram();
    const late = createHistogram();
    await using server = rawServer((socket, request) => {
      const place = request % 100;
      const cameMs = performance.now();
      const sleepMs = place < 90 ? 20 : place < 98 ? 200 : 600;
      setTimeout(() => {
        socket.write(OK);
        const tookMs = performance.now() - cameMs;
        recordMs(served, tookMs);
        recordMs(late, tookMs - sleepMs);
      }, sleepMs);
    });
    const { report, code } = await bench([
      ...["--ramp", "0", "--warmup", "0", "--duration", "4s", "--connections", "200", "--rate", "1000", server.url],
    ]);
    expect(code).toBe(0);
    expect(report!.totals).toMatchObject({ answers: 4000, errors: 0 });
    const { p50Ms, p95Ms, p99Ms } = report!.service!;
    for (const [percentile, reported] of [
      [50, p50Ms],
      [95, p95Ms],
      [99, p99Ms],
    ] as const) {
      const really = percentileMs(served, percentile);
      // Ten per cent, and what this machine takes to wake a process, twice: its timers tell.
      expect(Math.abs(reported - really)).toBeLessThan(really * 0.1 + 2 + 2 * percentileMs(late, 99));
    }
  }, 30_000);

  test("count a stall for everyone who was due in it, and the other column shows how it hides", async () => {
    // The server answers at once, except that for a second in the middle of four it answers nobody.
    let stalledFromMs = Infinity;
    const waiting: (() => void)[] = [];
    await using server = rawServer((socket, request) => {
      // The very first request only asks whether anybody is there.
      if (request === 1) stalledFromMs = performance.now() + 1500;
      const now = performance.now();
      if (now < stalledFromMs || now > stalledFromMs + 1000) return void socket.write(OK);
      if (waiting.length === 0) setTimeout(() => waiting.splice(0).forEach((one) => one()), stalledFromMs + 1000 - now);
      waiting.push(() => socket.write(OK));
    });
    const { report, stdout } = await bench([
      ...["--ramp", "0", "--warmup", "0", "--duration", "4s", "--connections", "8", "--rate", "500", server.url],
    ]);
    // A quarter of all requests were due in the stall, and waited evenly from 1 s down to 0: p90 is 0.6 s, p99 0.96 s.
    expect(report!.latency.p90Ms).toBeGreaterThan(540);
    expect(report!.latency.p90Ms).toBeLessThan(700);
    expect(report!.latency.p99Ms).toBeGreaterThan(900);
    expect(report!.latency.p99Ms).toBeLessThan(1080);
    // Only the eight that were on their way saw it: 8 of 2000 is less than one in a hundred.
    expect(report!.service!.p99Ms).toBeLessThan(100);
    expect(report!.service!.maxMs).toBeGreaterThan(900);
    expect(report!.totals.answers).toBe(2000);
    expect(stdout).toContain("from when due");
    expect(stdout).toContain("from when sent");
  }, 30_000);

  test("of the closed model are called what they are", async () => {
    await using server = rawServer((socket) => socket.write(OK));
    const { report, stdout } = await bench([...brief, server.url]);
    expect(report).toMatchObject({ model: "closed", rate: 0 });
    expect(stdout).toContain("closed model");
    expect(stdout).not.toContain("from when due");
  });

  test("leave out ramp and warm-up", async () => {
    // Slow for the first half second, which is before the measured time.
    let slowUntilMs = Infinity;
    await using server = rawServer((socket, request) => {
      if (request === 1) slowUntilMs = performance.now() + 500;
      if (performance.now() < slowUntilMs) setTimeout(() => socket.write(OK), 200);
      else socket.write(OK);
    });
    const { report } = await bench(["--ramp", "300ms", "--warmup", "700ms", "-d", "500ms", "-c", "4", server.url]);
    expect(report!.latency.maxMs).toBeLessThan(150);
    expect(report!.timeline[0]!.maxMs).toBeGreaterThan(190);
    expect(server.requests).toBeGreaterThan(report!.totals.answers);
  });
});

test("every request of a rate arrives, from one process or several", async () => {
  await using server = rawServer((socket) => socket.write(OK));
  const { report } = await bench([
    "--ramp",
    "0",
    "--warmup",
    "0",
    "-d",
    "1s",
    "-c",
    "8",
    "-t",
    "2",
    "-R",
    "500",
    server.url,
  ]);
  expect(report!.totals).toMatchObject({ answers: 500, errors: 0 });
  // One more asked for nothing but whether anybody is there.
  expect(server.requests).toBe(501);
  expect(report!.generator.cpuCores).toHaveLength(2);
});

describe("errors by kind:", () => {
  test("a server that refuses", async () => {
    const url = await (async () => {
      await using server = rawServer(() => {});
      return server.url;
    })();
    const { code, stderr, report } = await bench([...brief, url]);
    expect({ code, report }).toEqual({ code: 1, report: undefined });
    expect(stderr).toContain(`cannot connect to ${url}: 127.0.0.1: ECONNREFUSED`);
  });

  test("one that begins to refuse in the middle", async () => {
    const server = rawServer((socket, request) => {
      socket.write(OK);
      if (request === 20) void server[Symbol.asyncDispose]();
    });
    const { report } = await bench([...brief, server.url]);
    expect(report!.errorsByKind.connect).toBeGreaterThan(0);
    expect(Object.keys(report!.errorDetails).join()).toContain("ECONNREFUSED");
  });

  test("one that stalls", async () => {
    await using server = rawServer(() => {});
    const { code, report } = await bench([...brief, "--timeout", "150ms", server.url]);
    expect(code).toBe(1);
    expect(report!.errorsByKind.timeout).toBeGreaterThanOrEqual(4);
    expect(report!.totals.answers).toBe(0);
    // Waited for in vain is a latency too.
    expect(report!.latency.p50Ms).toBeGreaterThanOrEqual(150);
  });

  test("one that closes in the middle of an answer", async () => {
    await using server = rawServer((socket) => void socket.end("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"));
    const { report } = await bench([...brief, server.url]);
    expect(report!.totals.answers).toBe(0);
    expect(Object.keys(report!.errorsByKind)).toEqual(["reset"]);
    expect(Object.keys(report!.errorDetails)).toEqual(["reset: the server closed in the middle of an answer"]);
  });

  test("one that sends garbage", async () => {
    await using server = rawServer((socket) => void socket.write("220 mail.example.com ESMTP\r\n"));
    const { code, report } = await bench([...brief, server.url]);
    expect(code).toBe(1);
    expect(Object.keys(report!.errorsByKind)).toEqual(["protocol"]);
  });

  test("one that answers what was not asked", async () => {
    await using server = rawServer((socket) => void socket.write(OK + OK));
    const { report } = await bench([...brief, server.url]);
    expect(report!.errorsByKind.protocol).toBeGreaterThan(0);
  });

  test("one that answers slowly, in pieces, is right and slow", async () => {
    await using server = rawServer((socket) => {
      [...OK].forEach((byte, i) => setTimeout(() => socket.write(byte), i * 2));
    });
    const { code, report } = await bench([...brief, server.url]);
    expect(code).toBe(0);
    expect(report!.totals.errors).toBe(0);
    expect(report!.latency.p50Ms).toBeGreaterThan(OK.length * 2 - 5);
  });

  test("a wrong status, and one that was expected", async () => {
    const busy = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n";
    await using server = rawServer((socket, request) => socket.write(request % 4 === 0 ? busy : OK));
    const wrong = await bench([...brief, server.url]);
    expect(Object.keys(wrong.report!.errorsByKind)).toEqual(["status"]);
    expect(wrong.report!.totals.errorShare).toBeCloseTo(0.25, 1);
    const expected = await bench([...brief, "--expect", "200,503", server.url]);
    expect(expected.report!.totals.errors).toBe(0);
    expect(expected.report!.statuses["503"]).toBeGreaterThan(0);
  });
});

describe("connections", () => {
  test("are kept, or with --no-keepalive opened for each request", async () => {
    await using kept = rawServer((socket) => socket.write(OK));
    await bench([...brief, kept.url]);
    expect(kept.connections).toBe(4 + 1);
    await using closed = rawServer((socket) => void socket.end(OK.replace("\r\n", "\r\nConnection: close\r\n")));
    const { report } = await bench([...brief, "--no-keepalive", closed.url]);
    expect(report!.totals.errors).toBe(0);
    expect(report!.totals.answers).toBeGreaterThan(10);
    expect(closed.connections).toBe(closed.requests);
  });

  test("are opened again when the server announces their end, without an error", async () => {
    await using server = rawServer((socket) => {
      if (socket.data.served % 5 === 0) socket.end(OK.replace("\r\n", "\r\nConnection: close\r\n"));
      else socket.write(OK);
    });
    const { report } = await bench([...brief, "--pipeline", "3", server.url]);
    expect(report!.totals.errors).toBe(0);
    expect(report!.totals.answers).toBeGreaterThan(20);
    expect(server.connections).toBeGreaterThan(6);
  });

  test("end an answer without a length by closing", async () => {
    await using server = rawServer((socket) => void socket.end("HTTP/1.1 200 OK\r\n\r\nuntil the end"));
    const { report } = await bench([...brief, server.url]);
    expect(report!.totals.errors).toBe(0);
    expect(report!.totals.answers).toBeGreaterThan(4);
  });

  test("beyond the file descriptors: the number and the command", async () => {
    await using server = rawServer((socket) => socket.write(OK));
    const shell = ["sh", "-c", 'ulimit -n 256; exec "$@"', "sh"];
    const { code, stderr } = await bench([...brief, "-c", "1000", server.url], shell);
    expect(code).toBe(1);
    expect(stderr).toContain("the limit is 256");
    expect(stderr).toContain('"ulimit -n 1064"');
  });
});

test("an objective sets the exit code", async () => {
  await using server = rawServer((socket) => void setTimeout(() => socket.write(OK), 20));
  const met = await bench([...brief, "--slo", "p99<5s,errors<0.1%", server.url]);
  expect({ code: met.code, ok: met.report!.objectives.map((one) => one.ok) }).toEqual({ code: 0, ok: [true, true] });
  const missed = await bench([...brief, "--slo", "p50<10ms,errors<0.1%", server.url]);
  expect({ code: missed.code, ok: missed.report!.objectives.map((one) => one.ok) }).toEqual({
    code: 1,
    ok: [false, true],
  });
  expect(missed.stdout).toContain("MISSED");
});

test("Ctrl-C prints what there is", async () => {
  const asked = Promise.withResolvers<void>();
  await using server = rawServer((socket, request) => {
    socket.write(OK);
    if (request === 200) asked.resolve();
  });
  const { child, finished } = startBench(["--ramp", "0", "--warmup", "0", "--duration", "60s", "-c", "4", server.url]);
  await asked.promise;
  child.kill("SIGINT");
  const { code, stdout, report } = await finished;
  expect(code).toBe(130);
  expect(report!.interrupted).toBe(true);
  expect(report!.totals.answers).toBeGreaterThan(100);
  expect(report!.totals.seconds).toBeLessThan(30);
  expect(stdout).toContain("interrupted");
});

test("Ctrl-C while sessions are still being made", async () => {
  const asked = Promise.withResolvers<void>();
  // Says where the server is, and then never answers a create.
  await using server = rawServer((socket, request) => {
    if (request === 0) socket.write(OK.replace("2\r\n\r\nok", "0\r\n\r\n"));
    else asked.resolve();
  });
  const { child, finished } = startBench(["--scenario", "session", server.url]);
  await asked.promise;
  child.kill("SIGINT");
  const { code, stdout } = await finished;
  expect(code).toBe(130);
  expect(stdout).toContain("interrupted before anything was measured");
});

test.each([
  [["nonsense"], '"nonsense" is no URL'],
  [["http://127.0.0.1:1/", "--duration", "soon"], "--duration soon"],
  [["http://127.0.0.1:1/", "--sped", "5"], "--sped"],
])("wrong usage is exit code 2: %p", async (args, message) => {
  const { code, stderr, stdout } = await bench(args);
  expect(code).toBe(2);
  expect(stderr).toContain(message);
  expect(stdout).toBe("");
});

test("--find-max finds where a server stops keeping up", async () => {
  // One answer every 5 ms, whoever asks: 200 a second at most. By the clock, so that a late timer loses none.
  let freeAtMs = 0;
  await using server = rawServer((socket) => {
    const now = performance.now();
    freeAtMs = Math.max(now, freeAtMs) + 5;
    setTimeout(() => socket.write(OK), freeAtMs - now);
  });
  const { code, stdout } = await bench([
    ...["--ramp", "0", "--warmup", "0", "-d", "1s", "-c", "40", "--find-max", "--slo", "p90<60ms", server.url],
  ]);
  expect(code).toBe(0);
  const found = Number(/highest rate that holds: (\d+)\/s/.exec(stdout)?.[1]);
  expect(found).toBeGreaterThan(120);
  expect(found).toBeLessThan(230);
}, 60_000);
