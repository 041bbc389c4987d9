import { describe, expect, test } from "bun:test";
import { verify } from "./verify.ts";

// Made by htpasswd, openssl passwd and glibc's crypt().
const entries: [form: string, password: string, entry: string][] = [
  ["plain", "secret", "{PLAIN}secret"],
  ["SHA-1", "secret", "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="],
  ["salted SHA-1", "secret", `{SSHA}${ssha("secret", "salt")}`],
  ["DES", "secret", "abNANd1rDfiNc"],
  ["MD5", "secret", "$1$abcdefgh$cHJi5PXp/ki/ktXzqlk6I1"],
  ["Apache's MD5", "secret", "$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/"],
  ["SHA-256, rounds given", "secret", "$5$rounds=2000$abc$vrlxR7o0DfB5s354U61LJz8WOm8rZtSjUNqI5mJH45A"],
  [
    "SHA-512",
    "secret",
    "$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq.H91p5hVO1",
  ],
  ["bcrypt", "secret", "$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a"],
];

function ssha(password: string, salt: string): string {
  const digest = new Bun.CryptoHasher("sha1").update(password).update(salt).digest();
  return Buffer.concat([digest, Buffer.from(salt)]).toString("base64");
}

for (const [form, password, entry] of entries)
  describe(form, () => {
    test("the right password", async () => expect(await verify(password, entry)).toBe(true));
    test("the right password again", async () => expect(await verify(password, entry)).toBe(true));
    test("another one", async () => expect(await verify(`${password}x`, entry)).toBe(false));
    test("none", async () => expect(await verify("", entry)).toBe(false));
  });

test("an empty password and a long one", async () => {
  expect(await verify("", "$1$abcdefgh$")).toBe(false);
  expect(await verify("x".repeat(200), "$6$saltsalt$")).toBe(false);
});

for (const entry of ["{SMD5}abc", "*", "!", ""])
  test(`"${entry}" is no form that can be checked`, async () => expect(await verify("secret", entry)).toBe(false));

test("bcrypt looks at 72 bytes", async () => {
  const entry = await Bun.password.hash("a".repeat(72), { algorithm: "bcrypt", cost: 4 });
  expect(await verify("a".repeat(90), entry)).toBe(true);
});
