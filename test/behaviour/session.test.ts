import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Redis, redis } from "../lib/services.ts";
import { type SessionService, startSessions } from "../lib/session.ts";
import { until } from "../lib/wait.ts";

const unknownId = "0123456789abcdef0123456789abcdef";
const json = "application/json";
const form = "application/x-www-form-urlencoded";

/** A form of one part, in bytes as they are. */
const part = (disposition: string, text: string): Uint8Array =>
  Buffer.from(`--b\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n${text}\r\n--b--\r\n`, "latin1");

interface Store {
  readonly name: string;
  readonly redis: boolean;
}

describe.each<Store>([
  { name: "embedded store", redis: false },
  { name: "Redis", redis: true },
])("$name", ({ redis: usesRedis }) => {
  let store: Redis | undefined;
  let service: SessionService;

  beforeAll(async () => {
    if (usesRedis) store = await redis();
    service = await startSessions({ redisUrl: store?.url, workers: 2 });
  });
  afterAll(async () => {
    await service[Symbol.asyncDispose]();
    await store?.[Symbol.asyncDispose]();
  });

  test("create answers with the session", async () => {
    const before = Math.floor(Date.now() / 1000);
    const reply = await service.ask("create?user_id=ann&user_data=first");
    expect(reply).toMatchObject({ status: 200, type: json });
    const { session_id, session_data } = reply.json;
    expect(session_id).toMatch(/^[0-9a-f]{32}$/);
    expect(session_data.created_at).toBeGreaterThanOrEqual(before);
    expect(session_data.created_at).toBeLessThanOrEqual(Date.now() / 1000);
    expect(reply.json).toEqual({
      success: true,
      session_id,
      session_data: {
        user_id: "ann",
        user_data: "first",
        created_at: session_data.created_at,
        last_accessed: session_data.created_at,
      },
    });
  });

  test("user_data may be left out", async () => {
    expect((await service.ask("create?user_id=ann")).json.session_data.user_data).toBe("");
  });

  test("ids are different", async () => {
    expect(await service.create()).not.toBe(await service.create());
  });

  test("validate, update and batch answer with the session, delete ends it", async () => {
    const id = await service.create();
    const validated = await service.ask(`validate?session_id=${id}`);
    expect(validated).toMatchObject({ status: 200, type: json });
    expect(Object.keys(validated.json)).toEqual(["success", "session"]);
    expect(validated.json.session).toEqual({
      user_id: "ann",
      user_data: "first",
      created_at: expect.any(Number),
      last_accessed: expect.any(Number),
    });

    const updated = await service.ask(`update?session_id=${id}&user_data=second`);
    expect(updated).toMatchObject({ status: 200, type: json });
    expect(updated.json).toEqual({
      success: true,
      session: { ...validated.json.session, user_data: "second", last_accessed: expect.any(Number) },
    });
    expect((await service.ask(`validate?session_id=${id}`)).json.session.user_data).toBe("second");

    const batch = await service.ask(`batch?session_ids=${id},%20${unknownId}%20,,nonsense,${id}`);
    expect(batch).toMatchObject({ status: 200, type: json });
    expect(batch.json).toEqual({
      success: true,
      sessions: { [id]: { ...updated.json.session, last_accessed: expect.any(Number) } },
    });

    expect(await service.ask(`delete?session_id=${id}`)).toMatchObject({
      status: 200,
      type: json,
      json: { success: true, session_id: id },
    });
    for (const target of ["validate?", "update?user_data=x&", "delete?"])
      expect(await service.ask(`${target}session_id=${id}`)).toMatchObject({
        status: 401,
        type: json,
        json: { error: "Session not found" },
      });
    expect((await service.ask(`batch?session_ids=${id}`)).json).toEqual({ success: true, sessions: {} });
  });

  test.each([
    ["create", 400, "user_id is required"],
    ["create?user_id=", 400, "user_id is required"],
    ["create?user_data=x", 400, "user_id is required"],
    ["create?user_id=a&user_id=b", 400, "user_id is given more than once"],
    [`create?user_id=${"x".repeat(256)}`, 400, "user_id is too long (max 255)"],
    ["create?user_id=%ff", 400, "user_id is not valid UTF-8"],
    ["create?user_id=a&user_data=%c3", 400, "user_data is not valid UTF-8"],
    ["validate", 400, "session_id is required"],
    ["validate?session_id", 400, "session_id is required"],
    ["validate?session_id=", 400, "session_id is required"],
    ["validate?session_id=nonsense", 401, "Session not found"],
    [`validate?session_id=${unknownId}`, 401, "Session not found"],
    [`validate?session_id=${unknownId.toUpperCase()}`, 401, "Session not found"],
    [`validate?session_id=${unknownId}0`, 401, "Session not found"],
    ["validate?session_id=session:*%0d%0aDEL%20a", 401, "Session not found"],
    ["update", 400, "session_id is required"],
    [`update?session_id=${unknownId}`, 400, "user_data is required"],
    ["update?user_data=x", 400, "session_id is required"],
    [`update?session_id=${unknownId}&user_data=x`, 401, "Session not found"],
    ["update?session_id=nonsense&user_data=x", 401, "Session not found"],
    ["delete", 400, "session_id is required"],
    [`delete?session_id=${unknownId}`, 401, "Session not found"],
    ["delete?session_id=nonsense", 401, "Session not found"],
    ["batch", 400, "session_ids is required"],
    ["batch?session_ids=", 400, "session_ids is required"],
    ["batch?session_ids=%20,,%20", 400, "No valid session IDs provided"],
    [`batch?session_ids=${Array(101).fill(unknownId).join(",")}`, 400, "Too many session IDs (max 100)"],
  ])("%s is refused", async (target, status, error) => {
    expect(await service.ask(target)).toMatchObject({ status, type: json, json: { error } });
  });

  test("a batch of 100 answers with all of them", async () => {
    const ids = await Promise.all(Array.from({ length: 100 }, (_, i) => service.create(`user-${i}`)));
    const reply = await service.ask(`batch?session_ids=${ids.join(",")}`);
    expect(reply.status).toBe(200);
    expect(Object.keys(reply.json.sessions).sort()).toEqual([...ids].sort());
    expect(reply.json.sessions[ids[7]!].user_id).toBe("user-7");
    expect((await service.ask("batch", { type: json, body: JSON.stringify({ session_ids: ids }) })).status).toBe(200);
  });

  describe("arguments in a body", () => {
    const texts = [
      "plain",
      "ä€😀",
      'a"\\b',
      "line\r\nX-Injected: 1",
      "\0\x01\x7f",
      '{"theme":"dark"}',
      "a&b=c+d%20e",
      "null",
    ];

    test.each(texts)("%j survives as JSON and as a form", async (text) => {
      const asJson = await service.ask("create", {
        type: json,
        body: JSON.stringify({ user_id: text, user_data: text }),
      });
      expect(asJson.json.session_data).toMatchObject({ user_id: text, user_data: text });
      const body = new URLSearchParams({ user_id: text, user_data: text }).toString();
      const asForm = await service.ask("create", { type: `${form}; charset=utf-8`, body });
      expect(asForm.json.session_data).toMatchObject({ user_id: text, user_data: text });
      const asQuery = await service.ask(`create?${body}`);
      expect(asQuery.json.session_data).toMatchObject({ user_id: text, user_data: text });
      for (const { json } of [asJson, asForm, asQuery])
        expect((await service.ask(`validate?session_id=${json.session_id}`)).json.session).toMatchObject({
          user_id: text,
          user_data: text,
        });
    });

    test("objects and numbers are kept as their JSON", async () => {
      const body = JSON.stringify({ user_id: 42, user_data: { theme: "dark", list: [1, null] } });
      const { session_data } = (await service.ask("create", { type: json, body })).json;
      expect(session_data).toMatchObject({ user_id: "42", user_data: '{"theme":"dark","list":[1,null]}' });
    });

    test("every endpoint takes them", async () => {
      const id = await service.create();
      const post = (name: string, more = {}) =>
        service.ask(name, { type: json, body: JSON.stringify({ session_id: id, ...more }) });
      expect((await post("validate")).json.session.user_id).toBe("ann");
      expect((await post("update", { user_data: "new" })).json.session.user_data).toBe("new");
      expect((await service.ask("batch", { type: form, body: `session_ids=${id}` })).json.sessions[id].user_data).toBe(
        "new",
      );
      expect((await post("delete")).status).toBe(200);
    });

    test("the query string comes first", async () => {
      const reply = await service.ask("create?user_id=query", {
        type: json,
        body: '{"user_id":"body","user_data":"body"}',
      });
      expect(reply.json.session_data).toMatchObject({ user_id: "query", user_data: "body" });
    });

    test("a multipart form is a form", async () => {
      const body = '--b\r\nContent-Disposition: form-data; name="user_id"\r\n\r\nann\r\n--b--\r\n';
      expect(
        (await service.ask("create", { type: "multipart/form-data; boundary=b", body })).json.session_data.user_id,
      ).toBe("ann");
    });

    test("a megabyte of data survives", async () => {
      const text = "0123456789abcdef".repeat(65_536);
      const { status, json: created } = await service.ask("create", {
        type: json,
        body: JSON.stringify({ user_id: "big", user_data: text }),
      });
      expect(status).toBe(200);
      expect((await service.ask(`validate?session_id=${created.session_id}`)).json.session.user_data).toBe(text);
      await service.ask(`delete?session_id=${created.session_id}`);
    });

    test.each<[string, string | Uint8Array, number, string]>([
      [json, "", 400, "user_id is required"],
      [json, "{", 400, "The request body is not valid JSON"],
      [json, "[".repeat(60_000), 400, "The request body is not valid JSON"],
      [json, "[]", 400, "The request body must be a JSON object"],
      [json, "null", 400, "The request body must be a JSON object"],
      [json, new Uint8Array([0x7b, 0xff, 0x7d]), 400, "The request body is not valid UTF-8"],
      [json, '{"user_id":null}', 400, "user_id is required"],
      [json, '{"user_id":["a"]}', 400, "user_id must be text"],
      [json, '{"user_id":"\\ud800"}', 400, "user_id is not valid Unicode"],
      [json, '{"user_id":12345678901234567890}', 400, "user_id is too large for a number: send it as text"],
      [json, '{"__proto__":{"user_id":"x"}}', 400, "user_id is required"],
      [form, "user_id=%ff", 400, "user_id is not valid UTF-8"],
      ["text/plain", "user_id=a", 415, "The request body must be JSON or a form"],
      [json, `{"user_id":"${"x".repeat(1 << 20)}"}`, 400, "user_id is too long (max 255)"],
      [json, '{"user_id":"a","user_data":1e400}', 400, "user_data is too large for a number: send it as text"],
      [
        json,
        '{"user_id":"a","user_data":{"n":[12345678901234567890]}}',
        400,
        "user_data has a number that is too large: send it as text",
      ],
      [json, '{"user_id":"a","user_data":"\\udc00"}', 400, "user_data is not valid Unicode"],
      [form, "user_id=a&user_data=%00%ff%fe", 400, "user_data is not valid UTF-8"],
      [
        form,
        new Uint8Array([...Buffer.from("user_id=a&user_data="), 0xff, 0xfe]),
        400,
        "The request body is not valid UTF-8",
      ],
      ["multipart/form-data; boundary=b", part('name="user_data"; filename="x"', "x"), 400, "user_data is a file"],
      ["multipart/form-data; boundary=b", part('name="user_id"', "\xff"), 400, "user_id is not valid UTF-8"],
    ])("%s %p is refused", async (type, body, status, error) => {
      expect(await service.ask("create", { type, body })).toMatchObject({ status, type: json, json: { error } });
    });

    test("a megabyte where an id should be is no id", async () => {
      const long = "0".repeat(1 << 20);
      const post = (target: string, body: object) => service.ask(target, { type: json, body: JSON.stringify(body) });
      for (const target of ["validate", "delete"]) expect((await post(target, { session_id: long })).status).toBe(401);
      expect((await post("update", { session_id: long, user_data: "x" })).status).toBe(401);
      expect((await post("batch", { session_ids: long })).json).toEqual({ success: true, sessions: {} });
      expect((await post("batch", { session_ids: `${long},`.repeat(2) })).json.sessions).toEqual({});
      expect((await post("batch", { session_ids: ",".repeat(1 << 20) })).status).toBe(400);
      expect((await post("create", { user_id: "a", user_data: "x".repeat(5 << 20) })).status).toBe(413);
    });

    test("what looks like a command, a field, a header or a line of a log is data", async () => {
      const nasty =
        "x\r\nSET injected 1\r\n$5\r\nX-Injected: 1\r\n\r\n'; DROP TABLE users; --\n2026/01/01 [emerg] injected";
      const body = JSON.stringify({ user_id: nasty.slice(0, 200), user_data: nasty, session_id: nasty });
      const created = await service.ask("create", { type: json, body });
      expect(created.json.session_data).toMatchObject({ user_id: nasty.slice(0, 200), user_data: nasty });
      for (const target of ["validate", "update", "delete"])
        expect((await service.ask(target, { type: json, body })).status).toBe(401);
      const batch = await service.ask("batch", { type: json, body: JSON.stringify({ session_ids: [nasty] }) });
      expect(batch.json.sessions).toEqual({});
      expect(service.server.errorLog()).not.toContain("injected");
      if (!store) return;
      const keys = (await store.command("KEYS", "*")).split("\r\n").filter((line) => /^[^*$]/.test(line));
      for (const key of keys) expect(key).toMatch(/^session:[0-9a-f]{32}$/);
    });

    test("data as deep as a body can be is kept or refused", async () => {
      const deep = "[".repeat(30_000) + "]".repeat(30_000);
      const { status } = await service.ask("create", { type: json, body: `{"user_id":"a","user_data":${deep}}` });
      expect([200, 400]).toContain(status);
    });
  });

  test("methods other than GET, HEAD and POST are refused", async () => {
    expect((await service.ask("create?user_id=a", { method: "PUT" })).status).toBe(405);
    expect((await service.ask("delete", { method: "DELETE" })).status).toBe(405);
  });

  test("HEAD answers without a body", async () => {
    const id = await service.create();
    expect(await service.ask(`validate?session_id=${id}`, { method: "HEAD" })).toMatchObject({ status: 200, text: "" });
  });

  test("last_accessed is written within a second or so, and once for many uses", async () => {
    const id = await service.create();
    const created = (await service.ask(`batch?session_ids=${id}`)).json.sessions[id];
    await until("another second", () => Math.floor(Date.now() / 1000) > created.created_at);
    await Promise.all(Array.from({ length: 20 }, () => service.ask(`validate?session_id=${id}`)));
    await until("the new time in the store", async () => {
      const { last_accessed, created_at } = (await service.ask(`batch?session_ids=${id}`)).json.sessions[id];
      return last_accessed > created_at;
    });
  });

  test("a session that was deleted while its use was to be written does not come back", async () => {
    const id = await service.create();
    await service.ask(`validate?session_id=${id}`);
    await service.ask(`delete?session_id=${id}`);
    const witness = await service.create();
    const { created_at } = (await service.ask(`validate?session_id=${witness}`)).json.session;
    await until("another second", () => Math.floor(Date.now() / 1000) > created_at);
    await service.ask(`validate?session_id=${witness}`);
    await until(
      "the next writing",
      async () => (await service.ask(`batch?session_ids=${witness}`)).json.sessions[witness].last_accessed > created_at,
    );
    expect((await service.ask(`validate?session_id=${id}`)).status).toBe(401);
    if (store) expect(await store.command("EXISTS", `session:${id}`)).toBe(":0\r\n");
  });
});

