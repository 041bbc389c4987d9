// What the bench leaves behind: reports in every form, and scenarios of more than one step.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Report } from "../../bench/report/report.ts";
import { bench, benchEntry, brief, OK, rawServer } from "./bench_fixture.ts";

const folder = mkdtempSync(join(tmpdir(), "resty-bench-report-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** The session service in small, which can be told to forget or to garble. */
function sessionServer(fault?: "forgets" | "garbles") {
  const sessions = new Map<string, object>();
  const json = (status: number, body: unknown) => Response.json(body, { status });
  return Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request) {
      const { pathname, searchParams } = new URL(request.url);
      const id = searchParams.get("session_id") ?? "";
      const unknown = () => json(401, { error: "Session not found" });
      switch (pathname) {
        case "/api/session/create": {
          const made = Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("hex");
          sessions.set(made, { user_id: searchParams.get("user_id"), user_data: searchParams.get("user_data") });
          return json(200, { success: true, session_id: made, session_data: sessions.get(made) });
        }
        case "/api/session/validate":
          if (fault === "garbles") return new Response("<html>");
          return sessions.has(id) && fault !== "forgets" ? json(200, { success: true, session: {} }) : unknown();
        case "/api/session/update":
          return sessions.has(id) ? json(200, { success: true, session: {} }) : unknown();
        case "/api/session/batch":
          return json(200, { success: true, sessions: {} });
        case "/api/session/delete":
          return sessions.delete(id) ? json(200, { success: true, session_id: id }) : unknown();
        default:
          return json(404, {});
      }
    },
  });
}

describe("the session scenario", () => {
  test("makes sessions, then mixes; every answer is the right one", async () => {
    await using server = sessionServer();
    const { code, report } = await bench([...brief, "--sessions", "50", "-t", "2", server.url.origin]);
    expect(report!.errorDetails).toEqual({});
    expect(code).toBe(0);
    const names = ["validate", "validate unknown", "update", "batch", "create", "delete"];
    expect(report!.steps.map((step) => step.name)).toEqual(names);
    for (const step of report!.steps) expect(step.answers).toBeGreaterThan(0);
    const { answers } = report!.totals;
    expect(report!.steps[0]!.answers / answers).toBeCloseTo(0.7, 1);
    expect(report!.statuses["401"]).toBe(report!.steps[1]!.answers);
  });

  test("--mix chooses", async () => {
    await using server = sessionServer();
    const { report } = await bench([...brief, "--sessions", "5", "--mix", "validate=1,batch=1", server.url.origin]);
    expect(report!.steps.filter((step) => step.answers > 0).map((step) => step.name)).toEqual(["validate", "batch"]);
  });

  test("sees a session that was lost, and a body that is none", async () => {
    await using forgetful = sessionServer("forgets");
    const lost = await bench([...brief, "--sessions", "5", forgetful.url.origin]);
    expect(lost.report!.errorsByKind.status).toBeGreaterThan(0);
    expect(Object.keys(lost.report!.errorDetails)).toContain("status: validate answered 401");
    await using garbling = sessionServer("garbles");
    const garbled = await bench([...brief, "--sessions", "5", "--mix", "validate", garbling.url.origin]);
    expect(Object.keys(garbled.report!.errorsByKind)).toEqual(["body"]);
  });

  test("says what it found where no session service is", async () => {
    await using server = rawServer((socket) => socket.write(OK));
    const { code, stderr } = await bench([...brief, "--scenario", "session", server.url]);
    expect(code).toBe(1);
    expect(stderr).toContain('/api/session/create answered 200 "ok": is a session service there?');
  });
});

