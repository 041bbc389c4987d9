/**
 * Is `etag` among the entity tags that an If-Match or If-None-Match names?
 * @param weak Compare as If-None-Match does, which takes a weak and a strong tag of the same text for equal.
 * @see RFC 9110, section 8.8.3.2
 */
export function matchesTag(list: string, etag: string | undefined, weak: boolean): boolean {
  if (list === "*") return true;
  if (etag === undefined) return false;
  const wanted = weak ? withoutWeakness(etag) : etag;
  for (let at = 0; at < list.length;) {
    if (weak && list.startsWith("W/", at) && list.length - at > 2) at += 2;
    if (wanted.length > list.length - at) return false;
    if (list.startsWith(wanted, at)) {
      const end = skipBlanks(list, at + wanted.length);
      if (end === list.length || list[end] === ",") return true;
    }
    const comma = list.indexOf(",", at);
    if (comma < 0) return false;
    at = skipBlanks(list, comma, true);
  }
  return false;
}

function withoutWeakness(etag: string): string {
  return etag.length > 2 && etag.startsWith("W/") ? etag.slice(2) : etag;
}

function skipBlanks(text: string, from: number, commas = false): number {
  let at = from;
  while (at < text.length && (text[at] === " " || text[at] === "\t" || (commas && text[at] === ","))) at++;
  return at;
}