describe.each([1, 2, 4])("%d workers", (workers) => {
  test.each(["embedded", "redis"])(
    "see each other's writes at once: %s",
    async (kind) => {
      await using stack = new AsyncDisposableStack();
      const store = kind === "redis" ? stack.use(await redis()) : undefined;
      const service = stack.use(await startSessions({ redisUrl: store?.url, workers }));
      const connections = await service.everyWorker(workers);
      for (const writer of connections) {
        const created = await service.ask("create?user_id=ann&user_data=first", { over: writer });
        const id = created.json.session_id;
        const seen = () => Promise.all(connections.map((over) => service.ask(`validate?session_id=${id}`, { over })));
        for (const { json } of await seen()) expect(json.session.user_data).toBe("first");
        for (let i = 0; i < 20; i++) {
          await service.ask(`update?session_id=${id}&user_data=data-${i}`, { over: writer });
          for (const { json } of await seen()) expect(json.session.user_data).toBe(`data-${i}`);
        }
        await service.ask(`delete?session_id=${id}`, { over: writer });
        for (const { status } of await seen()) expect(status).toBe(401);
      }
      for (const connection of connections) connection[Symbol.dispose]();
    },
    30_000,
  );
});

test("a store in memory that is full ends nobody's session", async () => {
  await using service = await startSessions({ dictBytes: "64k" });
  const ids: string[] = [];
  let refusal;
  while (refusal === undefined && ids.length < 5000) {
    const reply = await service.ask(`create?user_id=ann&user_data=${"x".repeat(200)}`);
    if (reply.status === 200) ids.push(reply.json.session_id);
    else refusal = reply;
  }
  expect(ids.length).toBeGreaterThan(20);
  expect(refusal).toMatchObject({ status: 500, json: { error: "Failed to store session" } });
  const larger = `${"y".repeat(2000)}`;
  expect((await service.ask(`update?session_id=${ids[0]}&user_data=${larger}`)).status).toBe(503);
  for (const id of ids) expect((await service.ask(`validate?session_id=${id}`)).status).toBe(200);
  await service.server.logged(/session store: shared dictionary "sessions": no memory/);
  for (const id of ids.slice(0, 5)) await service.ask(`delete?session_id=${id}`);
  await service.create();
});