describe("a script", () => {
  const scriptFile = (name: string, text: string): string => {
    const file = join(folder, name);
    writeFileSync(file, text);
    return file;
  };

  test("carries values from one answer into the next request", async () => {
    await using server = sessionServer();
    const file = scriptFile(
      "flow.ts",
      `interface Vars { id: string }
      export default [
        { name: "create", request: "/api/session/create?user_id=7", expect: 200,
          extract: (answer: any) => ({ id: answer.json().session_id }) },
        { name: "validate", request: (vars: Vars) => "/api/session/validate?session_id=" + vars.id,
          check: (answer: any) => answer.json().success === true },
        { name: "delete", request: (vars: Vars) => ({ method: "POST", path: "/api/session/delete?session_id=" + vars.id, body: { a: 1 } }) },
        { name: "gone", request: (vars: Vars) => "/api/session/validate?session_id=" + vars.id, expect: [401] },
      ];`,
    );
    const { code, report } = await bench([...brief, "--script", file, server.url.origin]);
    expect(report!.errorDetails).toEqual({});
    expect(code).toBe(0);
    const [create, validate, deleted, gone] = report!.steps.map((step) => step.answers);
    expect(gone).toBeGreaterThan(0);
    // Each user is at most one step ahead.
    for (const other of [validate, deleted, gone]) expect(create! - other!).toBeLessThanOrEqual(4);
  });

  test("counts a check that fails, and a user begins again", async () => {
    await using server = sessionServer();
    const file = scriptFile(
      "check.ts",
      `export default { steps: [
        { name: "first", request: "/api/session/batch", check: () => "not what I wanted" },
        { name: "never", request: "/api/session/batch" },
      ] };`,
    );
    const { report } = await bench([...brief, "--script", file, server.url.origin]);
    expect(report!.errorDetails).toEqual({ "body: first: not what I wanted": report!.totals.errors });
    expect(report!.steps.map((step) => step.answers)).toEqual([0, 0]);
  });

  test.each([
    ["missing.ts", undefined, "missing.ts"],
    ["empty.ts", "export const steps = [];", "export default an array of steps"],
    ["nameless.ts", "export default [{ request: '/' }];", "step 1 has no name"],
    ["unasked.ts", "export default [{ name: 'a' }];", 'step "a" has no request'],
    [
      "weights.ts",
      "export default [{ name: 'a', request: '/', weight: 1 }, { name: 'b', request: '/' }];",
      "a weight, or none",
    ],
    ["syntax.ts", "export default [", "syntax.ts"],
  ])("that is wrong is wrong usage: %s", async (name, text, message) => {
    const file = text === undefined ? join(folder, name) : scriptFile(name, text);
    const { code, stderr } = await bench([...brief, "--script", file, "http://127.0.0.1:1"]);
    expect({ code, said: stderr.includes(message) }).toEqual({ code: 2, said: true });
  });
});

describe("TLS", () => {
  let key = "";
  let cert = "";
  beforeAll(() => {
    key = join(folder, "key.pem");
    cert = join(folder, "cert.pem");
    const made = Bun.spawnSync([
      ...["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"],
      ...["-subj", "/CN=localhost", "-keyout", key, "-out", cert],
    ]);
    expect(made.exitCode).toBe(0);
  });

  test("a certificate nobody vouches for is refused, unless --insecure", async () => {
    await using server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      tls: { key: Bun.file(key), cert: Bun.file(cert) },
      fetch: () => new Response("ok"),
    });
    const url = `https://127.0.0.1:${server.port}/`;
    const refused = await bench([...brief, url]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("--insecure accepts any certificate");
    const accepted = await bench([...brief, "--insecure", url]);
    expect(accepted.report!.totals.errors).toBe(0);
    expect(accepted.report!.totals.answers).toBeGreaterThan(10);
  });
});

test("a Unix socket", async () => {
  const unix = join(folder, "test.sock");
  await using server = Bun.serve({ unix, fetch: (request) => new Response(new URL(request.url).pathname) });
  expect(server).toBeDefined();
  const { report } = await bench([...brief, `http://unix:${unix}:/hello`]);
  expect(report!.totals.errors).toBe(0);
  expect(report!.totals.answers).toBeGreaterThan(10);
});

