import type { KeyObject } from "node:crypto";
import { nodeCrypto } from "../../std/builtins.ts";

export type JwtAlgorithm = "HS256" | "HS384" | "HS512" | "RS256" | "RS384" | "RS512" | "ES256" | "ES384" | "EdDSA";

export interface JwtClaims {
  readonly iss?: string;
  readonly sub?: string;
  readonly aud?: string | readonly string[];
  /** Seconds since 1970. */
  readonly exp?: number;
  readonly nbf?: number;
  readonly iat?: number;
  readonly [claim: string]: unknown;
}

export interface VerifyOptions {
  /** The only ones believed; a token does not choose how it is checked. */
  readonly algorithms: readonly JwtAlgorithm[];
  readonly issuer?: string;
  readonly audience?: string;
  /** How far clocks may differ; default 0. */
  readonly leewaySeconds?: number;
  /** For tests. */
  readonly nowSeconds?: number;
}

/** Why a token is not believed. */
export class InvalidToken extends Error {
  override readonly name = "InvalidToken";
}

const json = (part: unknown): string => Buffer.from(JSON.stringify(part)).toString("base64url");
const hash = (algorithm: JwtAlgorithm): string => `sha${algorithm.slice(2)}`;
const isHmac = (algorithm: JwtAlgorithm): boolean => algorithm.startsWith("HS");

/** @param key A secret for HS…, else a private key in PEM. */
export function signJwt(claims: JwtClaims, key: string | Uint8Array, algorithm: JwtAlgorithm = "HS256"): string {
  const input = `${json({ alg: algorithm, typ: "JWT" })}.${json(claims)}`;
  return `${input}.${signature(algorithm, input, key).toString("base64url")}`;
}

function signature(algorithm: JwtAlgorithm, input: string, key: string | Uint8Array): Buffer {
  if (isHmac(algorithm)) return nodeCrypto().createHmac(hash(algorithm), key).update(input).digest();
  const privateKey = nodeCrypto().createPrivateKey(Buffer.from(key));
  if (algorithm === "EdDSA") return nodeCrypto().sign(null, Buffer.from(input), privateKey);
  return nodeCrypto().sign(hash(algorithm), Buffer.from(input), keyOptions(algorithm, privateKey));
}

function keyOptions(algorithm: JwtAlgorithm, key: KeyObject): { key: KeyObject; dsaEncoding?: "ieee-p1363" } {
  return algorithm.startsWith("ES") ? { key, dsaEncoding: "ieee-p1363" } : { key };
}

/**
 * @param key The secret, or a public key in PEM.
 * @returns The claims of a token that is to be believed.
 * @throws InvalidToken that says why not.
 * @see RFC 7519, RFC 8725
 */
export function verifyJwt(token: string, key: string | Uint8Array, options: VerifyOptions): JwtClaims {
  const [head, body, tail, ...rest] = token.split(".");
  if (!head || !body || tail === undefined || rest.length > 0) throw new InvalidToken("it does not have three parts");
  const { alg } = parsed(head) as { alg?: JwtAlgorithm };
  if (!alg || !options.algorithms.includes(alg))
    throw new InvalidToken(`its algorithm ${JSON.stringify(alg)} is not allowed`);
  if (!isSignedBy(alg, `${head}.${body}`, Buffer.from(tail, "base64url"), key))
    throw new InvalidToken("its signature is not of this key");
  const claims = parsed(body) as JwtClaims;
  checkClaims(claims, options);
  return claims;
}

function parsed(part: string): unknown {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString());
    if (typeof value === "object" && value !== null) return value;
  } catch {
    // said below, with the same words
  }
  throw new InvalidToken("a part of it is not JSON");
}

function isSignedBy(algorithm: JwtAlgorithm, input: string, signed: Buffer, key: string | Uint8Array): boolean {
  if (isHmac(algorithm)) {
    const expected = signature(algorithm, input, key);
    return expected.length === signed.length && nodeCrypto().timingSafeEqual(expected, signed);
  }
  const publicKey = nodeCrypto().createPublicKey(Buffer.from(key));
  if (algorithm === "EdDSA") return nodeCrypto().verify(null, Buffer.from(input), publicKey, signed);
  return nodeCrypto().verify(hash(algorithm), Buffer.from(input), keyOptions(algorithm, publicKey), signed);
}

function checkClaims(
  claims: JwtClaims,
  { issuer, audience, leewaySeconds = 0, nowSeconds = Date.now() / 1000 }: VerifyOptions,
): void {
  const time = (value: unknown): number => {
    if (typeof value !== "number") throw new InvalidToken("a time in it is not a number");
    return value;
  };
  if (claims.exp !== undefined && time(claims.exp) + leewaySeconds <= nowSeconds)
    throw new InvalidToken("it has expired");
  if (claims.nbf !== undefined && time(claims.nbf) - leewaySeconds > nowSeconds)
    throw new InvalidToken("it is not valid yet");
  if (issuer !== undefined && claims.iss !== issuer) throw new InvalidToken("its issuer is another one");
  if (audience !== undefined && ![claims.aud].flat().includes(audience))
    throw new InvalidToken("it is meant for somebody else");
}
