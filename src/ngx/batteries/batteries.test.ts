import { describe, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { parseCookies, serializeCookie } from "./cookie.ts";
import { health } from "./health.ts";
import { InvalidToken, signJwt, verifyJwt } from "./jwt.ts";
import { LruCache } from "./lrucache.ts";
import { SessionCookie } from "./session.ts";
import { html, raw } from "./template.ts";
import { upload } from "./upload.ts";

describe("LruCache", () => {
  test("forgets what was used least", () => {
    const cache = new LruCache<number>(2);
    cache.set("a", 1);
    cache.set("b", 2);
    cache.get("a");
    cache.set("c", 3);
    expect([cache.get("a"), cache.get("b"), cache.get("c"), cache.size]).toEqual([1, undefined, 3, 2]);
  });

  test("tells an expired value from a live one", () => {
    const cache = new LruCache<number>(2);
    cache.set("a", 1, 1e-9);
    expect(cache.get("a")).toBeUndefined();
    expect(cache.getStale("a")).toEqual({ value: 1, stale: true });
  });
});

describe("cookies", () => {
  test.each([
    ["a=1; b=%C3%A4; a=2", { a: "1", b: "ä" }],
    ['q="x y"', { q: "x y" }],
    ["bad=%zz; =x; novalue", { bad: "%zz" }],
    ["__proto__=1", { ["__proto__"]: "1" }],
  ])("%s", (header, expected) => {
    expect({ ...parseCookies(header) }).toEqual(expected as Record<string, string>);
  });

  test("are written with their attributes", () => {
    expect(
      serializeCookie("sid", "ä;b", { path: "/", maxAgeSeconds: 60, secure: true, httpOnly: true, sameSite: "Lax" }),
    ).toBe("sid=%C3%A4%3Bb; Path=/; Max-Age=60; SameSite=Lax; Secure; HttpOnly");
    expect(() => serializeCookie("a b", "")).toThrow(TypeError);
    expect(() => serializeCookie("a", "", { path: "/;Domain=evil" })).toThrow(TypeError);
  });
});

describe("jwt", () => {
  const options = { algorithms: ["HS256"] as const, nowSeconds: 1000 };

  test("verifies what RFC 7515 signs", () => {
    const token =
      "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const key = Buffer.from(
      "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
      "base64url",
    );
    expect(verifyJwt(token, key, options).iss).toBe("joe");
  });

  test.each([["HS512"], ["RS256"], ["ES256"], ["EdDSA"]] as const)("signs and verifies with %s", (algorithm) => {
    const pem = {
      publicKeyEncoding: { type: "spki", format: "pem" },
      privateKeyEncoding: { type: "pkcs8", format: "pem" },
    } as const;
    const pair =
      algorithm === "HS512"
        ? { privateKey: "secret", publicKey: "secret" }
        : algorithm === "RS256"
          ? generateKeyPairSync("rsa", { modulusLength: 2048, ...pem })
          : algorithm === "ES256"
            ? generateKeyPairSync("ec", { namedCurve: "P-256", ...pem })
            : generateKeyPairSync("ed25519", pem);
    const token = signJwt({ sub: "x" }, pair.privateKey, algorithm);
    expect(verifyJwt(token, pair.publicKey, { algorithms: [algorithm] }).sub).toBe("x");
    expect(() => verifyJwt(`${token.slice(0, -6)}AAAAAA`, pair.publicKey, { algorithms: [algorithm] })).toThrow(
      InvalidToken,
    );
  });

  test.each([
    ["expired", { exp: 999 }],
    ["early", { nbf: 1001 }],
    ["another issuer's", { iss: "other" }],
    ["somebody else's", { iss: "me", aud: ["x"] }],
  ])("refuses one that is %s", (_, claims) => {
    const token = signJwt(claims, "k");
    expect(() => verifyJwt(token, "k", { ...options, issuer: "me", audience: "us" })).toThrow(InvalidToken);
  });

  test("does not let a token choose how it is checked", () => {
    const none = `${Buffer.from('{"alg":"none"}').toString("base64url")}.${Buffer.from("{}").toString("base64url")}.`;
    expect(() => verifyJwt(none, "k", options)).toThrow("not allowed");
    expect(() => verifyJwt("a.b", "k", options)).toThrow(InvalidToken);
  });
});

