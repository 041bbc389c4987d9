import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Server, start } from "../lib/index.ts";
import { shipped } from "../lib/shipped.ts";

/** The configuration that `make serve` serves does what its comments say. */
describe.each([1, 2, 4])("the shipped configuration on %d workers", (workers) => {
  let server: Server;
  beforeAll(async () => {
    server = await start(shipped(workers));
  });
  afterAll(() => server[Symbol.asyncDispose]());

  test("starts without a warning", () => {
    expect(server.output()).toBe("");
    expect(server.errorLog()).not.toMatch(/\[(warn|error|crit)\]/);
    expect(server.workers()).toHaveLength(workers);
  });

  test("the root is the page of html/, and so is what no file answers", async () => {
    for (const path of ["/", "/index.html", "/no/such/page"]) {
      const answer = await server.exchange({ path });
      expect(answer.status).toBe(200);
      expect(answer.header("content-type")).toBe("text/html");
      expect(answer.body).toContain("<title>resty is running</title>");
    }
  });

  test("files that never change are kept for a year, and what is missing of them is a page", async () => {
    const answer = await server.exchange({ path: "/style.css" });
    expect(answer.header("content-type")).toBe("text/css");
    expect(answer.header("cache-control")).toContain("max-age=31536000");
    expect(answer.header("cache-control")).toContain("immutable");
    const missing = await server.exchange({ path: "/missing.css" });
    expect(missing.status).toBe(404);
    expect(missing.body).toContain("<h1>Not found</h1>");
    expect((await server.exchange({ path: "/404.html" })).status).toBe(404);
  });

  test("a file that the client has is not sent again", async () => {
    const etag = (await server.exchange({ path: "/index.html" })).header("etag")!;
    const answer = await server.exchange({ path: "/index.html", headers: { "If-None-Match": etag } });
    expect(answer.status).toBe(304);
    expect(answer.body).toBe("");
  });

  test("script in the configuration answers", async () => {
    const answer = await server.exchange({ path: "/hello?name=you" });
    expect(answer.header("content-type")).toBe("text/plain");
    expect(answer.body).toMatch(/^Hello, you! It is \d{4}-\d\d-\d\dT/);
  });

  test("the status of connections is nginx's text", async () => {
    const answer = await server.exchange({ path: "/nginx_status" });
    expect(answer.body).toMatch(
      /^Active connections: \d+ \nserver accepts handled requests\n \d+ \d+ \d+ \nReading: \d+ Writing: \d+ Waiting: \d+ \n$/,
    );
  });

  test("Prometheus has something to collect", async () => {
    const answer = await server.exchange({ path: "/metrics" });
    expect(answer.body).toMatch(/^resty_zone_entries\{zone="metrics",kind="dict"\} \d+$/m);
  });

  test("resty status has something to read", async () => {
    const run = Bun.spawnSync([process.execPath, "src/main.ts", "status", server.url("/resty_status")]);
    expect(run.stderr.toString()).toBe("");
    expect(run.stdout.toString()).toContain("sessions");
  });

  test("a session lives through create, validate, update and delete", async () => {
    const call = async (path: string) => {
      const answer = await server.exchange({ path: `/api/session/${path}` });
      expect(answer.header("content-type")).toBe("application/json");
      expect(answer.header("cache-control")).toBe("no-store");
      return { status: answer.status, body: JSON.parse(answer.body) as Record<string, unknown> };
    };
    expect(await call("create")).toEqual({ status: 400, body: { error: "user_id is required" } });
    const created = await call("create?user_id=42&user_data=blue");
    expect(created.status).toBe(200);
    const id = created.body.session_id as string;
    expect(id).toMatch(/^[0-9a-f]{32}$/);
    for (let i = 0; i < 2 * workers; i++) expect((await call(`validate?session_id=${id}`)).status).toBe(200);
    const updated = await call(`update?session_id=${id}&user_data=red`);
    expect(updated.body).toMatchObject({ success: true, session: { user_id: "42", user_data: "red" } });
    const batch = await call(`batch?session_ids=${id},%20${"0".repeat(32)}`);
    expect(Object.keys(batch.body.sessions as object)).toEqual([id]);
    expect(await call(`delete?session_id=${id}`)).toEqual({
      status: 200,
      body: { success: true, session_id: id },
    } as never);
    for (let i = 0; i < 2 * workers; i++) expect((await call(`validate?session_id=${id}`)).status).toBe(401);
  });

  test("requests stand in the log, those for sessions with their times", async () => {
    await server.accessed(/"GET \/hello\?name=you HTTP\/1\.1" 200 \d+ "-" "-" "-"/);
    await server.logged("start worker processes");
  });
});
