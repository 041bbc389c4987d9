/** A request target taken apart. */
export interface Target {
  /** Decoded, dot segments resolved. */
  readonly uri: string;
  readonly args: string;
  readonly hasArgs: boolean;
  /** The authority of an absolute-form target, which overrides the Host header (RFC 9112, section 3.2.2). */
  readonly authority: string | undefined;
}

/** Most targets are already what they mean: no escapes, no fragment, no empty or dot segments. */
const plain = /^\/(?:[^%#?/.\0][^%#?/\0]*(?:\/(?![/.])[^%#?/\0]*)*)?$/;

/**
 * @returns undefined for a target that cannot be served: nginx answers 400.
 * @see RFC 9112, section 3.2; RFC 3986, section 5.2.4
 */
export function parseTarget(target: string, mergeSlashes: boolean): Target | undefined {
  let path = target;
  let authority: string | undefined;
  if (!path.startsWith("/")) {
    if (path === "*") return { uri: "*", args: "", hasArgs: false, authority };
    const absolute = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/([^/?#]*)(.*)$/s.exec(path);
    if (!absolute) return undefined;
    authority = absolute[1]!;
    path = absolute[2]!.startsWith("/") ? absolute[2]! : `/${absolute[2]!}`;
  }
  const hash = path.indexOf("#");
  if (hash >= 0) path = path.slice(0, hash);
  const question = path.indexOf("?");
  const hasArgs = question >= 0;
  const args = hasArgs ? path.slice(question + 1) : "";
  if (hasArgs) path = path.slice(0, question);
  const uri = plain.test(path) ? path : normalise(path, mergeSlashes);
  return uri === undefined ? undefined : { uri, args, hasArgs, authority };
}

/** The target of CONNECT is a host with a port and nothing else (RFC 9112, section 3.2.3). */
export function parseConnectTarget(target: string): Target | undefined {
  return /^[^/?#@]+:\d{1,5}$/.test(target) ? { uri: target, args: "", hasArgs: false, authority: target } : undefined;
}

/**
 * Decodes escapes, then resolves "." and ".." and, if asked, merges slashes; undefined where it would leave the root.
 */
export function normalise(path: string, mergeSlashes: boolean): string | undefined {
  const decoded = decode(path);
  if (decoded === undefined || decoded.includes("\0")) return undefined;
  const out: string[] = [];
  const segments = decoded.split("/");
  const last = segments.length - 1;
  for (let i = 1; i <= last; i++) {
    const segment = segments[i]!;
    if (segment === "..") {
      if (out.length === 0) return undefined;
      out.pop();
      if (i === last) out.push("");
    } else if (segment === ".") {
      if (i === last) out.push("");
    } else if (segment !== "" || i === last || !mergeSlashes) out.push(segment);
  }
  return `/${out.join("/")}`;
}

function decode(path: string): string | undefined {
  let percent = path.indexOf("%");
  if (percent < 0) return path;
  let decoded = "";
  let start = 0;
  for (; percent >= 0; percent = path.indexOf("%", start)) {
    const high = hexDigit(path.charCodeAt(percent + 1));
    const low = hexDigit(path.charCodeAt(percent + 2));
    if (high < 0 || low < 0) return undefined;
    decoded += path.slice(start, percent) + String.fromCharCode((high << 4) | low);
    start = percent + 3;
  }
  return decoded + path.slice(start);
}

function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  const lower = code | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

/** Clients of one worker name few hosts: the last ones are remembered. */
const hosts = new Map<string, string>();
const hostsMax = 256;

/**
 * A Host header's name in lower case without its port and final dot; undefined for one that no host can have.
 * @see RFC 9110, section 7.2
 */
export function parseHost(host: string): string | undefined {
  const known = hosts.get(host);
  if (known !== undefined) return known;
  const match = /^(\[[0-9A-Fa-f:.]+\]|[^:[\]]*)(?::[^:]*)?$/.exec(host);
  if (!match || !hostBytes.test(host)) return undefined;
  const name = match[1]!.toLowerCase().replace(/\.$/, "");
  if (match[1]!.includes("..") || (host !== "" && name === "")) return undefined;
  if (hosts.size >= hostsMax) hosts.clear();
  hosts.set(host, name);
  return name;
}

const hostBytes = /^[\x21-\x2e\x30-\x7e\x80-\xff]*$/;
