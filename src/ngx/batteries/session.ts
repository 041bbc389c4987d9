import { nodeCrypto } from "../../std/builtins.ts";
import { type CookieOptions, parseCookies, serializeCookie } from "./cookie.ts";

export interface SessionCookieOptions extends CookieOptions {
  /** At least 16 characters. The first encrypts; all of them decrypt, so that a secret can be changed. */
  readonly secrets: readonly [string, ...string[]];
  /** Default "session". */
  readonly name?: string;
  /** Default one day. */
  readonly lifetimeSeconds?: number;
}

interface Sealed {
  readonly data: unknown;
  /** Milliseconds since 1970. */
  readonly until: number;
}

/** A session that is kept in the client's cookie: encrypted and authenticated, with an end of its own. */
export class SessionCookie<T = unknown> {
  readonly #keys: readonly Buffer[];
  readonly #name: string;
  readonly #lifetimeSeconds: number;

  constructor(private readonly options: SessionCookieOptions) {
    for (const secret of options.secrets)
      if (secret.length < 16) throw new TypeError("a session's secret needs 16 characters at least");
    this.#keys = options.secrets.map((secret) =>
      Buffer.from(nodeCrypto().hkdfSync("sha256", secret, "", "resty session cookie", 32)),
    );
    this.#name = options.name ?? "session";
    this.#lifetimeSeconds = options.lifetimeSeconds ?? 86_400;
  }

  /** @param header The request's Cookie header. @returns undefined for a session that is missing, forged or over */
  read(header: string | undefined): T | undefined {
    const sealed = parseCookies(header)[this.#name];
    if (sealed === undefined) return undefined;
    for (const key of this.#keys) {
      const opened = open(key, sealed);
      if (opened) return opened.until > Date.now() ? (opened.data as T) : undefined;
    }
    return undefined;
  }

  /** The value of a Set-Cookie header. */
  write(data: T): string {
    const sealed = seal(this.#keys[0]!, { data, until: Date.now() + this.#lifetimeSeconds * 1000 });
    return serializeCookie(this.#name, sealed, this.#attributes(this.#lifetimeSeconds));
  }

  /** The value of a Set-Cookie header that ends the session. */
  clear(): string {
    return serializeCookie(this.#name, "", this.#attributes(0));
  }

  #attributes(maxAgeSeconds: number): CookieOptions {
    return { path: "/", httpOnly: true, secure: true, sameSite: "Lax", ...this.options, maxAgeSeconds };
  }
}

function seal(key: Buffer, content: Sealed): string {
  const nonce = nodeCrypto().randomBytes(12);
  const cipher = nodeCrypto().createCipheriv("aes-256-gcm", key, nonce);
  const body = Buffer.concat([cipher.update(JSON.stringify(content)), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), body]).toString("base64url");
}

function open(key: Buffer, sealed: string): Sealed | undefined {
  const bytes = Buffer.from(sealed, "base64url");
  if (bytes.length < 29) return undefined;
  try {
    const decipher = nodeCrypto().createDecipheriv("aes-256-gcm", key, bytes.subarray(0, 12));
    decipher.setAuthTag(bytes.subarray(12, 28));
    return JSON.parse(Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString()) as Sealed;
  } catch {
    return undefined; // made with another secret, or by somebody else
  }
}