test("a session cookie opens with any of its secrets, and not when it was touched", () => {
  const old = new SessionCookie<{ user: number }>({ secrets: ["an old secret of ours"] });
  const session = new SessionCookie<{ user: number }>({ secrets: ["a new secret of ours", "an old secret of ours"] });
  const cookie = old.write({ user: 7 }).split(";")[0]!;
  expect(session.read(cookie)).toEqual({ user: 7 });
  expect(session.read(`${cookie.slice(0, -4)}AAAA`)).toBeUndefined();
  expect(session.read("session=x")).toBeUndefined();
  expect(session.clear()).toContain("Max-Age=0");
  const brief = new SessionCookie({ secrets: ["an old secret of ours"], lifetimeSeconds: -1 });
  expect(session.read(brief.write({}).split(";")[0])).toBeUndefined();
});

test("a template escapes what goes into it", () => {
  const items = ["<b>", html`<i>${"&"}</i>`, raw("<hr>")];
  expect(html`<p title="${'"'}">${items}${null}${false}</p>`.toString()).toBe(
    '<p title="&quot;">&lt;b&gt;<i>&amp;</i><hr></p>',
  );
});

test("health tells which check has failed", async () => {
  const checks = {
    good: () => true,
    bad: () => {
      throw new Error("down");
    },
    no: () => false,
    slow: () => new Promise(() => {}),
  };
  const response = await health(checks, { timeoutSeconds: 0.01 });
  expect(response.status).toBe(503);
  const report = (await response.json()) as { checks: Record<string, { status: string; error?: string }> };
  expect(Object.fromEntries(Object.entries(report.checks).map(([name, { status }]) => [name, status]))).toEqual({
    good: "ok",
    bad: "failed",
    no: "failed",
    slow: "failed",
  });
  expect((await health({})).status).toBe(200);
});

describe("upload", () => {
  const boundary = "xYz";
  const text = [
    'preamble\r\n--xYz\r\nContent-Disposition: form-data; name="a"\r\n\r\nvalue\r\n',
    '--xYz\r\nContent-Disposition: form-data; name="empty"\r\n\r\n\r\n',
    '--xYz\r\nContent-Disposition: form-data; name="f"; filename="gr\xc3\xbcn \\"x\\".bin"\r\nContent-Type: image/png\r\n\r\nda\r\n--xYta\r\n',
    "--xYz--\r\nepilogue",
  ].join("");

  async function* chunks(size: number): AsyncGenerator<Uint8Array> {
    const bytes = Buffer.from(text, "latin1");
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  }

  test.each([1, 2, 3, 7, 16, 10_000])("takes the parts out of chunks of %i bytes", async (size) => {
    const parts: unknown[] = [];
    for await (const part of upload(chunks(size), `multipart/form-data; boundary=${boundary}`)) {
      let body = "";
      for await (const chunk of part.body) body += Buffer.from(chunk).toString("latin1");
      parts.push([part.name, part.filename, part.contentType, body]);
    }
    expect(parts).toEqual([
      ["a", undefined, "text/plain", "value"],
      ["empty", undefined, "text/plain", ""],
      ["f", 'grün "x".bin', "image/png", "da\r\n--xYta"],
    ]);
  });

  test("refuses a body that ends early, and one that is none", async () => {
    const cut = async function* (): AsyncGenerator<Uint8Array> {
      yield Buffer.from('--xYz\r\nContent-Disposition: form-data; name="a"\r\n\r\nval');
    };
    const read = async (body: AsyncIterable<Uint8Array>, type: string): Promise<void> => {
      for await (const part of upload(body, type)) for await (const _ of part.body);
    };
    expect(read(cut(), "multipart/form-data; boundary=xYz")).rejects.toThrow("ends in the middle");
    expect(read(cut(), "text/plain")).rejects.toThrow("no multipart form");
  });
});
