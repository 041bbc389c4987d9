import { sameName } from "../core/header_list.ts";
import type { RequestProblem } from "../core/exchange.ts";
import type { Request } from "../core/request.ts";
import { core } from "../modules/core/core.ts";

/** What a client may send once only (RFC 9110), under the length of the name: most names have none of these lengths. */
const unique: readonly (readonly string[] | undefined)[] = byLength(
  "host expect if-match if-range authorization if-none-match content-range content-length transfer-encoding " +
    "if-modified-since if-unmodified-since",
);

function byLength(names: string): (string[] | undefined)[] {
  const table: (string[] | undefined)[] = [];
  for (const name of names.split(" ")) (table[name.length] ??= []).push(name);
  return table;
}

/** `METHOD target HTTP/1.1` and the end of the line. */
const requestLineExtra = " ".length + " HTTP/1.1\r\n".length;
/** The colon, a blank and the end of the line. */
const fieldExtra = ": \r\n".length;
/** As much of a line that is too long is logged. */
const shownBytesMax = 1748;

const tooLarge = (message: string): RequestProblem => ({ status: 494, message });
const bad = (message: string): RequestProblem => ({ status: 400, message });

/** Is the request line longer than the configuration allows? */
export function isLineTooLong(request: Request): boolean {
  const { bytes } = core.of(request).large_client_header_buffers;
  return request.target.length + request.method.length + requestLineExtra > bytes;
}

/**
 * Judges the request's header fields once, before anything reads them: a repeated field that must be unique is an
 * error, one with a name that nginx calls invalid is left out (`ignore_invalid_headers`, `underscores_in_headers`).
 * @returns What is wrong; undefined when all is well.
 */
export function checkHead(request: Request): RequestProblem | undefined {
  const { flat } = request.headers;
  const { max_headers, large_client_header_buffers, headBytesMax } = core.of(request);
  const fieldBytesMax = large_client_header_buffers.bytes - fieldExtra;
  if (flat.length > max_headers * 2) return bad("client sent too many header lines");
  let bytes = request.target.length;
  let seen: string | undefined;
  let coding: string | undefined;
  for (let i = 0; i < flat.length; i += 2) {
    const name = flat[i]!;
    const length = name.length + flat[i + 1]!.length;
    if (length > fieldBytesMax) {
      const shown = `${name}: ${flat[i + 1]}`.slice(0, shownBytesMax);
      return tooLarge(`client sent too long header line: "${shown}..."`);
    }
    bytes += length + fieldExtra;
    if (!isPlain(name)) {
      const conf = core.of(request);
      if (conf.ignore_invalid_headers && !(conf.underscores_in_headers && isPlain(name.replaceAll("_", "-")))) {
        request.log(
          "info",
          `client sent invalid header line: "${name}: ${flat[i + 1]}" while reading client request headers`,
        );
        flat.splice(i, 2);
        i -= 2;
        continue;
      }
    }
    const candidates = unique[name.length];
    if (!candidates) continue;
    let lower: string | undefined;
    for (let j = 0; j < candidates.length && lower === undefined; j++)
      if (sameName(name, candidates[j]!)) lower = candidates[j];
    if (lower === undefined) continue;
    if (seen?.includes(`${lower};`)) {
      const kind = lower === "host" ? "host header" : "header line";
      return bad(
        `client sent duplicate ${kind}: "${name}: ${flat[i + 1]}", previous value: "${name}: ${request.header(lower)}"`,
      );
    }
    if (lower === "transfer-encoding") coding = flat[i + 1]!;
    seen = seen === undefined ? `${lower};` : `${seen}${lower};`;
  }
  if (bytes > headBytesMax) return tooLarge("client sent too large request");
  return coding === undefined ? undefined : checkCoding(request, coding);
}

/** The runtime takes any coding for none; what it leaves in the connection would be read as the next request. */
function checkCoding(request: Request, coding: string): RequestProblem | undefined {
  if (request.exchange.httpVersion < 11) return bad('client sent HTTP/1.0 request with "Transfer-Encoding" header');
  if (coding.toLowerCase() === "chunked") return undefined;
  return { status: 501, message: `client sent unknown "Transfer-Encoding": "${coding}"` };
}

/** Letters, digits and hyphens only. */
function isPlain(name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    const lower = code | 32;
    if ((lower < 97 || lower > 122) && (code < 48 || code > 57) && code !== 45) return false;
  }
  return true;
}