test.each(["embedded", "redis"])(
  "a session ends with its lifetime, and one that slides lives on while it is used: %s",
  async (kind) => {
    await using stack = new AsyncDisposableStack();
    const store = kind === "redis" ? stack.use(await redis()) : undefined;
    const fixed = stack.use(await startSessions({ redisUrl: store?.url, http: "session_lifetime 2s;" }));
    const sliding = stack.use(await startSessions({ redisUrl: store?.url, http: "session_lifetime 2s sliding;" }));
    const [ends, lives] = [await fixed.create(), await sliding.create()];
    const start = Date.now();
    let ended = 0;
    // Used all the while, one of them ends none the less.
    await until("twice the lifetime", async () => {
      if ((await fixed.ask(`validate?session_id=${ends}`)).status === 401) ended ||= Date.now() - start;
      expect((await sliding.ask(`validate?session_id=${lives}`)).status).toBe(200);
      return Date.now() - start > 4500;
    });
    expect(ended).toBeWithin(900, 3500);
  },
  30_000,
);

test("a session in Redis is a hash with a lifetime", async () => {
  await using store = await redis();
  await using service = await startSessions({ redisUrl: store.url });
  const id = await service.create("ann", "first");
  const lifetime = async () => Number((await store.command("TTL", `session:${id}`)).slice(1));
  expect(await lifetime()).toBeWithin(86_390, 86_401);
  const hash = (await store.command("HGETALL", `session:${id}`)).split("\r\n").filter((line) => /^[^*$]/.test(line));
  const [, , , , , created_at] = hash;
  expect(hash).toEqual([
    "user_id",
    "ann",
    "user_data",
    "first",
    "created_at",
    created_at!,
    "last_accessed",
    created_at!,
  ]);
  // What another program gave less time to keeps it, and what it changed is seen once it says so.
  await store.command("EXPIRE", `session:${id}`, "100");
  await service.ask(`update?session_id=${id}&user_data=second`);
  expect(await lifetime()).toBeWithin(90, 101);
  expect((await service.ask(`validate?session_id=${id}`)).json.session.user_data).toBe("second");
  await store.command("HSET", `session:${id}`, "user_data", "third");
  await store.command("PUBLISH", "resty:session:changed", id);
  await until("the change", async () => {
    return (await service.ask(`validate?session_id=${id}`)).json.session.user_data === "third";
  });
});