describe("reports", () => {
  const html = join(folder, "report.html");
  const hgrm = join(folder, "report.hgrm");
  let report: Report;
  let stdout: string;

  beforeAll(async () => {
    await using server = rawServer((socket, request) => {
      if (request % 50 === 7) socket.write("HTTP/1.1 500 <script>\r\nContent-Length: 0\r\n\r\n");
      else setTimeout(() => socket.write(OK), request % 20 === 0 ? 15 : 1);
    });
    const finished = await bench([
      ...["--ramp", "500ms", "--warmup", "500ms", "-d", "2s", "-c", "8", "-R", "400", "--slo", "p99<1s,errors<0.1%"],
      ...[
        "--html",
        html,
        "--hgrm",
        hgrm,
        `${server.url}?q=<b>&x="`.replaceAll(/[<>"]/g, (c) => `%${c.charCodeAt(0).toString(16)}`),
      ],
    ]);
    report = finished.report!;
    stdout = finished.stdout;
  });

  test("--json has it all, and its parts agree", () => {
    expect(report).toMatchObject({ format: 1, model: "open", rate: 400, connections: 8, interrupted: false });
    expect(report.totals.answers + report.totals.errors).toBe(800);
    expect(report.totals.errors).toBe(report.errorsByKind.status!);
    expect(report.timeline.map((row) => row.phase).slice(0, 3)).toEqual(["ramp", "measured", "measured"]);
    let recorded = 0;
    for (let i = 1; i < report.histogram.length; i += 2) recorded += report.histogram[i]!;
    expect(recorded).toBe(report.latency.count);
    expect(report.latency.count).toBe(report.totals.answers);
    expect(report.machine.cores).toBeGreaterThan(0);
    expect(report.command).toStartWith("resty bench --ramp 500ms");
  });

  test("piped, progress is plain lines", () => {
    expect(stdout).toMatch(/^1s .*400\/s|^2s measured {2}8 connections/m);
    expect(stdout).not.toContain("\x1b");
  });

  test("--hgrm is HdrHistogram's table, in milliseconds", () => {
    const text = readFileSync(hgrm, "utf8");
    expect(text).toMatch(/Value +Percentile +TotalCount +1\/\(1-Percentile\)/);
    const total = /Total count *= *(\d+)/.exec(text);
    expect(Number(total![1])).toBe(report.latency.count);
    expect(Number(/Max *= *([\d.]+)/.exec(text)![1])).toBeCloseTo(report.latency.maxMs, 0);
  });

  test("--html is one file that needs no other", () => {
    const text = readFileSync(html, "utf8");
    expect(text).not.toMatch(/(src|href)=|@import|url\(|https?:\/\/(?!127\.0\.0\.1)/);
    expect(text).toContain("prefers-color-scheme: dark");
    expect(text.length).toBeLessThan(300_000);
  });

  test("and a browser draws it", async () => {
    const chromium = Bun.which("chromium") ?? Bun.which("chromium-browser") ?? Bun.which("google-chrome");
    // The check itself would be silent where no browser is: so its absence is a failure with a name.
    expect(chromium, "chromium (Debian: apt-get install chromium)").not.toBeNull();
    // What the page's own script sees once it is laid out goes into the title, which --dump-dom shows.
    const probe = `<script>
      const boxes = [...document.querySelectorAll("svg")].map((svg) => svg.getBoundingClientRect());
      const marks = [...document.querySelectorAll("path.line, rect.bar")].map((mark) => mark.getBBox());
      const wide = document.documentElement.scrollWidth > innerWidth;
      const svg = document.querySelector("svg");
      svg.dispatchEvent(new PointerEvent("pointermove", { clientX: 300, clientY: 300, bubbles: true }));
      document.title = JSON.stringify({ charts: boxes.filter((box) => box.width > 200 && box.height > 80).length,
        marks: marks.filter((mark) => mark.width > 0).length, wide, readout: document.getElementById("readout").textContent,
        background: getComputedStyle(document.body).backgroundColor });
    </script>`;
    const probed = join(folder, "probed.html");
    writeFileSync(probed, readFileSync(html, "utf8").replace("</body>", `${probe}</body>`));
    const look = async (...flags: string[]): Promise<Record<string, unknown>> => {
      const profile = mkdtempSync(join(folder, "chromium-"));
      const child = Bun.spawn(
        [
          ...[chromium!, "--headless", "--no-sandbox", "--disable-gpu", `--user-data-dir=${profile}`],
          ...[...flags, "--dump-dom", `file://${probed}`],
        ],
        { stdout: "pipe", stderr: "ignore" },
      );
      const dom = await new Response(child.stdout).text();
      await child.exited;
      const title = /<title>(.*?)<\/title>/s.exec(dom)![1]!;
      return JSON.parse(title.replaceAll("&amp;", "&").replaceAll("&lt;", "<").replaceAll("&gt;", ">")) as Record<
        string,
        unknown
      >;
    };
    const desktop = await look("--window-size=1300,900");
    expect(desktop).toMatchObject({ charts: 4, wide: false });
    expect(desktop["marks"]).toBeGreaterThan(10);
    expect(desktop["readout"]).toMatch(/s\nanswers {2}.*\/s/);
    const dark = await look("--window-size=500,900", "--blink-settings=preferredColorScheme=0");
    expect(dark).toMatchObject({ charts: 4, wide: false });
    expect(dark["background"]).not.toBe(desktop["background"]);
  }, 60_000);

  test("--compare sets two side by side", async () => {
    const before = join(folder, "before.json");
    const after = join(folder, "after.json");
    writeFileSync(before, JSON.stringify(report));
    const faster = { ...report, connections: 16, latency: { ...report.latency, p50Ms: report.latency.p50Ms / 2 } };
    writeFileSync(after, JSON.stringify(faster));
    const run = (args: string[]) => Bun.spawnSync([process.execPath, benchEntry, "--compare", ...args]);
    const compared = run([before, after]).stdout.toString();
    expect(compared).toMatch(/p50 .*-50\.\d %/);
    expect(compared).toMatch(/throughput .* same/);
    expect(compared).toContain("not the same: 8 connections | 16 connections");
    const wrong = run([before, html]);
    expect(wrong.exitCode).toBe(1);
    expect(wrong.stderr.toString()).toContain(`cannot read ${html}`);
  });

  test("that cannot be written are said so", async () => {
    await using server = rawServer((socket) => socket.write(OK));
    const { code, stderr } = await bench([...brief, "--html", join(folder, "no", "such", "folder.html"), server.url]);
    expect(code).toBe(1);
    expect(stderr).toContain("cannot write");
  });

  test("--json - leaves standard output to the report", async () => {
    await using server = rawServer((socket) => socket.write(OK));
    const child = Bun.spawn([process.execPath, benchEntry, ...brief, "--json", "-", server.url], {
      stdout: "pipe",
      stderr: "ignore",
    });
    const read = (await new Response(child.stdout).json()) as Report;
    expect(read.totals.answers).toBeGreaterThan(10);
    expect(existsSync("-")).toBe(false);
  });
});
