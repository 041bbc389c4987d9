export interface CookieOptions {
  readonly path?: string;
  readonly domain?: string;
  readonly maxAgeSeconds?: number;
  readonly expires?: Date;
  readonly secure?: boolean;
  readonly httpOnly?: boolean;
  readonly sameSite?: "Strict" | "Lax" | "None";
  readonly partitioned?: boolean;
}

/** A Cookie header as names and values; of a name that comes twice, the first. */
export function parseCookies(header: string | undefined): Record<string, string> {
  const cookies: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const pair of (header ?? "").split(";")) {
    const equals = pair.indexOf("=");
    if (equals < 0) continue;
    const name = pair.slice(0, equals).trim();
    const value = pair
      .slice(equals + 1)
      .trim()
      .replace(/^"(.*)"$/, "$1");
    if (name !== "" && !(name in cookies)) cookies[name] = decoded(value);
  }
  return cookies;
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value; // somebody else's cookie, in an encoding of its own
  }
}

const attribute = /^[\x20-\x3a\x3c-\x7e]*$/;

/** The value of a Set-Cookie header. @throws TypeError for a name or attribute that would end the cookie early */
export function serializeCookie(name: string, value: string, options: CookieOptions = {}): string {
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name)) throw new TypeError(`"${name}" cannot be the name of a cookie`);
  let text = `${name}=${encodeURIComponent(value)}`;
  const add = (key: string, part: string): void => {
    if (!attribute.test(part)) throw new TypeError(`a cookie's ${key} cannot be ${JSON.stringify(part)}`);
    text += `; ${key}=${part}`;
  };
  if (options.path !== undefined) add("Path", options.path);
  if (options.domain !== undefined) add("Domain", options.domain);
  if (options.maxAgeSeconds !== undefined) add("Max-Age", String(Math.floor(options.maxAgeSeconds)));
  if (options.expires) add("Expires", options.expires.toUTCString());
  if (options.sameSite) add("SameSite", options.sameSite);
  if (options.secure) text += "; Secure";
  if (options.httpOnly) text += "; HttpOnly";
  if (options.partitioned) text += "; Partitioned";
  return text;
}
