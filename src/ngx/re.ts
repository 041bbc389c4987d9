import { describePcreError, compilePcre, Matcher, type PcreMatch } from "../std/pcre/pcre.ts";
import { decodeUtf8, encodeUtf8 } from "../std/bytestring.ts";

/** `[0]` is the whole match, then the groups, false for one that took no part; named groups by their names too. */
export type Captures = { [group: number]: string | false } & { [name: string]: string | false };

/** Where to start, counted from 1 in bytes; moved behind a match. */
export interface ReContext {
  pos?: number;
}

const cacheMax = 1024;
const cache = new Map<string, Matcher>();

/**
 * @param options i, s, m, x, U as in PCRE; a anchors at the start of the search. d, D, j, J, o and u change nothing:
 * patterns are always compiled and kept.
 */
function matcherFor(pattern: string, options: string): Matcher {
  const key = `${options}/${pattern}`;
  let matcher = cache.get(key);
  if (matcher) return matcher;
  const unknown = /[^adDijJmosuUx]/.exec(options);
  if (unknown) throw new SyntaxError(`unknown flag "${unknown[0]}" (flags "${options}")`);
  const inline = [..."smxU"].filter((flag) => options.includes(flag)).join("");
  const source = encodeUtf8(pattern);
  const result = compilePcre(inline === "" ? source : `(?${inline})${source}`, {
    caseInsensitive: options.includes("i"),
  });
  if (!(result instanceof Matcher)) throw new SyntaxError(describePcreError(result, pattern));
  matcher = result;
  if (cache.size >= cacheMax) cache.delete(cache.keys().next().value!);
  cache.set(key, matcher);
  return matcher;
}

function search(matcher: Matcher, subject: string, from: number, options: string): PcreMatch | undefined {
  if (from > subject.length) return undefined;
  const found = matcher.exec(subject, from);
  if (found === "match limit") throw new Error("the pattern needs more work for this subject than one is worth");
  return found && options.includes("a") && found.index !== from ? undefined : found;
}

function capturesOf(matcher: Matcher, found: PcreMatch): Captures {
  const captures: Captures = {};
  for (let i = 0; i <= matcher.groups; i++) captures[i] = textOf(found[i]);
  for (const [name, group] of matcher.names) captures[name] = textOf(found[group]);
  return captures;
}

const textOf = (bytes: string | undefined): string | false => (bytes === undefined ? false : decodeUtf8(bytes));

/** The first match, or null. @throws SyntaxError for a pattern that is wrong @see lua-nginx-module, ngx.re.match */
export function match(subject: string, pattern: string, options = "", context?: ReContext): Captures | null {
  const matcher = matcherFor(pattern, options);
  const found = search(matcher, encodeUtf8(subject), (context?.pos ?? 1) - 1, options);
  if (!found) return null;
  if (context) context.pos = found.index + found[0].length + 1;
  return capturesOf(matcher, found);
}

/** Where a match, or its group `nth`, begins and ends: counted from 1 in bytes, both included. */
export function find(
  subject: string,
  pattern: string,
  options = "",
  context?: ReContext,
  nth = 0,
): [from: number, to: number] | null {
  const bytes = encodeUtf8(subject);
  const found = search(matcherFor(pattern, options), bytes, (context?.pos ?? 1) - 1, options);
  if (!found) return null;
  if (context) context.pos = found.index + found[0].length + 1;
  const group = found[nth];
  if (group === undefined) return null;
  const from = nth === 0 ? found.index : bytes.indexOf(group, found.index);
  return [from + 1, from + group.length];
}

/** All matches, one after the other. */
export function* gmatch(subject: string, pattern: string, options = ""): Generator<Captures, void, void> {
  const matcher = matcherFor(pattern, options);
  for (const found of matchesOf(matcher, encodeUtf8(subject), options)) yield capturesOf(matcher, found);
}

function* matchesOf(matcher: Matcher, subject: string, options: string): Generator<PcreMatch, void, void> {
  for (let from = 0; from <= subject.length;) {
    const found = search(matcher, subject, from, options);
    if (!found) return;
    yield found;
    from = found.index + Math.max(1, found[0].length);
  }
}

/** `$1`, `${1}`, `$$`, or a function of the captures whose result is taken as it is. */
export type Replacement = string | ((captures: Captures) => string);

/** Replaces the first match. @returns the text, and how many matches were replaced */
export function sub(
  subject: string,
  pattern: string,
  replace: Replacement,
  options = "",
): [text: string, count: number] {
  return replaced(subject, pattern, replace, options, 1);
}

/** Replaces all matches. */
export function gsub(
  subject: string,
  pattern: string,
  replace: Replacement,
  options = "",
): [text: string, count: number] {
  return replaced(subject, pattern, replace, options, Number.POSITIVE_INFINITY);
}

function replaced(
  subject: string,
  pattern: string,
  replace: Replacement,
  options: string,
  max: number,
): [string, number] {
  const matcher = matcherFor(pattern, options);
  const bytes = encodeUtf8(subject);
  let text = "";
  let end = 0;
  let count = 0;
  for (const found of matchesOf(matcher, bytes, options)) {
    text += bytes.slice(end, found.index);
    text += encodeUtf8(typeof replace === "function" ? replace(capturesOf(matcher, found)) : expand(replace, found));
    end = found.index + found[0].length;
    if (++count >= max) break;
  }
  return count === 0 ? [subject, 0] : [decodeUtf8(text + bytes.slice(end)), count];
}

function expand(template: string, found: PcreMatch): string {
  return template.replace(
    /\$(?:(\$)|(\d+)|\{(\d+)\})/g,
    (_, dollar: string | undefined, plain?: string, braced?: string) =>
      dollar ?? decodeUtf8(found[Number(plain ?? braced)] ?? ""),
  );
}

/** Splits at the matches; the first group of each stands between the parts. @param max how many parts; 0 is all */
export function split(subject: string, pattern: string, options = "", max = 0): string[] {
  const bytes = encodeUtf8(subject);
  const parts: string[] = [];
  let end = 0;
  let count = 1;
  for (const found of matchesOf(matcherFor(pattern, options), bytes, options)) {
    if (max > 0 && count >= max) break;
    if (found[0] === "" && (found.index === 0 || found.index >= bytes.length)) continue;
    parts.push(decodeUtf8(bytes.slice(end, found.index)));
    if (found[1] !== undefined) parts.push(decodeUtf8(found[1]));
    end = found.index + found[0].length;
    count++;
  }
  parts.push(decodeUtf8(bytes.slice(end)));
  return parts;
}
